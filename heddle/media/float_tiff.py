"""TIFF files of floating-point colours, read: Pillow reads those that are grey alone.

A row of colours is a row of as many grey values, so the strips or tiles of such a file are handed to Pillow as a grey
TIFF that is wider. What was done to the values before they were packed, the predictor, is undone here, since it goes by
whole pixels. Sources: TIFF 6.0, sections 2, 14 and 15; Adobe Photoshop TIFF Technical Note 3 (predictor 3).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from heddle.media.light import finite
from heddle.media.planes import grey_tiff

_WIDTH, _HEIGHT, _BITS, _PACKING, _CHANNELS, _LAYOUT = 256, 257, 258, 259, 277, 284
_ROWS, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _MEANING = 278, 317, 322, 323, 339
_STRIPS, _TILES = (273, 279), (324, 325)
_FLOATS, _TOGETHER, _PLAIN = 3, 1, 1


@dataclass(frozen=True)
class FloatTiff:
    """One of which only the directory was read."""

    file: BinaryIO
    tags: Any
    order: str  # of its bytes, "<" or ">"

    @property
    def width(self) -> int:
        return self._number(_WIDTH)

    @property
    def height(self) -> int:
        return self._number(_HEIGHT)

    def read(self) -> NDArray[np.float32]:
        """[H, W, 3 or 4]; what is no number is 0, an alpha cut to 0..1. Raises: ValueError, LookupError, OSError."""
        channels, bits = self._number(_CHANNELS), self.tags[_BITS][0]
        across = self._number(_TILE_WIDTH) if _TILES[0] in self.tags else self.width
        if across < 1:
            raise ValueError("its tiles have no width")
        whole = -(-self.width // across) * across  # the last tiles reach beyond the picture
        stored = self._unpacked(whole * channels, bits)  # [H, whole * C], unsigned, as they lie in the file
        if stored.shape != (self.height, whole * channels):
            raise ValueError("its rows are not as long as it says")
        blocks = stored.reshape(self.height, whole // across, across * channels)
        values = self._undone(blocks, channels).reshape(self.height, whole, channels)
        found = finite(values[:, : self.width, :4].astype(np.float32))
        found[:, :, 3:] = np.clip(found[:, :, 3:], 0, 1)
        return found

    def _unpacked(self, columns: int, bits: int) -> NDArray[Any]:
        begin_tag, size_tag = _TILES if _TILES[0] in self.tags else _STRIPS
        begins, sizes = self.tags[begin_tag], self.tags[size_tag]
        if len(begins) != len(sizes) or sum(sizes) > self.file.seek(0, io.SEEK_END):
            raise ValueError("its strips are not where it says")
        pieces: list[bytes] = []
        for begin, size in zip(begins, sizes, strict=True):
            self.file.seek(begin)
            pieces.append(self.file.read(size))
            if len(pieces[-1]) != size:
                raise ValueError("it is cut off")
        fields: list[tuple[int, str, Any]] = [
            (_WIDTH, "I", [columns]),
            (_HEIGHT, "I", [self.height]),
            (_BITS, "H", [bits]),
            (_PACKING, "H", [self._number(_PACKING, 1)]),
            (262, "H", [1]),
            (_CHANNELS, "H", [1]),
            (_MEANING, "H", [1 if bits == 16 else 3]),
            (size_tag, "I", sizes),
        ]
        if begin_tag == _STRIPS[0]:
            fields.append((_ROWS, "I", [min(self._number(_ROWS, self.height), self.height)]))
        else:
            fields.append((_TILE_WIDTH, "I", [self._number(_TILE_WIDTH) * self._number(_CHANNELS)]))
            fields.append((_TILE_HEIGHT, "I", [self._number(_TILE_HEIGHT)]))
        # Of a file that says it begins with the lower byte the bytes come as they lie there, whatever they mean.
        with Image.open(io.BytesIO(grey_tiff(fields, begin_tag, pieces, "<")), formats=["TIFF"]) as grey:
            values = np.asarray(grey)
        return np.ascontiguousarray(values, "<u2" if bits == 16 else "<f4").view(f"{self.order}u{bits // 8}")

    def _undone(self, blocks: NDArray[Any], channels: int) -> NDArray[Any]:
        """Floats of rows [H, N, across * C] that were packed block by block."""
        floats, words = f"f{blocks.itemsize}", f"u{blocks.itemsize}"
        match self._number(_PREDICTOR, _PLAIN):
            case 1:
                return blocks.astype(words).view(floats)
            case 2:
                steps = blocks.reshape(*blocks.shape[:2], -1, channels)
                return np.cumsum(steps, axis=2, dtype=words).view(floats)
            case 3:  # each byte of the values by itself, the upper ones first, as differences to the pixel before
                steps = blocks.view(np.uint8).reshape(*blocks.shape[:2], -1, channels)
                apart = np.cumsum(steps, axis=2, dtype=np.uint8).reshape(*blocks.shape[:2], blocks.itemsize, -1)
                return np.ascontiguousarray(np.moveaxis(apart, 2, 3)).view(f">{floats}")
            case other:
                raise ValueError(f"its predictor {other} is not known")

    def _number(self, tag: int, default: int | None = None) -> int:
        found = self.tags.get(tag, default)
        number = found[0] if isinstance(found, tuple) else found
        if not isinstance(number, int) or number < 0:
            raise ValueError(f"its tag {tag} is no number")
        return number


def float_tiff(file: BinaryIO) -> FloatTiff | None:
    """A TIFF of colours in floats of 16 or 32 bits, each pixel together; None of any other file.

    Raises: ValueError and what Pillow raises, if its directory is damaged.
    """
    file.seek(0)
    head = file.read(8)
    if head[:4] == b"II*\0":
        order = "<"
    elif head[:4] == b"MM\0*":
        order = ">"
    else:
        return None
    tags = ImageFileDirectory_v2(head)
    file.seek(struct.unpack(f"{order}I", head[4:8])[0])
    tags.load(file)
    bits, meaning = set(tags.get(_BITS, ())), set(tags.get(_MEANING, ()))
    is_one = meaning == {_FLOATS} and bits in ({16}, {32}) and tags.get(_LAYOUT, _TOGETHER) == _TOGETHER
    return FloatTiff(file, tags, order) if is_one and tags.get(_CHANNELS, 1) in (3, 4) else None
