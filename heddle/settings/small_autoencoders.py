"""The published small autoencoders, whose halves lie in two files among `vae_approx`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

NAMES = ("taesd", "taesdxl", "taesd3", "taef1")
HALVES = ("encoder", "decoder")


def half_of(name: str, half: str, files: Iterable[str]) -> str | None:
    """The file that holds one half, of the names of `vae_approx`'s files; None if it is not there.

    It is called `NAME_HALF`, whatever follows a dot.
    """
    return next((file for file in files if PurePosixPath(file).name.startswith(f"{name}_{half}.")), None)


def whole_names(files: Iterable[str]) -> list[str]:
    """Those of which both halves are there."""
    files = list(files)
    return [name for name in NAMES if all(half_of(name, half, files) for half in HALVES)]
