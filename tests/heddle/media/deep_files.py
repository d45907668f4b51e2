"""Pictures of 16 bits a value, written and read by FFmpeg or put together by hand: Pillow can do neither."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

from tests.heddle.media.carrier_files import png_chunk

Deep = NDArray[np.uint16]

_FORMATS = {1: "gray16", 2: "ya16", 3: "rgb48", 4: "rgba64"}  # FFmpeg's names, by channels


def random_deep(height: int, width: int, channels: int, seed: int = 0) -> Deep:
    return np.random.default_rng(seed).integers(0, 1 << 16, (height, width, channels), np.uint16)


def png_by_ffmpeg(values: Deep, filtering: str = "mixed", *, is_interlaced: bool = False) -> bytes:
    """A PNG of [H, W, C]; `filtering` is none, sub, up, avg, paeth or mixed."""
    return _encoded("png", values, "be", {"pred": filtering} | ({"flags": "+ildct"} if is_interlaced else {}))


def tiff_by_ffmpeg(values: Deep, compression: str) -> bytes:
    """A TIFF of [H, W, 3 or 4]; `compression` is raw, packbits, lzw or deflate."""
    return _encoded("tiff", values, "le", {"compression_algo": compression})


def read_by_ffmpeg(png: bytes) -> Deep:
    """[H, W, C] of a PNG."""
    decoder: Any = av.CodecContext.create("png", "r")
    (frame,) = [*decoder.decode(av.Packet(png)), *decoder.decode(None)]
    channels = {f"{name}be": count for count, name in _FORMATS.items()}[frame.format.name]
    rows = np.frombuffer(bytes(frame.planes[0]), np.uint8).reshape(frame.height, -1)
    used = np.ascontiguousarray(rows[:, : frame.width * channels * 2])
    return used.view(">u2").reshape(frame.height, frame.width, channels).astype(np.uint16)


def _encoded(codec: str, values: Deep, order: str, options: dict[str, str]) -> bytes:
    height, width, channels = values.shape
    form = _FORMATS[channels] + order
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, form, Fraction(1)
    encoder.options = options
    frame: Any = av.VideoFrame(width, height, form)
    stored = np.zeros((height, frame.planes[0].line_size), np.uint8)
    rows = np.ascontiguousarray(values, ">u2" if order == "be" else "<u2").view(np.uint8).reshape(height, -1)
    stored[:, : rows.shape[1]] = rows
    frame.planes[0].update(stored.tobytes())
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def animated(*frames: Deep) -> bytes:
    """An animated PNG, each frame in the place of the one before (PNG, third edition, 11.3.6)."""
    height, width = frames[0].shape[:2]
    stills = [png_by_ffmpeg(frame) for frame in frames]
    parts = [stills[0][:33], png_chunk(b"acTL", struct.pack(">II", len(frames), 0))]
    count = 0
    for still in stills:
        parts.append(png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", count, width, height, 0, 0, 1, 9, 0, 0)))
        count += 1
        for data in _pixel_data(still):
            is_first = still is stills[0]
            parts.append(png_chunk(b"IDAT", data) if is_first else png_chunk(b"fdAT", struct.pack(">I", count) + data))
            count += not is_first
    return b"".join([*parts, png_chunk(b"IEND", b"")])


def _pixel_data(png: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            yield png[at + 8 : at + 8 + length]
        at += 12 + length


def tiff_by_hand(
    *pages: NDArray[Any],
    order: Literal["<", ">"] = "<",
    extra: int | None = None,
    planar: bool = False,
    compress: bool = False,
) -> bytes:
    """A TIFF of one strip a page, or one a channel (TIFF 6.0, section 2).

    Args:
        pages: [H, W, C] each.
        order: "<" for II, ">" for MM.
        extra: what the fourth value is: 0 nothing, 1 alpha times which the colours are stored, 2 alpha.
        planar: channel after channel.
        compress: by Deflate.
    """
    data = (b"II*\0" if order == "<" else b"MM\0*") + bytes(4)
    link = 4  # where the place of the next directory is written
    for page in pages:
        height, width, channels = page.shape
        pixels = np.moveaxis(page, 2, 0) if planar else page
        stored = np.ascontiguousarray(pixels, page.dtype.newbyteorder(order))
        strips = [each.tobytes() for each in stored] if planar else [stored.tobytes()]
        strips = [zlib.compress(strip) if compress else strip for strip in strips]
        begins = [len(data) + sum(map(len, strips[:i])) for i in range(len(strips))]
        kind = 3 if page.dtype.kind == "f" else 1
        rows: list[tuple[int, str, list[int]]] = [
            (256, "I", [width]),
            (257, "I", [height]),
            (258, "H", [8 * page.itemsize] * channels),
            (259, "H", [8 if compress else 1]),
            (262, "H", [2 if channels > 2 else 1]),
            (273, "I", begins),
            (277, "H", [channels]),
            (278, "I", [height]),
            (279, "I", [len(strip) for strip in strips]),
            (284, "H", [2 if planar else 1]),
            *([(338, "H", [extra])] if extra is not None else []),
            (339, "H", [kind] * channels),
        ]
        data += b"".join(strips)
        far, entries = b"", b""
        directory = len(data) + len(data) % 2
        after = directory + 2 + 12 * len(rows) + 4
        for tag, form, numbers in rows:
            packed = struct.pack(f"{order}{len(numbers)}{form}", *numbers)
            place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(f"{order}I", after + len(far))
            far += packed if len(packed) > 4 else b""
            entries += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[form], len(numbers)) + place
        data = data[:link] + struct.pack(f"{order}I", directory) + data[link + 4 :]
        data = data.ljust(directory, b"\0") + struct.pack(f"{order}H", len(rows)) + entries
        link = len(data)
        data += bytes(4) + far
    return data
