"""TIFF files of 8 or 16 bits or of floats of 32, written: Pillow writes no colours of 16, nor of floats.

Sources: TIFF 6.0, sections 2, 4, 6, 8 and 14 (differencing), its supplement of 2002 (Deflate), and Adobe Photoshop TIFF
Technical Note 3 (floats apart, byte by byte).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heddle.media.exif_texts import FIRST_OTHER_TAG, LONG, PROMPT_TAG, Tags, directory, text_tag

_STRIP_BYTES = 1 << 20
_SHORT, _RATIONAL = 3, 5
_DEFLATE, _DIFFERENCES, _FLOAT_DIFFERENCES, _UNASSOCIATED_ALPHA, _INCHES, _FLOATS = 8, 2, 3, 2, 2, 3
_GREY, _RGB = 1, 2
_DPI = 72
_DESCRIPTION_TAG, _FIRST_PRIVATE_TAG = 0x010E, 65_000


def encode_tiff(
    pixels: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32],
    texts: Mapping[str, str] | None = None,
    level: int = 6,
) -> bytes:
    """The bytes of a TIFF.

    Args:
        pixels: [H, W, 1, 3 or 4], 0 = black.
        texts: by key, each in a tag of its own; A1111's `parameters` as the description of the picture.
        level: zlib's effort, 0..9.
    """
    height, width, channels = pixels.shape
    rows = max(1, _STRIP_BYTES // (width * channels * pixels.itemsize))
    is_float = pixels.dtype == np.float32
    prepared = _bytes_apart if is_float else _differences
    strips = [zlib.compress(prepared(pixels[top : top + rows]), level) for top in range(0, height, rows)]
    starts = np.cumsum([8, *map(len, strips)])[:-1]
    tags: Tags = {
        256: _number(LONG, width),
        257: _number(LONG, height),
        258: _number(_SHORT, *[8 * pixels.itemsize] * channels),
        259: _number(_SHORT, _DEFLATE),
        262: _number(_SHORT, _RGB if channels > 2 else _GREY),
        273: _number(LONG, *map(int, starts)),
        277: _number(_SHORT, channels),
        278: _number(LONG, rows),
        279: _number(LONG, *map(len, strips)),
        282: (_RATIONAL, 1, struct.pack("<II", _DPI, 1)),
        283: (_RATIONAL, 1, struct.pack("<II", _DPI, 1)),
        296: _number(_SHORT, _INCHES),
        317: _number(_SHORT, _FLOAT_DIFFERENCES if is_float else _DIFFERENCES),
    }
    if channels == 4:
        tags[338] = _number(_SHORT, _UNASSOCIATED_ALPHA)
    if is_float:
        tags[339] = _number(_SHORT, *[_FLOATS] * channels)
    private = _FIRST_PRIVATE_TAG
    for key, text in (texts or {}).items():
        tag = {"prompt": PROMPT_TAG, "workflow": FIRST_OTHER_TAG, "parameters": _DESCRIPTION_TAG}.get(key)
        if tag is None:
            tag, private = private, private + 1
        tags[tag] = text_tag(text if key == "parameters" else f"{key}:{text}")
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)  # a directory begins at an even place
    return b"".join((struct.pack("<2sHI", b"II", 42, 8 + len(body)), body, directory(tags, 8 + len(body), "<")))


def _differences(rows: NDArray[Any]) -> bytes:
    """Each value without the one of the same channel on its left."""
    stored = rows.copy()
    stored[:, 1:] -= rows[:, :-1]
    return stored.astype(stored.dtype.newbyteorder("<")).tobytes()


def _bytes_apart(rows: NDArray[Any]) -> bytes:
    """Of each row the uppermost bytes of all values, then the next, each byte without that of the pixel before."""
    height, width, channels = rows.shape
    values = np.ascontiguousarray(rows, ">f4").view(np.uint8).reshape(height, width * channels, 4)
    apart = np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(height, -1, channels)
    stored = apart.copy()
    stored[:, 1:] -= apart[:, :-1]
    return stored.tobytes()


def _number(kind: int, *values: int) -> tuple[int, int, bytes]:
    return kind, len(values), struct.pack(f"<{len(values)}{'H' if kind == _SHORT else 'I'}", *values)
