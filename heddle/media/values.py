"""The values of a picture in the depth of its file.

Pillow keeps the upper eight bits of colours that have sixteen. In which order their two bytes lie is part of how it is
told to unpack them, so what is unpacked once more in the other order has the lower eight. Everything else of a decoder
(filters, interlacing, compression, refusing what is damaged) stays Pillow's.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from heddle.media.planes import has_deep_planes, planes_of

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What decoders meet damaged files with."""

Again = Callable[[], AbstractContextManager[Image.Image]]
"""Opens the file of a picture a second time, no pixel read."""

_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # N: the machine's own
_COLOURS = ("RGB", "RGBA", "RGBX", "RGBa")  # Pillow's names; X: a fourth value of no meaning, a: colours times alpha
_GREY_AND_ALPHA = "LA;16B"
_PLANES, _EXTRA = 284, 338  # tags of TIFF: how channels lie, and what a fourth one is


def orientation_of(frame: Image.Image) -> int:
    """How a picture is to be turned, 1 (not at all) to 8, as EXIF counts."""
    try:
        orientation = frame.getexif().get(0x0112)
    except DAMAGE:  # a broken note about the picture is no reason to refuse the picture
        return 1
    return orientation if isinstance(orientation, int) and 2 <= orientation <= 8 else 1


def upright(frame: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says."""
    return ImageOps.exif_transpose(frame) if orientation_of(frame) > 1 else frame


def deep_values(frame: Image.Image, again: Again) -> NDArray[Any] | None:
    """The values of a frame that has more than 8 bits a value; None of all others.

    Args:
        frame: opened, no pixel of it read.
    Returns: [H, W, C], upright; C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA). uint16, numbers of 32 bits cut to
        its range, or float32, which is grey alone, as the file has it.
    Raises: any of DAMAGE.
    """
    if frame.mode.startswith("I"):
        values = np.clip(np.asarray(upright(frame)), 0, 65535).astype(np.uint16)[:, :, None]
    elif frame.mode == "F":
        return np.asarray(upright(frame))[:, :, None]
    elif frame.format == "TIFF" and has_deep_planes(getattr(frame, "tag_v2", {})):
        with again() as second:
            second.seek(frame.tell())
            values = _joined_planes(second)
    elif (packed := _packed_as(frame)) is not None:
        with again() as second:
            second.seek(frame.tell())
            values = _read_twice(frame, second, packed)
    else:
        return None
    return _with_key(values, frame.info.get("transparency"))


def in_depth(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Values brought to the range of another type, to the nearest: uint8, uint16, or float32 with 0..1."""
    if values.dtype == dtype:
        return values
    if values.dtype == np.float32:
        top = np.float32(255 if dtype == np.uint8 else 65535)
        return (np.fmin(np.fmax(values, 0), 1) * top + np.float32(0.5)).astype(dtype)  # what is no number becomes 0
    if dtype == np.float32:
        return np.divide(values, np.float32(255 if values.dtype == np.uint8 else 65535), dtype=np.float32)
    if values.dtype == np.uint8:
        return values.astype(np.uint16) * np.uint16(257)
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _packed_as(frame: Image.Image) -> str | None:
    """Pillow's name for how colours of 16 bits lie in the file; None of others."""
    if frame.format not in ("PNG", "TIFF") or (frame.format == "PNG" and frame.tell()):
        return None  # later frames of an animated PNG are laid over each other by Pillow, in 8 bits
    if frame.format == "TIFF" and getattr(frame, "tag_v2", {}).get(_PLANES, 1) != 1:
        return None  # each channel by itself: there is no other order to ask for
    found = {_raw_mode(tile) for tile in getattr(frame, "tile", ())}
    packed = found.pop() if len(found) == 1 else ""
    colours, _, order = packed.partition(";16")
    return packed if packed == _GREY_AND_ALPHA or (colours in _COLOURS and order in _OTHER_ORDER) else None


def _read_twice(first: Image.Image, second: Image.Image, packed: str) -> NDArray[np.uint16]:
    """[H, W, C] of a frame that was opened twice."""
    if packed == _GREY_AND_ALPHA:  # as many bytes as RGBA has in 8 bits, so one pass shows all of them
        _unpack(second, "RGBA")
        pairs = np.ascontiguousarray(upright(second))
        return pairs.view(">u2").astype(np.uint16)
    colours, _, order = packed.partition(";16")
    stored = "RGBA" if colours == "RGBa" else colours  # unpacked as they lie there; Pillow would divide bytes
    _unpack(first, f"{stored};16{order}")
    _unpack(second, f"{stored};16{_OTHER_ORDER[order]}")
    values = np.asarray(upright(first)).astype(np.uint16)
    values <<= 8
    values |= np.asarray(upright(second))
    return _divided(values) if colours == "RGBa" else values


def _joined_planes(frame: Any) -> NDArray[np.uint16]:
    """[H, W, C] of a TIFF frame whose channels lie apart."""
    planes: list[NDArray[Any]] = []
    for data in planes_of(frame.tag_v2, ">" if frame.tag_v2.prefix == b"MM" else "<", frame.fp):
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as plane:
            planes.append(np.asarray(upright(plane)))
    values = np.stack(planes, axis=2).astype(np.uint16)
    extra = frame.tag_v2.get(_EXTRA, (0,))[0]
    if values.shape[2] == 4 and not extra:  # a fourth value of no meaning
        return values[:, :, :3]
    return _divided(values) if extra == 1 else values


def _divided(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """RGBA from colours that are stored times their alpha (TIFF 6.0, section 18); black where nothing is to be seen."""
    alpha = values[:, :, 3:].astype(np.float64)
    colours = values[:, :, :3] * (65535 / np.maximum(alpha, 1))
    values[:, :, :3] = np.minimum(np.rint(colours), 65535)
    return values


def _with_key(values: NDArray[np.uint16], key: Any) -> NDArray[np.uint16]:
    """With an alpha, if one grey or colour is said to be transparent (PNG, third edition, 11.3.1.1)."""
    channels = values.shape[2]
    if key is None or channels not in (1, 3) or np.size(key) != channels:
        return values
    is_key = (values == np.reshape(key, -1)).all(axis=2, keepdims=True)
    return np.concatenate([values, np.where(is_key, np.uint16(0), np.uint16(65535))], axis=2)


def _raw_mode(tile: Any) -> str:
    return tile.args if isinstance(tile.args, str) else tile.args[0]


def _unpack(frame: Image.Image, raw_mode: str) -> None:
    """Have the pixels of a frame, once they are read, unpacked in another way."""
    image: Any = frame
    image.tile = [
        tile._replace(args=raw_mode if isinstance(tile.args, str) else (raw_mode, *tile.args[1:]))
        for tile in image.tile
    ]
