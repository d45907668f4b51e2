"""TIFF files of 16 bits that have each channel by itself, taken apart into a grey TIFF for each.

Pillow reads the upper eight bits of such files where they are packed, and takes every byte for a value where they are
not; of grey it reads all sixteen. Source: TIFF 6.0, section 2 (structure), 8 (baseline fields), 15 (tiles).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

_BITS, _COLOURS, _CHANNELS, _LAYOUT, _MEANING = 258, 262, 277, 284, 339
_STRIPS, _TILES = (273, 279), (324, 325)  # where they begin, and how many bytes each has
# What is the same for each channel: size, compression, order of bits, orientation, rows of a strip, predictor, tiles.
_SAME = {256: "I", 257: "I", 259: "H", 266: "H", 274: "H", 278: "I", 317: "H", 322: "I", 323: "I"}


def has_deep_planes(tags: Mapping[int, Any]) -> bool:
    """Whether a directory of a TIFF file describes channels of 16 bits, unsigned, each by itself."""
    channels = tags.get(_CHANNELS, 1)
    described = (tags.get(_LAYOUT), tags.get(_COLOURS), set(tags.get(_BITS, ())), set(tags.get(_MEANING, (1,))))
    return described == (2, 2, {16}, {1}) and channels in (3, 4)


def planes_of(tags: Mapping[int, Any], order: str, file: BinaryIO) -> Iterator[bytes]:
    """A grey TIFF file for each channel.

    Args:
        order: "<" or ">", that of the file's numbers.
    Raises: LookupError or ValueError, if the directory does not say where the channels lie.
    """
    begin_tag, size_tag = _STRIPS if _STRIPS[0] in tags else _TILES
    begins, sizes = tags[begin_tag], tags[size_tag]
    count = len(begins) // tags[_CHANNELS]
    if len(begins) != len(sizes) or count * tags[_CHANNELS] != len(begins) or sum(sizes) > file.seek(0, 2):
        raise ValueError("its strips are not those of its channels")
    for first in range(0, len(begins), count):
        pieces: list[bytes] = []
        for begin, size in zip(begins[first : first + count], sizes[first : first + count], strict=True):
            file.seek(begin)
            pieces.append(file.read(size))
        fields = [(tag, form, [tags[tag]]) for tag, form in _SAME.items() if tag in tags]
        fields += [(_BITS, "H", [16]), (_COLOURS, "H", [1]), (_CHANNELS, "H", [1]), (size_tag, "I", map(len, pieces))]
        yield grey_tiff(fields, begin_tag, pieces, order)


def grey_tiff(fields: list[tuple[int, str, Any]], begin_tag: int, pieces: list[bytes], order: str) -> bytes:
    """A TIFF file with these tags and these strips or tiles.

    Args:
        fields: (tag, "H" or "I", numbers), all but where the pieces begin, which `begin_tag` says.
    """
    begins: list[int] = []
    at = 8
    for piece in pieces:
        begins.append(at)
        at += len(piece)
    directory = at + at % 2
    fields = sorted([*fields, (begin_tag, "I", begins)])
    far_at = directory + 2 + 12 * len(fields) + 4
    entries, far = b"", b""
    for tag, form, values in fields:
        numbers = list(values)
        packed = struct.pack(f"{order}{len(numbers)}{form}", *numbers)
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(f"{order}I", far_at + len(far))
        entries += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[form], len(numbers)) + place
        far += packed if len(packed) > 4 else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", directory)
    filler = bytes(directory - at)
    return b"".join((head, *pieces, filler, struct.pack(f"{order}H", len(fields)), entries, bytes(4), far))
