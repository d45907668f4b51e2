"""A SentencePiece model made of its parts, for the library that reads such models.

A model file is a protocol-buffers message; the numbers of its fields are those of sentencepiece_model.proto
(https://github.com/google/sentencepiece).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_UNIGRAM, _PAIRS = 1, 2  # kinds of models
_NUMBER, _BYTES, _FLOAT = 0, 2, 5  # kinds of fields


@dataclass(frozen=True)
class PieceModel:
    """What a tokenizer of this kind consists of.

    Attributes:
        pieces: text, score, and kind of each, by its id: 1 normal, 2 unknown, 3 control, 4 user's, 5 unused, 6 byte.
        merges_pairs: it merges pairs (Llama) rather than choosing the likeliest pieces (T5).
        charsmap: how characters are replaced before, in the library's own form; empty = not at all.
        adds_blank: a blank is put before the text.
        joins_blanks: several blanks count as one, and those around the text as none.
    """

    pieces: Sequence[tuple[str, float, int]]
    merges_pairs: bool
    charsmap: bytes = b""
    adds_blank: bool = True
    joins_blanks: bool = True

    def serialized(self) -> bytes:
        """The model file."""
        has_bytes = any(kind == 6 for _, _, kind in self.pieces)
        pieces = (
            _message([_field(1, text.encode()), _field(2, float(score)), _field(3, int(kind))])
            for text, score, kind in self.pieces
        )
        trainer = _message([_field(3, _PAIRS if self.merges_pairs else _UNIGRAM), _field(35, int(has_bytes))])
        normalizer = _message(
            [
                _field(2, self.charsmap),
                _field(3, int(self.adds_blank)),
                _field(4, int(self.joins_blanks)),
                _field(5, 1),  # blanks are written as the pieces have them
            ]
        )
        return _message([*(_field(1, piece) for piece in pieces), _field(2, trainer), _field(3, normalizer)])


def _message(fields: Iterable[bytes]) -> bytes:
    return b"".join(fields)


def _field(number: int, value: bytes | float) -> bytes:
    if isinstance(value, bytes):
        return _count(number << 3 | _BYTES) + _count(len(value)) + value
    if isinstance(value, int):
        return _count(number << 3 | _NUMBER) + _count(value)
    return _count(number << 3 | _FLOAT) + struct.pack("<f", value)


def _count(value: int) -> bytes:
    """A number from 0 on, seven bits a byte, the lowest first."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))
