"""Pictures of light in floating-point numbers, read: OpenEXR, Radiance and Portable FloatMap.

FFmpeg decodes them. It is handed the bytes of one picture and told what they are, so nothing that a file names is
opened. What its decoders pass over in silence, such as rows that are missing, is looked for here.

Sources: the OpenEXR file layout, https://openexr.com/en/latest/OpenEXRFileLayout.html; G. Ward, "Real Pixels", Graphics
Gems II, 1991, and Radiance's filefmts; P. Debevec's description of PFM.
"""

from __future__ import annotations

import io
import re
import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from heddle.media.carriers.exr import SIGNATURE, attributes
from heddle.media.carriers.spans import Allowance, Damage, Span
from heddle.media.light import BT_709, finite, srgb_of_light, to_bt_709
from heddle.media.values import in_depth

MOST_FILE_BYTES = (1 << 31) - 1
"""FFmpeg takes no more at once."""

_HEAD_BYTES = 1 << 16  # of kinds whose header is text
_HDR_SIZE = re.compile(rb"\n\n-Y (\d{1,9}) \+X (\d{1,9})\n")
_PFM_SIZE = re.compile(rb"P[Ff]\s+(\d{1,9})\s+(\d{1,9})\s")
_PADDING = 1 << 16

#: How many lines lie in one block of an EXR, by the number of its compression.
_BLOCK_LINES = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)
_TILED, _NOT_ONE_FLAT_PART = 0x200, 0x1800


def float_kind(head: bytes) -> str | None:
    """The kind of picture, by its first bytes ("exr", "hdr", "pfm"); None of others."""
    if head.startswith(SIGNATURE):
        return "exr"
    if head.startswith((b"#?RADIANCE\n", b"#?RGBE\n")):
        return "hdr"
    return "pfm" if re.match(rb"P[Ff]\s", head) else None


def size_in(file: BinaryIO, kind: str) -> tuple[int, int]:
    """Width and height as the header says them. Raises: ValueError, if it says none."""
    if kind == "exr":
        header = _Header(file)
        sizes = [_window(header.value(name, "box2i"))[2:] for name in ("dataWindow", "displayWindow")]
        return max(width for width, _ in sizes), max(height for _, height in sizes)
    file.seek(0)
    found = (_HDR_SIZE.search if kind == "hdr" else _PFM_SIZE.match)(file.read(_HEAD_BYTES))
    if found is None:
        raise ValueError("its header says no size that can be read")
    first, second = int(found[1]), int(found[2])
    width, height = (second, first) if kind == "hdr" else (first, second)
    if not width or not height:
        raise ValueError(f"it is {width} x {height} pixels large")
    return width, height


def read_light(data: bytes, kind: str) -> NDArray[np.float32]:
    """The values of a picture [H, W, 1, 3 or 4] as sRGB has them; the curve goes on beyond 1, and mirrored below 0.

    An alpha is cut to 0..1. What is no number is 0. Raises: ValueError, if the file is damaged.
    """
    primaries = BT_709
    if kind == "exr":
        header = _Header(io.BytesIO(data))
        header.refuse_missing_blocks(data)
        told = header.found.get("chromaticities")
        if told is not None and told[0] == "chromaticities" and len(told[1]) == 32:
            primaries = struct.unpack("<8f", told[1])
    values = _decoded(data, kind)
    if kind == "hdr" and not np.array_equal(values, _decoded(data + b"\xff" * _PADDING, kind), equal_nan=True):
        raise ValueError("its last rows are missing")  # the decoder took what lies behind the file for them
    values = finite(in_depth(values.reshape(*values.shape[:2], -1), np.float32))
    colours = srgb_of_light(to_bt_709(values[:, :, :3], primaries))
    return np.concatenate([colours, np.clip(values[:, :, 3:], 0, 1)], axis=2)


def _decoded(data: bytes, kind: str) -> NDArray[Any]:
    import av  # brings FFmpeg, which other pictures have no need of
    from av.error import FFmpegError

    decoder: Any = av.CodecContext.create(kind, "r")
    decoder.options = {"err_detect": "explode"}
    try:
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
        if not frames:
            raise ValueError("there is no picture in it")
    except FFmpegError as error:
        raise ValueError(error.strerror or str(error)) from error
    frame = frames[0]
    if "f16" not in frame.format.name:
        return frame.to_ndarray()
    # PyAV knows no halves: planes are green, blue, red and alpha, or grey alone.
    planes = [np.frombuffer(plane, "<f2").reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]
    order = (2, 0, 1, 3)[: len(planes)] if len(planes) > 1 else (0,)
    return np.stack([planes[place] for place in order], axis=-1).astype(np.float32)


class _Header:
    """The first header of an OpenEXR file. Raises: ValueError, if it is damaged."""

    def __init__(self, file: BinaryIO) -> None:
        size = file.seek(0, io.SEEK_END)
        span = Span(file, 0, size, Allowance(size + (1 << 20)))
        self.found: dict[str, tuple[str, bytes]] = {}
        self.end = 9
        try:
            self.flags = span.number(4, 4, "little")
            for name, kind, value in attributes(span):
                self.end = value.end + 1
                if kind != "string":
                    self.found[name] = kind, value.read()
        except Damage as damage:
            raise ValueError("its header cannot be read") from damage

    def value(self, name: str, kind: str) -> bytes:
        """Raises: ValueError, if there is no such attribute."""
        found = self.found.get(name)
        if found is None or found[0] != kind:
            raise ValueError(f"its header has no {name}")
        return found[1]

    def refuse_missing_blocks(self, data: bytes) -> None:
        """Raises: ValueError, if a block of pixels does not lie whole in the file: it would be black."""
        if self.flags & _NOT_ONE_FLAT_PART:
            raise ValueError("it has several parts or deep pixels; save it as one flat part")
        _, _, width, height = _window(self.value("dataWindow", "box2i"))
        if self.flags & _TILED:
            across, down = struct.unpack("<II", self.value("tiles", "tiledesc")[:8])
            count = -(-width // max(across, 1)) * -(-height // max(down, 1))
            head_bytes = 20
        else:
            compression = self.value("compression", "compression")[0]
            lines = _BLOCK_LINES[compression] if compression < len(_BLOCK_LINES) else 1
            count, head_bytes = -(-height // lines), 8
        if self.end + 8 * count > len(data):
            raise ValueError("blocks of pixels are missing")
        for at in struct.unpack_from(f"<{count}Q", data, self.end):
            start = at + head_bytes
            if start > len(data) or start + struct.unpack_from("<i", data, start - 4)[0] > len(data):
                raise ValueError("blocks of pixels are missing")


def _window(value: bytes) -> tuple[int, int, int, int]:
    """Left, top, width and height. Raises: ValueError, if it is empty."""
    left, top, right, bottom = struct.unpack("<iiii", value)
    if right < left or bottom < top:
        raise ValueError("its header says no size that can be read")
    return left, top, right - left + 1, bottom - top + 1
