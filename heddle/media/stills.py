"""Single pictures as JPEG, WebP and AVIF, written together with what can remake them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.media.exif_texts import exif_of

#: The longest side that a format knows, px.
_MOST_PX = {"JPEG": 65_535, "WEBP": 16_383, "AVIF": 65_536, "PNG": (1 << 31) - 1}
_FULL_COLOUR = 90  # from this quality on, colours are kept for each pixel, not for each four


def encode_jpeg_with(pixels: NDArray[np.uint8], texts: Mapping[str, str], quality: int) -> bytes:
    """The bytes of a JPEG. An alpha is left out, which JPEG has not.

    Args:
        pixels: [H, W, 1, 3 or 4].
        texts: by key; at most what `fitting_jpeg` gives.
        quality: 1..100.
    Raises: ShapeError, if the picture is larger than the format knows.
    """
    return _encoded(pixels[:, :, :3], "JPEG", texts, quality=quality, subsampling=0 if quality >= _FULL_COLOUR else 2)


def encode_webp(pixels: NDArray[np.uint8], texts: Mapping[str, str], quality: int, *, is_lossless: bool) -> bytes:
    """The bytes of a WebP, colours under a full transparency kept.

    Args:
        pixels, texts: as `encode_jpeg_with`, of any length.
        quality: 0..100; of a lossless one, how small it is to be.
    Raises: ShapeError.
    """
    return _encoded(pixels, "WEBP", texts, quality=quality, lossless=is_lossless, exact=True)


def encode_avif(pixels: NDArray[np.uint8], texts: Mapping[str, str], quality: int) -> bytes:
    """The bytes of an AVIF; arguments and errors as `encode_webp`."""
    return _encoded(pixels, "AVIF", texts, quality=quality, subsampling="4:4:4" if quality >= _FULL_COLOUR else "4:2:0")


def refuse_size(height: int, width: int, kind: str) -> None:
    """Raises: ShapeError, if a format has no pictures of this size."""
    if max(height, width) > _MOST_PX[kind] or min(height, width) < 1:
        words = "an image of {width} x {height} pixels cannot be written as {kind}, which has 1 to {most} on a side"
        raise ShapeError(
            say(words, width=width, height=height, kind=kind, most=_MOST_PX[kind]),
            wanted=f"1..{_MOST_PX[kind]} px",
            got=[height, width],
        )


def _encoded(pixels: NDArray[np.uint8], kind: str, texts: Mapping[str, str], **options: Any) -> bytes:
    height, width, channels = pixels.shape
    refuse_size(height, width, kind)
    target = io.BytesIO()
    plain = pixels[:, :, 0] if channels == 1 else pixels
    if texts:
        options["exif"] = exif_of(texts)
    Image.fromarray(np.ascontiguousarray(plain)).save(target, kind, **options)
    return target.getvalue()
