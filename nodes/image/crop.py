"""Parts of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Choice, More, Number, Wire, node
from heddle.graph.said import say
from heddle.media.colours import read_colour
from heddle.numerics.batches import images_of, masks_of
from heddle.numerics.boxes import Box, around, box_of, boxes_by_image
from heddle.numerics.image_crops import crop_anywhere, crop_at, crop_into, crop_middle, crop_to_mask
from heddle.wires import Image, Mask

CATEGORY = "image/transform"

_BOX = {"x": 0, "y": 0, "width": 512, "height": 512}
_Images = Annotated[Image, Wire("IMAGE", tip="The images to cut.")]
_Side = Annotated[int, Number(default=512, low=1, high=8192, tip="Of the part, in pixels; a shorter side stays whole.")]
_Cut = Annotated[int, Number(default=512, low=1, high=16384, step=1, tip="Of the part, in pixels.")]
_Corner = Annotated[int, Number(default=0, low=0, high=16384, step=1, tip="Where the part begins, in pixels.")]


@node("ImageCropV2", category=CATEGORY, name="Crop Image", search=("cut", "part"))
def crop_region(
    image: _Images,
    crop_region: Annotated[
        Mapping[str, float],
        Wire("BOUNDING_BOX", tip="The part to keep, drawn on the image or given as numbers."),
        More({"default": _BOX, "socketless": True, "component": "ImageCrop"}),
    ],
) -> Image:
    """Cut a part out of images. What of it lies outside of them is left out."""
    box = box_of(crop_region)
    return crop_at(image, box.left, box.top, box.width, box.height)


@node("ImageCrop", category=CATEGORY, name="Crop Image (DEPRECATED)", deprecated=True)
def crop(image: _Images, width: _Cut, height: _Cut, x: _Corner, y: _Corner) -> Image:
    """Cut a part out of images, given by its size and its upper left corner. Crop Image does the same."""
    return crop_at(image, x, y, width, height)


@node("CenterCropImages", category=CATEGORY, name="Crop Image (Center)", outputs=("images",), experimental=True)
def crop_center(images: _Images, width: _Side, height: _Side) -> Image:
    """Cut the middle out of images."""
    return crop_middle(images, width, height)


@node("RandomCropImages", category=CATEGORY, name="Crop Image (Random)", outputs=("images",), experimental=True)
def crop_random(
    images: _Images,
    width: _Side,
    height: _Side,
    seed: Annotated[int, Number(default=0, low=0, high=2**64 - 1, tip="The same seed cuts in the same place.")],
) -> Image:
    """Cut a part out of images, in a place that the seed draws."""
    return crop_anywhere(images, width, height, seed)


@node("CropByBBoxes", category=CATEGORY, name="Crop By Bounding Boxes", search=("detect", "face"))
def crop_boxes(
    image: _Images,
    bboxes: Annotated[
        Any,
        Wire("BOUNDING_BOX", tip="Boxes of a detector: for each image, for all, or a single one."),
        More({"default": _BOX, "socketless": True, "forceInput": True}),
    ],
    output_width: Annotated[int, Number(default=512, low=64, high=4096, step=8, tip="Of each part, in pixels.")],
    output_height: Annotated[int, Number(default=512, low=64, high=4096, step=8, tip="Of each part, in pixels.")],
    padding: Annotated[int, Number(default=0, low=0, high=1024, step=1, tip="Kept around the boxes, in pixels.")],
    keep_aspect: Annotated[
        str,
        Choice("stretch", "pad", tip="stretch fills the size; pad keeps the aspect, between black stripes."),
        More({"default": "stretch", "multiselect": False}),
    ],
    ctx: Context,
) -> Image:
    """Cut out of each image what lies in its boxes, all of them together, and bring it to one size.

    Images without a box are left out. If no image has one, all are kept whole.
    """
    by_image = boxes_by_image(bboxes)
    width, height = image.shape[2], image.shape[1]
    parts = []
    for number, one in enumerate(image.split(1)):
        boxes = by_image[min(number, len(by_image) - 1)] if by_image else []
        box = around(boxes).grown(padding).within(width, height) if boxes else None
        if box is not None and not box.is_empty:
            parts.append((one, box))
    if not parts:
        ctx.note(say("no box lies on an image; the images are kept whole"))
        parts = [(one, Box(0, 0, width, height)) for one in image.split(1)]
    elif len(parts) < len(image):
        words = "{count} of {total} images have no box on them and are left out"
        ctx.note(say(words, count=len(image) - len(parts), total=len(image)))
    stretched = keep_aspect == "stretch"
    return torch.cat([crop_into(*each, output_width, output_height, is_stretched=stretched) for each in parts])


@node(
    "ImageCropToMask", category=CATEGORY, name="Crop Image to Mask", outputs=("images",), search=("cut out", "object")
)
def crop_mask(
    images: _Images,
    masks: Annotated[Mask, Wire("MASK", tip="1 = what is shown; one for each image, or one for all.")],
    width: Annotated[int, Number(default=1024, low=64, high=4096, step=8, tip="Of the result, in pixels.")],
    height: Annotated[int, Number(default=1024, low=64, high=4096, step=8, tip="Of the result, in pixels.")],
    pad_factor: Annotated[
        float,
        Number(default=1.0, low=1.0, high=2.0, step=0.01, tip="How much larger the part is than what the mask shows."),
    ],
    grow_mask: Annotated[
        int,
        Number(default=0, low=-32, high=32, step=1, tip="Grow the mask by so many pixels, or shrink it, below 0."),
    ],
    background: Annotated[
        str,
        Wire("COLOR", tip="Shows where the mask does not, as #rrggbb."),
        More({"default": "#000000", "socketless": True}),
    ],
    ctx: Context,
) -> Image:
    """Cut out what a mask shows, in the middle of an image of one colour, as models want it that look at one object.

    Nothing is stretched. Where a mask is empty, the whole image is taken.
    """
    images, masks = images_of(images, "images"), masks_of(masks)
    colour = list(read_colour(background, "background")[: min(3, images.shape[-1])])
    behind = images.new_tensor(colour + [1.0] * (images.shape[-1] - len(colour)))
    cut_out = []
    for number, image in enumerate(images.split(1)):
        mask = masks[min(number, len(masks) - 1)]
        if mask.shape != image.shape[1:3]:
            words = "a mask of {width} x {height} is resized to the image's size"
            ctx.note(say(words, width=mask.shape[1], height=mask.shape[0]))
            mask = torch.nn.functional.interpolate(mask[None, None], size=image.shape[1:3], mode="bilinear")[0, 0]
        if not bool((mask > 0).any()):
            ctx.note(say("a mask is empty; the whole image is taken"))
        cut_out.append(crop_to_mask(image, mask, width, height, pad_factor, grow_mask, behind))
    return torch.cat(cut_out)
