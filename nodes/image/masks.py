"""Masks made, turned into images and back."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.declare import Choice, More, Number, Wire, node
from heddle.numerics.batches import images_of, masks_of
from heddle.numerics.masks import CHANNELS, channel_of, mask_of_colour
from heddle.wires import Image, Mask

CATEGORY = "image/mask"

AnyMask = Annotated[Mask, Wire("MASK", tip="The masks; each is changed for itself.")]


@node("SolidMask", category=CATEGORY, name="Create Solid Mask", search=("empty mask", "fill"))
def solid_mask(
    value: Annotated[float, Number(default=1.0, low=0.0, high=1.0, step=0.01, tip="1 is white, 0 is black.")],
    width: Annotated[int, Number(default=512, low=1, high=16384, step=1, tip="In pixels.")],
    height: Annotated[int, Number(default=512, low=1, high=16384, step=1, tip="In pixels.")],
) -> Mask:
    """A mask that is the same everywhere, to build others on."""
    return torch.full((1, height, width), value)


@node("InvertMask", category=CATEGORY, name="Invert Mask", search=("reverse", "negate"))
def invert_mask(mask: AnyMask) -> Mask:
    """White becomes black and black white: what was kept is drawn anew, and the other way round."""
    return 1 - masks_of(mask)


@node("ThresholdMask", category=CATEGORY, name="Threshold Mask", search=("binary", "harden"))
def threshold_mask(
    mask: AnyMask,
    value: Annotated[
        float, Number(default=0.5, low=0.0, high=1.0, step=0.01, tip="What is above it becomes white, the rest black.")
    ],
) -> Mask:
    """Make a soft mask hard: each pixel becomes white or black."""
    return (masks_of(mask) > value).float()


@node("MaskToImage", category=CATEGORY, name="Convert Mask to Image", search=("grey",))
def mask_to_image(mask: AnyMask) -> Image:
    """A mask as a grey image, white where the mask is."""
    return masks_of(mask).unsqueeze(-1).expand(-1, -1, -1, 3)


@node("ImageToMask", category=CATEGORY, name="Convert Image to Mask", search=("channel", "alpha"))
def image_to_mask(
    image: Annotated[Image, Wire("IMAGE", tip="The images of which one channel is taken.")],
    channel: Annotated[
        str,
        Choice(*CHANNELS, tip="Which channel becomes the mask. Of alpha, what is opaque becomes white."),
        More({"multiselect": False}),
    ],
) -> Mask:
    """One channel of an image as a mask: where it is bright, the mask is white."""
    return channel_of(images_of(image), channel)


@node("ImageColorToMask", category=CATEGORY, name="Convert Image Color to Mask", search=("colour", "key"))
def colour_to_mask(
    image: Annotated[Image, Wire("IMAGE", tip="The images in which the colour is looked for.")],
    color: Annotated[
        int,
        Number(default=0, low=0, high=0xFFFFFF, step=1, tip="As one number: red x 65536 + green x 256 + blue."),
        More({"display": "number"}),
    ],
) -> Mask:
    """White where an image has exactly one colour, such as that of an area which was painted in."""
    return mask_of_colour(images_of(image), color)
