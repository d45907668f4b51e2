"""Brightness and contrast of images."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Number, Wire, node
from heddle.numerics.batches import images_of
from heddle.wires import Image

CATEGORY = "image/adjustments"
_Images = Annotated[Image, Wire("IMAGE", tip="The images to change.")]


@node(
    "AdjustBrightness",
    category=CATEGORY,
    name="Adjust Brightness",
    outputs=("images",),
    experimental=True,
    search=("darken", "lighten"),
)
def adjust_brightness(
    images: _Images,
    factor: Annotated[float, Number(default=1.0, low=0.0, high=2.0, tip="0 is black, 1 changes nothing.")],
) -> Image:
    """Make images darker or brighter: every value is multiplied."""
    return (images_of(images, "images") * factor).clamp(0, 1)


@node(
    "AdjustContrast",
    category=CATEGORY,
    name="Adjust Contrast",
    outputs=("images",),
    experimental=True,
    search=("flat", "punch"),
)
def adjust_contrast(
    images: _Images,
    factor: Annotated[float, Number(default=1.0, low=0.0, high=2.0, tip="0 is mid grey, 1 changes nothing.")],
) -> Image:
    """Make images flatter or harder: every value's distance from mid grey is multiplied."""
    return ((images_of(images, "images") - 0.5) * factor + 0.5).clamp(0, 1)
