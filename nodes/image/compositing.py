"""Images put onto each other, and their alpha taken off and put on."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Flag, More, Number, Wire, node
from heddle.graph.said import say
from heddle.numerics.batches import images_of
from heddle.numerics.compositing import PORTER_DUFF, composite, join_alpha, paste, split_alpha, with_channels_of
from heddle.wires import Image, Mask

CATEGORY = "image/compositing"


@node("ImageCompositeMasked", category=CATEGORY, name="Image Composite Masked", search=("paste", "overlay", "layer"))
def composite_masked(
    destination: Annotated[Image, Wire("IMAGE", tip="The images that the others are put onto; they give the size.")],
    source: Annotated[Image, Wire("IMAGE", tip="The images that are put on.")],
    x: Annotated[
        int, Number(default=0, low=0, high=16384, step=1, tip="Where the source begins, in pixels from the left.")
    ],
    y: Annotated[
        int, Number(default=0, low=0, high=16384, step=1, tip="Where the source begins, in pixels from the top.")
    ],
    resize_source: Annotated[
        bool, Flag(default=False, tip="Stretch the source to the destination's size before it is put on.")
    ],
    *,
    mask: Annotated[
        Mask | None,
        Wire("MASK", tip="Where the source shows; it is stretched over the source. Nothing: all of it shows."),
    ] = None,
    ctx: Context,
) -> Image:
    """Put one image onto another at a place, through a mask if there is one.

    What the mask hides, and what the source does not reach, stays as it was to the bit.
    """
    onto = images_of(destination, "destination")
    put = with_channels_of(images_of(source, "source"), onto)
    height, width = onto.shape[1:3]
    if x >= width or y >= height:
        words = "({x}, {y}) lies outside of the destination's {width} x {height}, so nothing is put on"
        ctx.note(say(words, x=x, y=y, width=width, height=height))
    return paste(onto.movedim(-1, 1), put.movedim(-1, 1), x, y, mask, resize_source).movedim(1, -1)


@node("PorterDuffImageComposite", category=CATEGORY, name="Porter-Duff Image Composite", search=("blend", "alpha"))
def porter_duff(
    source: Annotated[Image, Wire("IMAGE", tip="The images on top; brought to the destination's size.")],
    source_alpha: Annotated[Mask, Wire("MASK", tip="Where the source is transparent.")],
    destination: Annotated[Image, Wire("IMAGE", tip="The images below.")],
    destination_alpha: Annotated[Mask, Wire("MASK", tip="Where the destination is transparent.")],
    mode: Annotated[
        str,
        Choice(
            *PORTER_DUFF,
            tip="Which of both shows where. SRC_OVER lays the source over the destination, DST_OVER below it.",
        ),
        More({"default": "DST", "multiselect": False}),
    ],
) -> tuple[Image, Mask]:
    """Put images with transparency together by one of Porter and Duff's rules. The mask is what stays transparent."""
    onto = images_of(destination, "destination")
    return composite(images_of(source, "source"), source_alpha, onto, destination_alpha, mode)


@node("SplitImageWithAlpha", category=CATEGORY, name="Split Image with Alpha", search=("transparent", "channel"))
def split_image(
    image: Annotated[Image, Wire("IMAGE", tip="Images, with or without an alpha channel.")],
) -> tuple[Image, Mask]:
    """Take the transparency off images: their colours, and a mask that is white where they were transparent."""
    return split_alpha(images_of(image))


@node("JoinImageWithAlpha", category=CATEGORY, name="Join Image with Alpha", search=("transparent", "channel"))
def join_image(
    image: Annotated[Image, Wire("IMAGE", tip="The images that become transparent in places.")],
    alpha: Annotated[Mask, Wire("MASK", tip="White becomes transparent; stretched to the image's size.")],
) -> Image:
    """Give images an alpha channel, for a file that other programs lay over things."""
    return join_alpha(images_of(image), alpha)
