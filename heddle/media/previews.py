"""Pictures of what is being made, encoded small enough to send while it is made."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image


def encode_preview(preview: Any) -> tuple[bytes, str]:
    """A preview as packs give it, encoded.

    Args:
        preview: (format, picture) or (format, picture, longest side in px or None); "PNG" stays PNG, all else is JPEG.
    Returns: the bytes, and "png" or "jpeg".
    """
    form: Any
    picture: Any
    form, picture, longest = (*preview, None)[:3]
    if longest is not None and max(picture.size) > longest:
        scale = longest / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    target = io.BytesIO()
    if str(form).upper() == "PNG":
        picture.save(target, "PNG", compress_level=1)
        return target.getvalue(), "png"
    picture.convert("RGB").save(target, "JPEG", quality=95)
    return target.getvalue(), "jpeg"
