"""Images made larger by what is put beside them."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, Flag, More, Number, Wire, node
from heddle.numerics.image_boards import COLOURS, DIRECTIONS, extend, stitch
from heddle.wires import Image, Mask

CATEGORY = "image/transform"

_Added = Annotated[int, Number(default=0, low=0, high=16384, step=8, tip="How much is added at this side, in pixels.")]


@node("ImagePadForOutpaint", category=CATEGORY, name="Pad Image for Outpainting", search=("outpaint", "extend", "grow"))
def pad_for_outpainting(
    image: Annotated[Image, Wire("IMAGE", tip="The images to make larger.")],
    left: _Added,
    top: _Added,
    right: _Added,
    bottom: _Added,
    feathering: Annotated[
        int,
        Number(
            default=40,
            low=0,
            high=16384,
            step=1,
            advanced=True,
            tip="How far the mask reaches softly into the image, in pixels, so that no edge shows.",
        ),
    ],
) -> tuple[Image, Mask]:
    """Put grey around images, and mask it, so that a model can go on painting there."""
    return extend(image, left, top, right, bottom, feathering)


@node("ImageStitch", category=CATEGORY, name="Stitch Images", search=("side by side", "concatenate", "join"))
def stitch_images(
    image1: Annotated[Image, Wire("IMAGE", tip="The first images.")],
    direction: Annotated[
        str, Choice(*DIRECTIONS, tip="Where the second lies."), More({"default": "right", "multiselect": False})
    ],
    match_image_size: Annotated[
        bool, Flag(default=True, tip="Bring the second to the first one's height or width; else stripes fill up.")
    ],
    spacing_width: Annotated[
        int, Number(default=0, low=0, high=1024, step=2, advanced=True, tip="Width of a gap between them, in pixels.")
    ],
    spacing_color: Annotated[
        str,
        Choice(*COLOURS, tip="Colour of the gap and the stripes.", advanced=True),
        More({"default": "white", "multiselect": False}),
    ],
    *,
    image2: Annotated[
        Image | None, Wire("IMAGE", tip="The second images. Of a shorter batch the last is repeated.")
    ] = None,
) -> Image:
    """Put two images side by side, as large as each other or in stripes. Without a second one the first is passed."""
    if image2 is None:
        return image1
    return stitch(image1, image2, direction, is_matched=match_image_size, gap_px=spacing_width, colour=spacing_color)
