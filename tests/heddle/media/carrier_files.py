"""Small files of every kind that carries a workflow, put together by hand, byte by byte."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

WORKFLOW = {"nodes": [{"id": 1, "type": "Note", "title": "Grüße 日本 😀", "widgets_values": [1 << 60]}], "version": 0.4}
PROMPT = {"3": {"class_type": "KSampler", "inputs": {"seed": 5, "model": ["1", 0]}}}
TEXTS = {"prompt": json.dumps(PROMPT), "workflow": json.dumps(WORKFLOW)}
SETTINGS = "a red circle, 丸\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64"


# PNG


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes, after: bytes = b"") -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + after + png_chunk(b"IEND", b"")


def plain_text(key: str, text: str) -> bytes:
    return png_chunk(b"tEXt", key.encode() + b"\0" + text.encode())


def packed_text(key: str, text: str) -> bytes:
    return png_chunk(b"zTXt", key.encode() + b"\0\0" + zlib.compress(text.encode()))


def international_text(key: str, text: str, packed: bool = False) -> bytes:
    body = zlib.compress(text.encode()) if packed else text.encode()
    return png_chunk(b"iTXt", key.encode() + b"\0" + bytes([packed, 0]) + b"de\0Arbeit\0" + body)


def own_text(key: str, text: str) -> bytes:
    return png_chunk(b"comf", key.encode() + b"\0" + text.encode("latin-1"))


# OpenEXR


def exr(texts: Mapping[str, str]) -> bytes:
    """The header of a picture, with texts between attributes of other kinds."""
    values = [("compression", "compression", b"\0"), *((key, "string", text.encode()) for key, text in texts.items())]
    values.append(("dataWindow", "box2i", bytes(16)))
    rows = (f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value for name, kind, value in values)
    return b"\x76\x2f\x31\x01\2\0\0\0" + b"".join(rows) + b"\0"


# EXIF, and pictures that hold it


def exif(tags: Mapping[int, bytes], comment: bytes | None = None, big: bool = False, next_directory: int = 0) -> bytes:
    """A TIFF structure: ASCII tags of IFD0, and a UserComment in the Exif directory."""
    order = ">" if big else "<"
    rows: list[tuple[int, int, bytes]] = [(tag, 2, text + b"\0") for tag, text in tags.items()]
    count = len(rows) + (comment is not None)
    after = 8 + 2 + 12 * count + 4
    deeper = after + sum(len(value) for _, _, value in rows)
    body, values = b"", b""
    for tag, kind, value in rows:
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", after + len(values))
        body += struct.pack(order + "HHI", tag, kind, len(value)) + place
        values += value
    if comment is not None:
        body += struct.pack(order + "HHII", 0x8769, 4, 1, deeper)
        values += struct.pack(order + "HHHII", 1, 0x9286, 7, len(comment), deeper + 18)
        values += struct.pack(order + "I", 0) + comment
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(order + "IH", 8, count)
    return head + body + struct.pack(order + "I", next_directory) + values


TAGS = {0x010F: b"Workflow:" + TEXTS["workflow"].encode(), 0x0110: b"prompt:" + TEXTS["prompt"].encode()}


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp(exif_data: bytes) -> bytes:
    return riff((b"VP8X", b"\x08" + b"\0" * 9), (b"VP8L", b"\x2f\0\0\0\0"), (b"EXIF", exif_data))


def segment(mark: int, body: bytes) -> bytes:
    return bytes([0xFF, mark]) + struct.pack(">H", 2 + len(body)) + body


def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + segment(0xDA, b"\1\1\0\0\0\0") + b"\x12\x34\xff\xd9"


def gif(comment: bytes) -> bytes:
    pieces = b"".join(bytes([len(comment[i : i + 255])]) + comment[i : i + 255] for i in range(0, len(comment), 255))
    looped = b"\x21\xff\x0bNETSCAPE2.0\x03\1\0\0\0"
    frame = b"\x2c\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    return b"GIF89a\1\0\1\0\x80\0\0" + b"\0" * 6 + looped + b"\x21\xfe" + pieces + b"\0" + frame + b"\x3b"


def svg(metadata: str) -> bytes:
    return f'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">\n{metadata}<rect/></svg>'.encode()


SVG_DATA = f"<metadata><![CDATA[{json.dumps({'prompt': PROMPT, 'workflow': WORKFLOW})}]]></metadata>"


# Boxes


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def movie_metadata(texts: Mapping[str, str], version: bytes = b"\0\0\0\0") -> bytes:
    """`keys` and `ilst` in a meta box."""
    keys = box(b"keys", struct.pack(">II", 0, len(texts)), *(box(b"mdta", key.encode()) for key in texts))
    items = (
        box(struct.pack(">I", i + 1), box(b"data", struct.pack(">II", 1, 0), text.encode()))
        for i, text in enumerate(texts.values())
    )
    handler = box(b"hdlr", b"\0" * 8 + b"mdta" + b"\0" * 13)
    return box(b"meta", version, handler, keys, box(b"ilst", *items))


def mp4(*inside_moov: bytes, brand: bytes = b"isom", before: bytes = b"") -> bytes:
    return box(b"ftyp", brand, b"\0\0\2\0", brand) + before + box(b"moov", box(b"mvhd", b"\0" * 20), *inside_moov)


def avif(exif_data: bytes, version: int = 0, in_idat: bool = False, extents: int = 1, brand: bytes = b"avif") -> bytes:
    """Two items, of which the second is the EXIF data."""
    item = struct.pack(">I", 0) + exif_data
    wide = "I" if version == 2 else "H"
    infos = (
        box(b"infe", b"\2\0\0\0", struct.pack(">HH", 1, 0), b"av01\0"),
        box(b"infe", b"\2\0\0\0", struct.pack(">HH", 2, 0), b"Exif\0"),
    )
    start = box(b"ftyp", brand, b"\0\0\0\0", brand)
    step = -(-len(item) // extents)

    def whole(at: int) -> bytes:
        places = struct.pack(">BBBBBB", version, 0, 0, 0, 0x44, 0x40) + struct.pack(">" + wide, 2)
        for number, first, length, parts in ((1, at, 1, 1), (2, 0 if in_idat else at, len(item), extents)):
            places += struct.pack(">" + wide, number) + (
                struct.pack(">H", number - 1 if in_idat else 0) * (version > 0)
            )
            places += struct.pack(">HIH", 0, first, parts)
            for i in range(parts):
                size = length if parts == 1 else min(step, length - i * step)
                places += struct.pack(">II", i * step, size)
        handler = box(b"hdlr", b"\0" * 8 + b"pict" + b"\0" * 13)
        info = box(b"iinf", struct.pack(">IH", 0, 2), *infos)
        data = (box(b"idat", item),) if in_idat else ()
        meta = box(b"meta", b"\0\0\0\0", handler, info, box(b"iloc", places), *data)
        return start + meta + box(b"mdat", b"" if in_idat else item)

    return whole(len(whole(0)) - len(item))


# Matroska


def element(id: int, *content: bytes, size: int | None = None) -> bytes:
    """Sizes take eight bytes here; `size` is one that is not true."""
    body = b"".join(content)
    claimed = len(body) if size is None else size
    return id.to_bytes((id.bit_length() + 7) // 8, "big") + struct.pack(">Q", 1 << 56 | claimed) + body


UNKNOWN_SIZE = (1 << 56) - 1


def simple_tag(name: str, text: str, *inner: bytes) -> bytes:
    return element(0x67C8, element(0x45A3, name.encode()), element(0x4487, text.encode()), *inner)


def tags(texts: Mapping[str, str]) -> bytes:
    return element(0x1254C367, element(0x7373, element(0x63C0), *(simple_tag(k, t) for k, t in texts.items())))


def matroska(*inside_segment: bytes, size: int | None = None) -> bytes:
    return element(0x1A45DFA3, element(0x4282, b"webm")) + element(0x18538067, *inside_segment, size=size)


# Sounds


def vorbis_comment(texts: Mapping[str, str]) -> bytes:
    entries = [f"{key}={text}".encode() for key, text in texts.items()]
    body = struct.pack("<I", 4) + b"us 1" + struct.pack("<I", len(entries))
    return body + b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)


def flac(*blocks: tuple[int, bytes]) -> bytes:
    blocks = ((0, b"\0" * 34), *blocks)
    data = b"fLaC"
    for i, (kind, body) in enumerate(blocks):
        data += bytes([kind | (0x80 if i == len(blocks) - 1 else 0)]) + len(body).to_bytes(3, "big") + body
    return data + b"\xff\xf8 sound"


def ogg_page(lengths: Sequence[int], body: bytes, granule: int = 0, stream: int = 7, flags: int = 0) -> bytes:
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, stream, 0, 0, len(lengths))
    return head + bytes(lengths) + body


def ogg_pages(packet: bytes, stream: int = 7) -> bytes:
    """One packet over as many pages as it needs."""
    lengths = [255] * (len(packet) // 255) + [len(packet) % 255]
    pages = b""
    for i in range(0, len(lengths), 4):  # real ones hold 255 lengths; small ones cross more borders
        row = lengths[i : i + 4]
        pages += ogg_page(row, packet[i * 255 : i * 255 + sum(row)], 0 if len(row) < 4 else -1, stream)
    return pages


def ogg(first: bytes, second: bytes) -> bytes:
    return ogg_pages(first) + ogg_pages(second) + ogg_page([5], b"sound", granule=960)


def id3_size(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def id3(*frames: bytes, version: int = 4, flags: int = 0, extended: bytes = b"") -> bytes:
    body = extended + b"".join(frames)
    return b"ID3" + bytes([version, 0, flags]) + id3_size(len(body)) + body + b"\xff\xfb sound"


def id3_frame(data: bytes, version: int = 4, flags: int = 0, kind: bytes = b"TXXX") -> bytes:
    if version == 2:
        return kind[:3] + len(data).to_bytes(3, "big") + data
    size = id3_size(len(data)) if version == 4 else struct.pack(">I", len(data))
    return kind + size + bytes([0, flags]) + data


def user_text(key: str, text: str, letters: int = 3) -> bytes:
    encoding = ("latin-1", "utf-16", "utf-16-be", "utf-8")[letters]
    gap = b"\0\0" if letters in (1, 2) else b"\0"
    return bytes([letters]) + key.encode(encoding) + gap + text.encode(encoding)


# Headers of JSON


def safetensors(metadata: Mapping[str, Any]) -> bytes:
    header = json.dumps({"__metadata__": metadata, "w": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\1\2"


def glb(document: Any) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", 4, b"BIN\0") + b"\0" * 4
    return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


def _frames(version: int, letters: int) -> list[bytes]:
    return [id3_frame(user_text(key, text, letters), version) for key, text in TEXTS.items()]


COMMENTS = vorbis_comment({"PROMPT": TEXTS["prompt"], "Workflow": TEXTS["workflow"]})

EXAMPLES: dict[str, tuple[str, bytes]] = {
    "OpenEXR": ("OpenEXR", exr(TEXTS)),
    "png tEXt": ("PNG", png(*(plain_text(*each) for each in TEXTS.items()))),
    "png zTXt": ("PNG", png(*(packed_text(*each) for each in TEXTS.items()))),
    "png iTXt": ("PNG", png(*(international_text(*each) for each in TEXTS.items()))),
    "png iTXt packed": ("PNG", png(*(international_text(*each, packed=True) for each in TEXTS.items()))),
    "png comf": ("PNG", png(*(own_text(*each) for each in TEXTS.items()))),
    "animated png": ("PNG", png(png_chunk(b"acTL", b"\0" * 8), after=b"".join(own_text(*e) for e in TEXTS.items()))),
    "png eXIf": ("PNG", png(png_chunk(b"eXIf", exif(TAGS)))),
    "webp": ("WebP", webp(exif(TAGS))),
    "webp with prefix": ("WebP", webp(b"Exif\0\0" + exif(TAGS, big=True))),
    "avif": ("AVIF", avif(exif(TAGS))),
    "avif in idat": ("AVIF", avif(exif(TAGS), version=1, in_idat=True)),
    "avif in pieces": ("AVIF", avif(exif(TAGS, big=True), version=2, extents=3)),
    "jpeg": ("JPEG", jpeg(segment(0xE1, b"Exif\0\0" + exif(TAGS)))),
    "jpeg comments": ("JPEG", jpeg(*(segment(0xFE, f"{key}:{text}".encode()) for key, text in TEXTS.items()))),
    "tiff": ("TIFF", exif(TAGS)),
    "gif": ("GIF", gif(json.dumps(TEXTS).encode())),
    "svg": ("SVG", svg(SVG_DATA)),
    "mp4": ("MP4", mp4(box(b"udta", movie_metadata(TEXTS)), before=box(b"mdat", b"pixels"))),
    "mov": ("MOV", mp4(movie_metadata(TEXTS, version=b""), brand=b"qt  ")),
    "webm": ("Matroska", matroska(tags({"PROMPT": TEXTS["prompt"], "Workflow": TEXTS["workflow"]}))),
    "flac": ("FLAC", flac((1, b"\0" * 9), (4, COMMENTS))),
    "ogg opus": ("Ogg", ogg(b"OpusHead" + b"\0" * 11, b"OpusTags" + COMMENTS)),
    "ogg vorbis": ("Ogg", ogg(b"\x01vorbis" + b"\0" * 23, b"\x03vorbis" + COMMENTS + b"\1")),
    "ogg flac": ("Ogg", ogg(b"\x7fFLAC\1\0\0\1fLaC", b"\x84" + len(COMMENTS).to_bytes(3, "big") + COMMENTS)),
    "mp3 2.4": ("MP3", id3(*_frames(4, 3))),
    "mp3 2.4, UTF-16": ("MP3", id3(*_frames(4, 2))),
    "mp3 2.3, UTF-16 with its mark": ("MP3", id3(*_frames(3, 1), version=3)),
    "mp3 2.2, Latin-1": ("MP3", id3(*_frames(2, 0), version=2)),
    "glb": ("GLB", glb({"asset": {"version": "2.0", "extras": {"prompt": PROMPT, "workflow": TEXTS["workflow"]}}})),
    "safetensors": ("safetensors", safetensors({**TEXTS, "format": "pt"})),
}
"""Name -> (kind, bytes). Each carries PROMPT and WORKFLOW."""
