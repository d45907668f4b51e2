"""PNG and animated PNG: texts in tEXt, zTXt, iTXt and comf chunks, and the EXIF data of an eXIf chunk.

Source: PNG (third edition), 5.3, 11.3.3; the comf chunk is this ecosystem's own, used after an animation's first frame.
"""

from __future__ import annotations

from heddle.graph.said import say
from heddle.media.carriers.exif import read_exif
from heddle.media.carriers.spans import Damage, Span, Texts
from heddle.media.carriers.texts import decode


def read_png(file: Span) -> Texts:
    """Raises: Damage, where the chunks cannot be followed any further."""
    at = 8
    while True:
        head = file.read(at, 8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            return
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"comf"):
            keyword, found, rest = file.read(at + 8, length).partition(b"\0")
            if found:
                try:
                    yield keyword.decode("latin-1"), _text_of(file, kind, rest)
                except Damage as damage:  # the next chunk stands where it stands all the same
                    part = keyword[:79].decode("latin-1")
                    file.note(say("{part}: {why}", part=part, why=damage.words))
        elif kind == b"eXIf":
            try:
                yield from read_exif(file.part(at + 8, length))
            except Damage as damage:
                file.note(say("{part}: {why}", part=say("EXIF data"), why=damage.words))
        at += 8 + length + 4  # its checksum


def _text_of(file: Span, kind: bytes, rest: bytes) -> str:
    packed = False
    if kind == b"zTXt":
        packed, rest = True, rest[1:]
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # past the language and the translated keyword
    return decode(file.unpack(rest) if packed else rest)
