"""A file as the readers of containers see it: stretches with an end that is kept, and one allowance for all of them.

Nothing that a file says of itself is believed here: a place or length outside the stretch, more parts or more bytes
than any real file has, all end the reading with Damage.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from heddle.graph.said import say

Texts = Iterator[tuple[str, str]]
"""What a reader of one container gives: (key, text) of each entry, as they come."""

Order = Literal["big", "little"]

MAX_PARTS = 1 << 18
"""Reads in one file. A picture of 200 MB in pieces of 8 kB, or a film of hours, takes a tenth of that."""

_MAX_NOTES = 8


class Stream(Protocol):
    """What is asked of an open file."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, whence: int = ..., /) -> int: ...


class Damage(Exception):
    """A file contradicts itself or passes a limit; the words say how, and end up in a note to the person."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass
class Allowance:
    """What reading one file may cost, and what was found wrong with it."""

    bytes: int
    parts: int = MAX_PARTS
    notes: list[str] = field(default_factory=list)

    def spend(self, length: int) -> None:
        """Raises: Damage, once it is used up."""
        if length > self.bytes:
            raise Damage(say("{count:,} bytes of text, more than any workflow has", count=length))
        if self.parts == 0:
            raise Damage(say("it has more parts than any such file"))
        self.bytes -= length
        self.parts -= 1


class Span:
    """A stretch of a file. Places are counted from its start."""

    def __init__(self, stream: Stream, start: int, size: int, allowance: Allowance) -> None:
        self._stream = stream
        self._start = start
        self._allowance = allowance
        self.size = size

    @property
    def end(self) -> int:
        """Its end, counted from the start of the file."""
        return self._start + self.size

    def read(self, at: int = 0, length: int | None = None) -> bytes:
        """`length` bytes at a place, else all from there on.

        Raises: Damage, if the span ends before.
        """
        length = self.size - at if length is None else length
        self._must_hold(at, length)
        self._allowance.spend(length)
        self._stream.seek(self._start + at)
        pieces: list[bytes] = []
        while length and (piece := self._stream.read(length)):  # an unbuffered file may give less than asked
            pieces.append(piece)
            length -= len(piece)
        if length:
            raise Damage(say("it became shorter while it was read"))
        return b"".join(pieces)

    def number(self, at: int, length: int, order: Order = "big") -> int:
        """Raises: Damage."""
        return int.from_bytes(self.read(at, length), order)

    def part(self, at: int, length: int | None = None) -> Span:
        """A stretch inside this one. Raises: Damage, if it reaches outside."""
        length = self.size - at if length is None else length
        self._must_hold(at, length)
        return Span(self._stream, self._start + at, length, self._allowance)

    def over(self, data: bytes) -> Span:
        """Bytes that were put together from the file, read on under the same allowance."""
        return Span(io.BytesIO(data), 0, len(data), self._allowance)

    def unpack(self, data: bytes) -> bytes:
        """What zlib packed. Raises: Damage, if it is damaged or grows past the allowance."""
        unpacker = zlib.decompressobj()
        room = self._allowance.bytes
        try:
            unpacked = unpacker.decompress(data, room + 1)
        except zlib.error as error:
            raise Damage(say("packed text is damaged ({why})", why=str(error))) from error
        self._allowance.spend(len(unpacked))
        if not unpacker.eof:
            raise Damage(say("packed text is cut off"))
        return unpacked

    def note(self, problem: str) -> None:
        """Keep what is wrong with one entry, while others are still read."""
        if len(self._allowance.notes) < _MAX_NOTES:
            self._allowance.notes.append(problem)

    def _must_hold(self, at: int, length: int) -> None:
        if at < 0 or length < 0 or at + length > self.size:
            raise Damage(say("it is damaged or cut off"))
