"""Animated pictures, written together with what can remake them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from heddle.media.exif_texts import exif_of
from heddle.media.stills import refuse_size

#: How much time libwebp takes, by the words that people choose.
WEBP_EFFORTS = {"default": 4, "fastest": 0, "slowest": 6}


def encode_apng(
    frames: Sequence[NDArray[np.uint8]], frames_per_s: float, texts: Mapping[str, str] | None = None, level: int = 4
) -> bytes:
    """The bytes of an animated PNG.

    Args:
        frames: [H, W] or [H, W, 1, 3 or 4] each, all alike.
        texts: what remakes it, by key. They lie behind the first frame's data, where readers look for them.
        level: zlib's effort, 0..9.
    """
    notes = PngInfo()
    for key, text in (texts or {}).items():
        notes.add(
            b"comf", key.encode("latin-1", "replace") + b"\0" + text.encode("latin-1", "replace"), after_idat=True
        )
    return _encoded(frames, "PNG", frames_per_s, pnginfo=notes, compress_level=level)


def encode_animated_webp(
    frames: Sequence[NDArray[np.uint8]],
    frames_per_s: float,
    texts: Mapping[str, str] | None = None,
    *,
    is_lossless: bool,
    quality: int,
    effort: int,
) -> bytes:
    """The bytes of an animated WebP.

    Args:
        frames, texts: as `encode_apng`.
        quality: 0..100; of a lossless one, how small it is to be. effort: 0..6.
    Raises: ShapeError, if they are larger than the format knows.
    """
    exif = {"exif": exif_of(texts)} if texts else {}
    return _encoded(frames, "WEBP", frames_per_s, **exif, lossless=is_lossless, quality=quality, method=effort)


def _encoded(frames: Sequence[NDArray[np.uint8]], kind: str, frames_per_s: float, **more: Any) -> bytes:
    height, width = frames[0].shape[:2]
    refuse_size(height, width, kind)
    plain = (frame[:, :, 0] if frame.ndim == 3 and frame.shape[2] == 1 else frame for frame in frames)
    first, *rest = (Image.fromarray(np.ascontiguousarray(frame)) for frame in plain)
    target = io.BytesIO()
    first.save(target, kind, save_all=True, append_images=rest, duration=round(1000 / frames_per_s), **more)
    return target.getvalue()
