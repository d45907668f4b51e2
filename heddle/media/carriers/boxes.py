"""Files made of boxes: MP4, MOV and M4V keep texts in moov's metadata, AVIF and HEIF in an Exif item.

Sources: ISO/IEC 14496-12 (boxes, meta, iinf, iloc), 23008-12 annex A (Exif items); QuickTime File Format, "Metadata"
(keys and ilst).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from heddle.graph.said import say
from heddle.media.carriers.exif import read_exif
from heddle.media.carriers.spans import Damage, Span, Texts
from heddle.media.carriers.texts import decode

_UTF8, _UTF16 = 1, 2  # "well-known types" of a value; 0 is written by those who do not know better


def read_boxes(file: Span) -> Texts:
    """Raises: Damage."""
    for kind, box in _boxes(file):
        if kind == b"meta":
            yield from _exif_items(file, box)
        elif kind == b"moov":
            yield from _movie_texts(box)
            return  # there is one; after it come thousands of fragments in some files


def _boxes(span: Span, at: int = 0) -> Iterator[tuple[bytes, Span]]:
    """(kind, content) of the boxes that follow each other. Raises: Damage."""
    while span.size - at >= 8:
        head = span.read(at, 8)
        size, start = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, start = span.number(at + 8, 8), 16
        elif size == 0:  # up to the end
            size = span.size - at
        if size < start:
            raise Damage(say("{part} shorter than its own length", part=say("a box")))
        yield head[4:], span.part(at + start, size - start)
        at += size


def _movie_texts(movie: Span) -> Texts:
    for kind, box in _boxes(movie):
        if kind == b"meta":
            yield from _item_list(box)
        elif kind == b"udta":
            for inner_kind, inner in _boxes(box):
                if inner_kind == b"meta":
                    yield from _item_list(inner)
                elif inner_kind == b"\xa9cmt" and inner.size > 4:  # QuickTime's own: length and language before it
                    yield "comment", decode(inner.read(4, min(inner.number(0, 2), inner.size - 4)))


def _inside_meta(meta: Span) -> Iterator[tuple[bytes, Span]]:
    """Boxes of a meta box; MP4 puts a version before them, QuickTime does not."""
    plain = meta.size >= 8 and meta.read(4, 4) == b"hdlr"
    return _boxes(meta, 0 if plain else 4)


def _item_list(meta: Span) -> Texts:
    names: list[str] = []
    for kind, box in _inside_meta(meta):
        if kind == b"keys":
            names = [decode(name.read()) for _, name in _boxes(box, 8)]
        elif kind == b"ilst":
            for index, item in _boxes(box):
                yield from _item(index, item, names)


def _item(index: bytes, item: Span, names: list[str]) -> Texts:
    number = int.from_bytes(index, "big")
    name = names[number - 1] if 0 < number <= len(names) else "comment" if index == b"\xa9cmt" else ""
    for kind, box in _boxes(item):
        if kind == b"name" and index == b"----":  # iTunes' way to name a key
            name = decode(box.read(4))
        elif kind == b"data" and name:
            type = box.number(0, 4)
            if type not in (0, _UTF8, _UTF16):  # numbers and pictures
                continue
            text = box.read(8).decode("utf-16-be", "replace") if type == _UTF16 else decode(box.read(8))
            yield name, text


@dataclass(frozen=True)
class _Place:
    """Where an item's bytes lie: extents of (offset, length), in the file or in the idat box."""

    in_idat: bool
    extents: tuple[tuple[int, int], ...]


def _exif_items(file: Span, meta: Span) -> Texts:
    exif: set[int] = set()
    places: dict[int, _Place] = {}
    idat: Span | None = None
    for kind, box in _inside_meta(meta):
        if kind == b"iinf":
            exif = {number for number, type in _item_types(box) if type == b"Exif"}
        elif kind == b"iloc":
            places = dict(_item_places(box))
        elif kind == b"idat":
            idat = box
    for number in sorted(exif & places.keys()):
        place = places[number]
        source = idat if place.in_idat else file
        if source is None:
            continue
        try:
            # A length of 0 means up to the end.
            pieces = [source.part(at, length or None) for at, length in place.extents]
            data = pieces[0] if len(pieces) == 1 else file.over(b"".join(piece.read() for piece in pieces))
            yield from read_exif(data.part(4 + data.number(0, 4)))
        except Damage as damage:
            file.note(say("{part}: {why}", part=say("EXIF data"), why=damage.words))


def _item_types(box: Span) -> Iterator[tuple[int, bytes]]:
    """(item number, type) of an iinf box."""
    for kind, info in _boxes(box, 8 if box.number(0, 1) else 6):
        version = info.number(0, 1)
        if kind == b"infe" and version >= 2:
            wide = 4 if version >= 3 else 2
            yield info.number(4, wide), info.read(4 + wide + 2, 4)


def _item_places(box: Span) -> Iterator[tuple[int, _Place]]:
    """(item number, place) of an iloc box."""
    data = box.over(box.read())
    version, sizes = data.number(0, 1), data.number(4, 2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    wide = 4 if version >= 2 else 2
    at = 6 + wide
    for _ in range(data.number(6, wide)):
        number = data.number(at, wide)
        at += wide
        method = 0
        if version:
            method = data.number(at, 2) & 15
            at += 2
        at += 2  # which file: always this one
        base = data.number(at, base_size)
        at += base_size
        count = data.number(at, 2)
        at += 2
        extents: list[tuple[int, int]] = []
        for _ in range(count):
            at += index_size
            offset = data.number(at, offset_size)
            length = data.number(at + offset_size, length_size)
            at += offset_size + length_size
            extents.append((base + offset, length))
        yield number, _Place(method == 1, tuple(extents))
