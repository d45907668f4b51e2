"""Pictures that keep their texts in EXIF data or comments: WebP, JPEG, GIF; and SVG.

Sources: RFC 9649 (WebP), ITU-T T.81 annex B (JPEG), the GIF89a specification, SVG 1.1 section 21.
"""

from __future__ import annotations

import html

from heddle.graph.said import say
from heddle.media.carriers.exif import PREFIX, read_exif
from heddle.media.carriers.spans import Damage, Span, Texts
from heddle.media.carriers.texts import decode, decode_file, sort_loose


def read_webp(file: Span) -> Texts:
    """Raises: Damage."""
    at = 12
    while file.size - at >= 8:
        head = file.read(at, 8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"EXIF":
            yield from read_exif(file.part(at + 8, length))
        at += 8 + length + length % 2
    if at > file.size + 1:  # the last filler byte is often left out
        raise Damage(say("it is damaged or cut off"))


def read_jpeg(file: Span) -> Texts:
    """Segments up to the first scan. Raises: Damage."""
    at = 2
    while True:
        mark = file.read(at, 2)
        if mark[0] != 0xFF:
            raise Damage(say("its {parts} do not follow each other", parts=say("JPEG segments")))
        kind = mark[1]
        if kind == 0xFF:  # filler before a mark
            at += 1
            continue
        if kind in (0xD9, 0xDA):  # the end, or pixels from here on
            return
        if kind == 0x01 or 0xD0 <= kind <= 0xD8:  # marks without a length
            at += 2
            continue
        length = file.number(at + 2, 2)
        if length < 2:
            raise Damage(say("{part} shorter than its own length", part=say("a JPEG segment")))
        segment = file.part(at + 4, length - 2)
        if kind == 0xFE:
            yield "comment", decode(segment.read())
        elif kind == 0xE1 and segment.size > len(PREFIX) and segment.read(0, len(PREFIX)) == PREFIX:
            try:
                yield from read_exif(segment)
            except Damage as damage:
                file.note(say("{part}: {why}", part=say("EXIF data"), why=damage.words))
        at += 2 + length


def read_gif(file: Span) -> Texts:
    """Comments before the first frame. Raises: Damage."""
    flags = file.number(10, 1)
    at = 13 + _palette_size(flags)
    while file.number(at, 1) == 0x21:  # extensions; a frame or the end is something else
        label = file.number(at + 1, 1)
        at += 2
        pieces: list[bytes] = []
        while length := file.number(at, 1):
            if label == 0xFE:
                pieces.append(file.read(at + 1, length))
            at += 1 + length
        at += 1
        if label == 0xFE:
            yield "comment", decode(b"".join(pieces))


def _palette_size(flags: int) -> int:
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


def read_svg(file: Span) -> Texts:
    """JSON in the metadata elements, in CDATA sections or escaped. Raises: Damage."""
    text = decode_file(file.read())
    at = 0
    while (at := text.find("<metadata", at)) >= 0:
        start = text.find(">", at) + 1
        if not start:
            return
        if text[start - 2] == "/":  # an empty one
            at = start
            continue
        content, at = _content(text, start)
        if content.lstrip().startswith("{"):
            yield from ((key, found) for key, found in sort_loose(content) if key != "comment")


def _content(text: str, at: int) -> tuple[str, int]:
    """The text of an element from `at` up to its end tag, and where that stands.

    An end tag inside a CDATA section is part of the text, so the two are followed together; each search goes on where
    the last one ended, so that no file makes it slow.
    """
    pieces: list[str] = []
    end = text.find("</metadata", at)
    while end >= 0:
        section = text.find("<![CDATA[", at, end)
        if section < 0:
            pieces.append(html.unescape(text[at:end]))
            break
        close = text.find("]]>", section)
        if close < 0:
            return "", len(text)
        pieces += [html.unescape(text[at:section]), text[section + 9 : close]]
        at = close + 3
        if end < at:
            end = text.find("</metadata", at)
    return ("".join(pieces), end) if end >= 0 else ("", len(text))
