"""Images of one colour, and how large images are."""

from __future__ import annotations

from typing import Annotated, Any

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Hidden, More, Number, Wire, node
from heddle.graph.said import say
from heddle.wires import Image


@node("EmptyImage", category="image", name="Empty Image", search=("solid color", "blank", "fill"))
def empty_image(
    width: Annotated[int, Number(default=512, low=1, high=16384, step=1, tip="In pixels.")],
    height: Annotated[int, Number(default=512, low=1, high=16384, step=1, tip="In pixels.")],
    batch_size: Annotated[int, Number(default=1, low=1, high=4096, tip="How many images, all alike.")],
    color: Annotated[
        int,
        Number(default=0, low=0, high=0xFFFFFF, step=1, tip="As one number: red x 65536 + green x 256 + blue."),
        More({"display": "color"}),
    ],
) -> Image:
    """Images of one colour."""
    colour = torch.tensor([color >> 16 & 255, color >> 8 & 255, color & 255]) / 255
    return colour.expand(batch_size, height, width, 3).contiguous()


@node(
    "GetImageSize",
    category="image",
    name="Get Image Size",
    outputs=("width", "height", "batch_size"),
    search=("dimensions", "resolution", "count"),
)
def image_size(
    image: Annotated[Image, Wire("IMAGE", tip="The images that are measured.")],
    *,
    unique_id: Annotated[Any, Hidden("UNIQUE_ID")] = None,
    ctx: Context,
) -> tuple[int, int, int]:
    """How wide and high images are, in pixels, and how many there are; said on the node, too."""
    count, height, width = image.shape[:3]
    words = "width: {width}, height: {height}, batch size: {count}"
    ctx.note(say(words, width=width, height=height, count=count))
    return width, height, count
