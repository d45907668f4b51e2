"""Masked parts of pictures cut out to be drawn anew alone, and put back."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.declare import Flag, Number, Wire, node
from heddle.graph.said import say
from heddle.numerics.batches import images_of
from heddle.numerics.inpaint_crops import CropRules, cut_out, stitch_back
from heddle.wires import Image, InpaintCrop, Mask
from nodes.inpainting.fitting import fit_masks

CATEGORY = "image/inpainting"


@node(
    "HeddleInpaintCrop", category=CATEGORY, name="Crop for Inpainting",
    outputs=("inpaint_crop", "images", "masks", "soft_masks"), search=("inpaint", "only masked", "crop and stitch"),
)  # fmt: skip
def crop_for_inpainting(
    image: Annotated[Image, Wire("IMAGE", tip="The pictures of which a part is drawn anew.")],
    mask: Annotated[
        Mask,
        Wire(
            "MASK",
            tip="White where a picture is drawn anew. Several masks for one picture give several parts of it.",
        ),
    ],
    grow_mask: Annotated[
        int,
        Number(low=-1024, high=1024, tip="So many pixels more are drawn anew around the mask; fewer below 0."),
    ] = 4,
    fade: Annotated[
        int,
        Number(low=0, high=1024, tip="Over so many pixels around the mask what is drawn fades into the picture."),
    ] = 16,
    context_factor: Annotated[
        float,
        Number(low=1.0, high=100.0, step=0.01, tip="How many times as wide and high as the mask the part is."),
    ] = 1.0,
    context_pixels: Annotated[
        int, Number(low=0, high=8192, tip="And so many pixels more at each side, for the model to look at.")
    ] = 32,
    width: Annotated[
        int,
        Number(
            low=0,
            high=16384,
            step=8,
            tip="What the part is brought to, in pixels. 0 follows the part's own aspect; both 0 keep its own size.",
        ),
    ] = 512,
    height: Annotated[
        int, Number(low=0, high=16384, step=8, tip="The same for its height. More is cut out, nothing is stretched.")
    ] = 512,
    multiple_of: Annotated[
        int, Number(low=1, high=512, tip="Both sides become multiples of it; 8 or 64 for most models.")
    ] = 8,
    separate_parts: Annotated[
        bool, Flag(tip="Cut out each connected part of a mask for itself, rather than one piece around them all.")
    ] = False,
    *,
    ctx: Context,
) -> tuple[InpaintCrop, Image, Mask, Mask]:
    """Cut out what lies around a mask, so that a model draws only that, at the size that it draws best.

    Sample the images with one of the masks, then put them back with Stitch Inpainted: the first output says where they
    belong. `masks` are the grown masks, `soft_masks` fade, for Differential Diffusion. All parts have one size. Where a
    part reaches over the picture its outermost pixels go on. An empty mask leaves its picture as it is.
    """
    images = images_of(image)
    masks = fit_masks(mask, images, ctx)
    rules = CropRules(
        *(grow_mask, fade, context_factor, context_pixels, width, height, multiple_of),
        are_parts_apart=separate_parts,
    )
    done = cut_out(images, masks, rules)
    total = max(len(images), len(masks))
    if done.empty_masks == total:
        ctx.note(say("the mask is empty: the picture is given whole, and stitched it stays as it is"))
    elif done.empty_masks:
        words = "{count} of {total} masks are empty and give no part; what they belong to stays as it is"
        ctx.note(say(words, count=done.empty_masks, total=total))
    return done.places, done.images, done.masks, done.soft_masks


@node(
    "HeddleInpaintStitch", category=CATEGORY, name="Stitch Inpainted",
    search=("inpaint", "only masked", "crop and stitch", "paste"),
)  # fmt: skip
def stitch_inpainted(
    inpaint_crop: Annotated[InpaintCrop, Wire("HEDDLE_INPAINT_CROP", tip="From Crop for Inpainting.")],
    images: Annotated[
        Image,
        Wire("IMAGE", tip="What was drawn: one for each part, or several times as many for variants of the picture."),
    ],
    ctx: Context,
) -> Image:
    """Put what was drawn anew back into its pictures, fading over into them around the mask.

    Where nothing of it shows, the pictures stay as they were to the bit. Other sizes are resized to the parts.
    """
    drawn: Tensor = images_of(images, "images")
    height, width = drawn.shape[1:3]
    if (width, height) != (inpaint_crop.width, inpaint_crop.height):
        words = "the images of {width} x {height} are put into parts that were cut out at {part_width} x {part_height}"
        ctx.note(say(words, width=width, height=height, part_width=inpaint_crop.width, part_height=inpaint_crop.height))
    return stitch_back(inpaint_crop, drawn)
