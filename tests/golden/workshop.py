"""What the kinds of sets share while one set is checked: the set, folders, synthetic checkpoints."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from tests.golden.notation import read_tensor
from tests.golden.sets import GoldenSet

_SCRIPT = Path(__file__).with_name("synth_checkpoint.py")


class NoCheckpoint(Exception):
    """A synthetic checkpoint could not be made, or is not the one that the numbers belong to."""


class Workshop:
    """One set under check.

    Args:
        formats: folder with the name -> shape lists.
        cache: folder for what is made; checkpoints stay there.
        made: checkpoints that were checked in this process, by sha256.
    """

    def __init__(self, golden: GoldenSet, formats: Path, cache: Path, made: dict[str, Path]) -> None:
        self.golden = golden
        self.formats = formats
        self.cache = cache
        self._made = made
        self.kept: dict[str, Any] = {}  # what a kind made for one case and needs for the next

    def tensor(self, text: Any, *, shape: Sequence[int] | None = None, **variables: float) -> Tensor:
        """What an input stands for, see `notation.py`."""
        return read_tensor(text, tensors=self.golden.tensors(), variables=variables, shape=shape)

    def folder(self, name: str) -> Path:
        """A folder of the set's own for files that are made quickly."""
        folder = self.cache / self.golden.name / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @cached_property
    def checkpoint(self) -> Path:
        """The checkpoint that the set's numbers belong to, made now if it is not in the cache."""
        return self.made(self.golden.about["checkpoint"])

    def made(self, recipe: dict[str, str]) -> Path:
        """The checkpoint of a recipe, {command, sha256}, made now if it is not in the cache."""
        wanted = recipe["sha256"]
        if wanted not in self._made:
            self._made[wanted] = self._make(_words(recipe["command"]), wanted)
        return self._made[wanted]

    def _make(self, words: list[str], wanted: str) -> Path:
        """`synth_checkpoint.py FORMAT OUT [options]` carried out, with the format looked up in `formats`."""
        shapes, options = self.formats / Path(words[1]).name, words[3:]
        path = self.cache / f"{shapes.stem}-{wanted[:16]}.safetensors"
        if path.is_file() and _sha256(path) == wanted:
            return path
        if not shapes.is_file():
            raise NoCheckpoint(f"{shapes} is not there; say with --formats where the lists of names and shapes are")
        self.cache.mkdir(parents=True, exist_ok=True)
        size = 4 * sum(math.prod(shape) for shape in json.loads(shapes.read_text("utf-8")).values())
        free = shutil.disk_usage(self.cache).free
        if size > 2 * free:  # the files have two bytes a number
            raise NoCheckpoint(
                f"{self.cache} has {free >> 20} MiB free, but {size >> 21} are needed; choose another --cache"
            )
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        print(f"making {path} ({size >> 21} MiB)", flush=True)
        try:
            done = subprocess.run(
                [sys.executable, str(_SCRIPT), str(shapes), str(unfinished), *options],
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise NoCheckpoint(f"the checkpoint could not be made: {done.stderr.strip().splitlines()[-1:]}")
            sha256 = done.stdout.split()[-1]
            if sha256 != wanted:
                raise NoCheckpoint(
                    f"{shapes.name} gives a checkpoint with sha256 {sha256}, but the numbers are for {wanted}"
                )
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return path


def _words(command: str) -> list[str]:
    """A command's words. Backslashes stay: they belong to patterns, which stand there without quotes."""
    reader = shlex.shlex(command, posix=True, punctuation_chars=False)
    reader.whitespace_split, reader.escape, reader.commenters = True, "", ""
    return list(reader)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
