"""EXIF data, which is a small TIFF file, and TIFF files themselves: texts in the tags of the first directory.

Source: TIFF 6.0, section 2; Exif 3.0, 4.6.3 (the pointer to the Exif directory) and 4.6.5 (UserComment).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from heddle.graph.said import say
from heddle.media.carriers.spans import Damage, Order, Span, Texts
from heddle.media.carriers.texts import KNOWN, decode, decode_utf16, parse, sort_loose

PREFIX = b"Exif\0\0"
"""Stands before the data in a JPEG, and by mistake elsewhere."""

_EXIF_DIRECTORY, _USER_COMMENT = 0x8769, 0x9286
_ASCII, _LONG, _UNDEFINED, _IFD, _UTF8 = 2, 4, 7, 13, 129
_SIZES = {_ASCII: 1, _LONG: 4, _UNDEFINED: 1, _IFD: 4, _UTF8: 1}  # of the types that are asked for; others are skipped


def read_exif(data: Span) -> Texts:
    """`key:text` in the ASCII tags of IFD0, and what the UserComment says.

    Raises: Damage.
    """
    if data.size >= len(PREFIX) and data.read(0, len(PREFIX)) == PREFIX:
        data = data.part(len(PREFIX))
    head = data.read(0, 8)
    orders: dict[bytes, Order] = {b"II*\0": "little", b"MM\0*": "big"}
    order = orders.get(head[:4])
    if order is None:
        raise Damage(say("EXIF data without its mark"))
    deeper: int | None = None
    for tag, kind, value in _tags(data, int.from_bytes(head[4:], order), order):
        if tag == _EXIF_DIRECTORY and kind in (_LONG, _IFD):
            deeper = int.from_bytes(value[:4], order)
        elif kind in (_ASCII, _UTF8):
            yield from _sort_tag(decode(value).rstrip("\0"))
    if deeper is not None:
        for tag, kind, value in _tags(data, deeper, order):
            if tag == _USER_COMMENT and kind in (_ASCII, _UNDEFINED, _UTF8):
                yield "comment", _comment(value, order)


def _tags(data: Span, at: int, order: Order) -> Iterator[tuple[int, int, bytes]]:
    """(tag, type, value) of a directory, as far as the type is one that is asked for."""
    count = data.number(at, 2, order)
    rows = data.read(at + 2, min(count * 12, data.size - at - 2))
    for row in (rows[i : i + 12] for i in range(0, len(rows) - 11, 12)):
        tag, kind, amount = (int.from_bytes(row[a:b], order) for a, b in ((0, 2), (2, 4), (4, 8)))
        if kind not in _SIZES:
            continue
        size = amount * _SIZES[kind]
        try:
            yield tag, kind, (row[8 : 8 + size] if size <= 4 else data.read(int.from_bytes(row[8:], order), size))
        except Damage as damage:  # other tags lie elsewhere
            data.note(say("{part}: {why}", part=say("EXIF tag {tag:#06x}", tag=tag), why=damage.words))
    if len(rows) < count * 12:
        raise Damage(say("its EXIF data is cut off"))


def _sort_tag(text: str) -> Texts:
    match = re.match(r"(\w+):(.*)", text, re.DOTALL)
    if match and (match[1].lower() in KNOWN or _is_json(match[2])):
        yield match[1].lower(), match[2]
        return
    # The camera's name and the like are of no use to anyone here.
    yield from ((key, found) for key, found in sort_loose(text) if key != "comment")


def _is_json(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _comment(value: bytes, order: Order) -> str:
    """A UserComment: eight bytes that name its letters, then the text."""
    letters, text = value[:8], value[8:]
    if letters == b"UNICODE\0":
        return decode_utf16(text, order)
    if letters in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0" * 8):
        return decode(text)
    return decode(value)  # some writers leave the name out
