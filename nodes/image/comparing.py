"""Two images laid over each other, to be compared by eye."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Hidden, More, Wire, node
from heddle.graph.results import Shown
from heddle.wires import Image
from nodes.image.files import PASSING_LEVEL, write_images
from nodes.metadata import texts_for


@node(
    "ImageCompare",
    category="image",
    name="Compare Images",
    effects=True,
    experimental=True,
    search=("before after", "slider", "difference"),
)
def compare_images(
    compare_view: Annotated[
        Any,
        Wire("IMAGECOMPARE", tip="Shows A left of a line that you move, and B right of it."),
        More({"socketless": True}),
    ],
    *,
    image_a: Annotated[Image | None, Wire("IMAGE", tip="The images at the left.")] = None,
    image_b: Annotated[Image | None, Wire("IMAGE", tip="The images at the right.")] = None,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> Shown:
    """Show two images over each other, parted by a line that follows the pointer. Nothing is kept."""
    texts = texts_for(prompt, extra_pnginfo, ctx)
    shown = {}
    for side, images in (("a_images", image_a), ("b_images", image_b)):
        if images is not None:
            prefix = f"compare_{secrets.token_hex(4)}"
            written = write_images(images, "temp", prefix, texts, PASSING_LEVEL, ctx)
            shown[side] = written.ui["images"]
    return Shown((), shown)
