"""What stands before the weights of a GGUF file: entries by name, and where each tensor lies.

The format (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): `GGUF`, a version, the numbers of tensors and of
entries; each entry as a name, a kind and a value; each tensor as a name, its sizes with the innermost first, a kind and
where it begins behind the header, which is filled up to a multiple of the alignment.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from heddle.graph.errors import FileProblem
from heddle.graph.said import say

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_TEXT, _LIST = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_ALIGNMENT = "general.alignment"
_PUBLISHED_ALIGNMENT = 32
_MOST_SIZES = 8  # of one tensor
LARGEST_BYTES = 100_000_000  # of all that stands before the weights, tokenizers included


class GgufTensor(NamedTuple):
    """shape: the outermost size first, as elsewhere. kind: ggml's number for it. begin: counted in the file."""

    name: str
    shape: tuple[int, ...]
    kind: int
    begin: int


class GgufContent(NamedTuple):
    entries: dict[str, Any]
    tensors: list[GgufTensor]


def read_gguf(path: Path, is_wanted: Callable[[str], bool]) -> GgufContent:
    """A file's tensors, and those of its entries whose names are wanted.

    Raises: FileProblem, if the file is damaged, or no GGUF file.
    """
    try:
        with path.open("rb") as file:
            return _Reader(file).content(is_wanted)
    except (OSError, ValueError, struct.error, MemoryError) as error:
        raise FileProblem(
            say("{file} is damaged, or no GGUF file: {why}", file=path.name, why=error), path=path
        ) from error


class _Reader:
    """Reads one thing after the other. Lengths are believed only as far as the file goes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = min(os.fstat(file.fileno()).st_size, LARGEST_BYTES)

    def content(self, is_wanted: Callable[[str], bool]) -> GgufContent:
        magic, version = self._take(len(MAGIC)), self._number("I")
        if magic != MAGIC or version not in _VERSIONS:
            raise ValueError(say("it begins with {magic!r} and version {version}", magic=magic, version=version))
        tensors, entries = self._number("Q"), self._number("Q")
        found: dict[str, Any] = {}
        alignment = _PUBLISHED_ALIGNMENT
        for _ in range(entries):
            name = self._text()
            value = self._value(self._number("I"))
            if name == _ALIGNMENT:
                alignment = value
            if is_wanted(name):
                found[name] = value
        if type(alignment) is not int or alignment < 1:
            raise ValueError(say("its {key} is {found!r}", key=_ALIGNMENT, found=alignment))
        told = [self._tensor() for _ in range(tensors)]  # ends with the file at the latest
        begin = -(-self._file.tell() // alignment) * alignment
        return GgufContent(found, [each._replace(begin=begin + each.begin) for each in told])

    def _tensor(self) -> GgufTensor:
        name, count = self._text(), self._number("I")
        if count > _MOST_SIZES:
            raise ValueError(say("{name} has {count} sizes", name=name[:100], count=count))
        sizes = tuple(self._number("Q") for _ in range(count))
        return GgufTensor(name, sizes[::-1], self._number("I"), self._number("Q"))

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._text()
        if kind != _LIST:
            return self._number(_NUMBERS[kind]) if kind in _NUMBERS else self._refuse(kind)
        of, length = self._number("I"), self._number("Q")
        if of == _TEXT:
            return [self._text() for _ in range(length)]  # ends with the file at the latest
        if of not in _NUMBERS:
            self._refuse(of)
        size = struct.calcsize(f"<{_NUMBERS[of]}")
        return list(struct.unpack(f"<{length}{_NUMBERS[of]}", self._take(length * size)))

    def _refuse(self, kind: int) -> Any:
        raise ValueError(say("an entry has the unknown kind {kind}", kind=kind))

    def _text(self) -> str:
        return self._take(self._number("Q")).decode("utf-8", "replace")

    def _number(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self._take(struct.calcsize(f"<{code}")))[0]

    def _take(self, size: int) -> bytes:
        if size > self._left:
            raise ValueError(say("it is cut short, or a length in it is wrong"))
        self._left -= size
        return self._file.read(size)
