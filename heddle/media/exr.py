"""OpenEXR pictures, written: floating-point values without bounds, and texts beside them.

Source: the OpenEXR file layout, https://openexr.com/en/latest/OpenEXRFileLayout.html. One part of scan lines, 32-bit
floats, packed by zlib in blocks of 16 lines.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from heddle.media.light import BT_709

_MAGIC, _VERSION = 20000630, 2
_LONG_NAMES = 0x400  # a flag of the version: names of up to 255 letters
_FLOAT, _ZIP, _INCREASING = 2, 3, 0
_BLOCK_LINES = 16
_MOST_NAME_BYTES = 255


def encode_exr(
    pixels: NDArray[np.float32], texts: Mapping[str, str] | None = None, primaries: tuple[float, ...] = BT_709
) -> bytes:
    """The bytes of a picture.

    Args:
        pixels: [H, W, 1, 3 or 4], linear light.
        texts: by their keys, as attributes of the picture.
    """
    height, width, channels = pixels.shape
    names = {1: "Y", 3: "RGB", 4: "RGBA"}[channels]
    places = [names.index(name) for name in sorted(names)]  # channels lie in the order of their names
    planes = np.ascontiguousarray(pixels.astype("<f4")[:, :, places].transpose(0, 2, 1))  # line by line
    head = struct.pack("<ii", _MAGIC, _VERSION | _LONG_NAMES) + _header(height, width, sorted(names), texts, primaries)
    blocks = list(_blocks(planes))
    first = len(head) + 8 * len(blocks)
    ends = np.cumsum([0, *map(len, blocks)])[:-1] + first
    return b"".join((head, ends.astype("<u8").tobytes(), *blocks))


def _header(
    height: int, width: int, names: list[str], texts: Mapping[str, str] | None, primaries: tuple[float, ...]
) -> bytes:
    window = struct.pack("<iiii", 0, 0, width - 1, height - 1)
    channels = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", _FLOAT, 0, 1, 1) for name in names) + b"\0"
    own = {
        "channels": ("chlist", channels),
        "chromaticities": ("chromaticities", struct.pack("<8f", *primaries)),
        "compression": ("compression", bytes([_ZIP])),
        "dataWindow": ("box2i", window),
        "displayWindow": ("box2i", window),
        "lineOrder": ("lineOrder", bytes([_INCREASING])),
        "pixelAspectRatio": ("float", struct.pack("<f", 1)),
        "screenWindowCenter": ("v2f", struct.pack("<ff", 0, 0)),
        "screenWindowWidth": ("float", struct.pack("<f", 1)),
    }
    more = {_name(key): ("string", text.encode("utf-8", "replace")) for key, text in (texts or {}).items()}
    entries = (
        name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
        for name, (kind, value) in (more | own).items()
    )
    return b"".join(entries) + b"\0"


def _name(key: str) -> str:
    return key.replace("\0", "").encode("utf-8", "replace")[:_MOST_NAME_BYTES].decode(errors="ignore") or "extra"


def _blocks(planes: NDArray[np.float32]) -> Iterator[bytes]:
    for top in range(0, len(planes), _BLOCK_LINES):
        raw = planes[top : top + _BLOCK_LINES].tobytes()
        packed = _packed(raw)
        data = packed if len(packed) < len(raw) else raw  # which readers tell by the size
        yield struct.pack("<ii", top, len(data)) + data


def _packed(raw: bytes) -> bytes:
    """Every second byte first, then the others; each as the difference to the one before it, around 128; by zlib."""
    values = np.frombuffer(raw, np.uint8)
    apart = np.concatenate([values[0::2], values[1::2]])
    apart[1:] = apart[1:] - apart[:-1] + np.uint8(128)
    return zlib.compress(apart.tobytes(), 4)
