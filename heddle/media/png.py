"""PNG files, chunk by chunk: those that Pillow does not write, and what a copy keeps of the one it was made of.

Source: PNG (third edition), 5.3 (chunks), 7.2 (scanlines), 8 (interlacing), 9 (filters), 11.2 and 11.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEAD_BYTES = 33
"""Signature and IHDR: what else a file says comes after them."""

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # grey, grey and alpha, RGB, RGBA
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type; 3 is a palette's
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_LEFT = 1  # the filter that takes off each value the one on its left: no row needs another
_STRIP_BYTES = 1 << 20

# What stays true of a picture whose alpha is another one: its colours (in either direction), its size on paper, texts.
_KEPT = {b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs", b"tEXt", b"zTXt", b"iTXt", b"comf"}


def encode_plain(pixels: NDArray[np.uint8] | NDArray[np.uint16], chunks: bytes, level: int) -> bytes:
    """The bytes of a PNG of 8 or 16 bits.

    Args:
        pixels: [H, W, C], nothing 0; C as in `encode_png`.
        chunks: further ones, whole; they stand before the pixels.
        level: zlib's effort, 0..9.
    """
    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, _COLOUR_TYPES[channels], 0, 0, 0)
    parts = [SIGNATURE, chunk(b"IHDR", head), chunks]
    packer = zlib.compressobj(level)
    for rows in _rows(pixels):
        parts += _pixels_chunk(packer.compress(rows))
    parts += _pixels_chunk(packer.flush())
    parts.append(chunk(b"IEND", b""))
    return b"".join(parts)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))))


def text_chunks(texts: Mapping[str, str]) -> bytes:
    """A chunk for each text. Keys that PNG does not allow are brought to what it does."""
    parts = []
    for key, text in texts.items():
        keyword = _keyword(key).encode("latin-1")
        if text.isascii():
            parts.append(chunk(b"tEXt", keyword + b"\0" + text.encode()))
        else:  # readers disagree on whether a tEXt chunk is Latin-1 or UTF-8; of iTXt there is no doubt
            parts.append(chunk(b"iTXt", keyword + b"\0\0\0\0\0" + text.encode("utf-8", "replace")))
    return b"".join(parts)


def profile_chunk(profile: bytes) -> bytes:
    """An ICC profile."""
    return chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))


def kept_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """(kind, data) of the chunks of a PNG that a copy with another alpha keeps; those that are damaged it does not.

    EXIF data is not among them: it may say how the picture is to be turned, which a copy may already be.
    """
    for kind, length in _heads(file):
        if kind in _KEPT:
            data = file.read(length)
            if len(data) == length and file.read(4) == struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))):
                yield kind, data


def has_all_rows(file: BinaryIO) -> bool:
    """Whether a PNG has as much behind its header as that says. Decoders take rows that are missing for black ones.

    Raises: zlib.error, struct.error.
    """
    file.seek(len(SIGNATURE) + 8)
    width, height, depth, kind, _, _, is_interlaced = struct.unpack(">IIBBBBB", file.read(13))
    bits = depth * _CHANNELS.get(kind, 0)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in _PASSES] if is_interlaced else []
    wanted = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes or [(width, height)] if columns > 0)
    unpacker = zlib.decompressobj()
    found = 0
    for kind, length in _heads(file):
        left = length if kind == b"IDAT" else 0
        while left and found < wanted and not unpacker.eof:
            packed = file.read(min(left, _STRIP_BYTES))
            left -= len(packed)
            if not packed:
                break
            while packed and found < wanted:
                found += len(unpacker.decompress(packed, _STRIP_BYTES))
                packed = unpacker.unconsumed_tail
    return found >= wanted


def join_chunks(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Chunks as they stand in a file."""
    return b"".join(chunk(kind, data) for kind, data in chunks)


def _heads(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """(kind, length) of each chunk but the last, the file at the chunk's data."""
    at = len(SIGNATURE)
    file.seek(at)
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        length = int.from_bytes(head[:4], "big")
        yield head[4:], length
        at += 8 + length + 4  # its checksum
        file.seek(at)


def _rows(pixels: NDArray[Any]) -> Iterator[bytes]:
    """Filtered rows, a strip at a time."""
    height, width, channels = pixels.shape
    pixel_bytes = channels * pixels.itemsize
    row_bytes = width * pixel_bytes
    step = max(1, _STRIP_BYTES // row_bytes)
    for top in range(0, height, step):
        strip = pixels[top : top + step]
        stored = np.ascontiguousarray(strip, strip.dtype.newbyteorder(">"))  # the upper byte first
        values = stored.view(np.uint8).reshape(len(strip), row_bytes)
        rows = np.empty((len(strip), 1 + row_bytes), np.uint8)
        rows[:, 0] = _LEFT
        rows[:, 1:] = values
        rows[:, 1 + pixel_bytes :] -= values[:, :-pixel_bytes]
        yield rows.tobytes()


def _pixels_chunk(packed: bytes) -> list[bytes]:
    return [chunk(b"IDAT", packed)] if packed else []


def _keyword(key: str) -> str:
    """A PNG keyword: 1 to 79 Latin-1 characters."""
    printable = "".join(c if c.isprintable() else "?" for c in key).encode("latin-1", "replace").decode("latin-1")
    return printable.strip()[:79].strip() or "extra"
