"""Textual inversions: vectors from small files that stand in for tokens, found by the name a prompt gives.

Names are looked up in a list of the files that are in the folders, so no name leads out of them. Reading a file takes
torch, which this room does not import: the function that reads is handed in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from heddle.graph.errors import FileProblem
from heddle.graph.said import say

SUFFIXES = (".safetensors", ".pt", ".bin", ".ckpt")
"""What embedding files are called; of two with one name the earlier kind is taken."""
_BUNDLE = "bundle_emb."
_FEW = 3
_LONGEST_NAME = 100

ReadFile = Callable[[Path], Any]
"""File -> what it holds: a dict (or a list of dicts) of tensors. Raises FileProblem."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """Vectors for one text encoder.

    Attributes:
        name: file name within its folder, without ending.
        key: under which they lay in the file.
        rows: tensors [width], one for each token's place.
    """

    name: str
    key: str
    rows: Sequence[Any]


class EmbeddingRow(NamedTuple):
    """One vector of an embedding, in a token's place."""

    embedding: Embedding
    row: int

    @property
    def vector(self) -> Any:
        """Tensor [width]."""
        return self.embedding.rows[self.row]


FindEmbedding = Callable[[str], Embedding | None]
"""Name as written -> the embedding, or None if there is no such file. Raises FileProblem if it cannot be used."""


class EmbeddingFinder:
    """What `tokenize_prompt` asks for embeddings. Folders are listed at the first question, each file is read once.

    Args:
        key: which of a file's tensors belong to this text encoder, where it holds several: clip_l, clip_g, clip_h.
        width: of the encoder's token vectors. An embedding of another width is a FileProblem; None takes any.
    """

    def __init__(self, folders: Iterable[Path], read: ReadFile, *, key: str, width: int | None = None) -> None:
        self._folders = list(folders)
        self._read, self._key, self._width = read, key, width
        self._found: dict[str, Embedding | FileProblem] = {}

    def __call__(self, name: str) -> Embedding | None:
        path = self._paths.get(name.strip("\n").replace("\\", "/"))
        if path is None:
            return None
        if name not in self._found:
            try:
                self._found[name] = _load(name, path, self._read, self._key, self._width)
            except FileProblem as problem:
                self._found[name] = problem
        known = self._found[name]
        if isinstance(known, FileProblem):
            raise known
        return known

    @property
    def names(self) -> list[str]:
        """Names that files go by, without their endings; those that lie nearer to the top first."""
        return [name for name, path in self._paths.items() if not name.endswith(path.suffix)]

    def near(self, name: str) -> list[str]:
        """The few names that are most like one that is not there, without their endings; of each file the nearest."""
        names = {each.removesuffix(path.suffix).lower(): (each, path) for each, path in self._paths.items()}
        found: dict[Path, str] = {}
        for small in get_close_matches(name[:_LONGEST_NAME].lower(), names, n=4 * _FEW):
            each, path = names[small]
            found.setdefault(path, each.removesuffix(path.suffix))
        return list(found.values())[:_FEW]

    @cached_property
    def _paths(self) -> dict[str, Path]:
        return list_embeddings(self._folders)


def list_embeddings(folders: Iterable[Path]) -> dict[str, Path]:
    """Every name that leads to an embedding file.

    A file in a subfolder answers to its path from any folder above it: a/b/n.pt to `a/b/n`, `b/n` and `n`, with or
    without the ending. Files nearer to the top, earlier folders and earlier endings come first.
    """
    files: list[tuple[int, int, str, int, tuple[str, ...], Path]] = []
    for order, folder in enumerate(folders):
        for place, _, names in os.walk(folder, followlinks=False):
            for name in names:
                path = Path(place) / name
                if path.suffix.lower() in SUFFIXES:
                    parts = path.relative_to(folder).parts
                    files.append((order, len(parts), place, SUFFIXES.index(path.suffix.lower()), parts, path))
    paths: dict[str, Path] = {}
    files.sort()
    for above in range(max((len(file[4]) for file in files), default=0)):  # names from the folder itself first
        for *_, parts, path in files:
            if above < len(parts):
                name = "/".join(parts[above:])
                paths.setdefault(name, path)
                paths.setdefault(name[: -len(path.suffix)], path)
    return paths


def pick_rows(content: Any, key: str, width: int | None) -> tuple[str, list[Any]] | None:
    """The vectors for one encoder from what a file holds: (key in the file, rows), or None if there are none.

    Layouts: {name: vectors}, {clip_l:, clip_g:}, the web UI's {string_to_param: {"*": vectors}}, a list of such dicts,
    and bundles inside adapter files (bundle_emb.NAME.KEY).
    """
    if isinstance(content, list):
        rows = [
            row
            for part in content
            if isinstance(part, Mapping)
            for tensor in part.values()
            for row in _rows(tensor)
            if width is None or row.shape[-1] == width
        ]
        return ("list", rows) if rows else None
    if not isinstance(content, Mapping):
        return None
    inner = content.get("string_to_param")
    if isinstance(inner, Mapping):
        key, content = "string_to_param", {"string_to_param": next(iter(inner.values()), None)}
    bundled = {name.split(".", 2)[2]: tensor for name, tensor in content.items() if _is_bundled(name)}
    if bundled:
        content = {name.removesuffix(".*"): tensor for name, tensor in bundled.items()}
    candidates = [key, *(name for name in content if name != key)]
    for candidate in candidates:
        rows = _rows(content.get(candidate))
        if rows:
            return candidate, rows
    return None


def _is_bundled(name: Any) -> bool:
    return isinstance(name, str) and name.startswith(_BUNDLE) and name.count(".") >= 2


def _rows(tensor: Any) -> list[Any]:
    shape = getattr(tensor, "shape", ())
    if len(shape) == 1:
        return [tensor]
    return list(tensor) if len(shape) == 2 else []


def _load(name: str, path: Path, read: ReadFile, key: str, width: int | None) -> Embedding:
    picked = pick_rows(read(path), key, width)
    if picked is None:
        raise FileProblem(
            say("embedding {name!r}: {file} holds no vectors that can stand in for tokens", name=name, file=path.name),
            path=path,
        )
    used, rows = picked
    if width is not None and rows[0].shape[-1] != width:
        raise FileProblem(
            say(
                "embedding {name!r}: {file} has vectors of {found} numbers, but this text encoder wants "
                "{width}: it was made for another model and was left out of the prompt",
                name=name,
                file=path.name,
                found=rows[0].shape[-1],
                width=width,
            ),
            path=path,
        )
    if not all(bool(row.isfinite().all()) for row in rows):
        raise FileProblem(
            say(
                "embedding {name!r}: {file} has vectors that are no finite numbers, which no picture "
                "survives: it was left out of the prompt",
                name=name,
                file=path.name,
            ),
            path=path,
        )
    return Embedding(name.removesuffix(path.suffix), used, rows)
