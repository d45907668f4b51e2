"""Images turned and mirrored."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, More, Wire, node
from heddle.wires import Image

CATEGORY = "image/transform"

_ONE = More({"multiselect": False})
_TURNS = ("none", "90 degrees", "180 degrees", "270 degrees")


@node("ImageRotate", category=CATEGORY, name="Rotate Image", search=("turn",))
def rotate(
    image: Annotated[Image, Wire("IMAGE", tip="The images to turn.")],
    rotation: Annotated[str, Choice(*_TURNS, tip="Clockwise."), _ONE],
) -> Image:
    """Turn images clockwise by quarters of a circle."""
    return image.rot90(_TURNS.index(rotation), dims=(2, 1))


@node("ImageFlip", category=CATEGORY, name="Flip Image", search=("mirror",))
def flip(
    image: Annotated[Image, Wire("IMAGE", tip="The images to mirror.")],
    flip_method: Annotated[
        str,
        Choice(
            "x-axis: vertically",
            "y-axis: horizontally",
            tip="vertically turns it upside down; horizontally swaps left and right.",
        ),
        _ONE,
    ],
) -> Image:
    """Mirror images: upside down, or left and right."""
    return image.flip(1 if flip_method.startswith("x") else 2)
