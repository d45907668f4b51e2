"""Sizes of pictures, worked out from what people say of them."""

from __future__ import annotations

import math


def size_of_ratio(width: float, height: float, megapixels: float, multiple: int) -> tuple[int, int]:
    """Width and height in px of about `megapixels` times 1024 x 1024 px, in the ratio of these, as near multiples."""
    scale = math.sqrt(megapixels * 1024 * 1024 / (width * height))

    def near(side: float) -> int:
        return max(1, round(side * scale / multiple)) * multiple

    return near(width), near(height)
