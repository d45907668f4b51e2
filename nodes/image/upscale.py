"""Images made larger, mended and filled in by nets."""

from __future__ import annotations

from typing import Annotated

from torch.nn.functional import interpolate

from heddle.graph.context import Context
from heddle.graph.declare import Wire, node
from heddle.graph.said import say
from heddle.wires import Image, Mask, UpscaleModel
from model_management.upscaling import fill_in, upscale


@node(
    "ImageUpscaleWithModel",
    category="image/upscaling",
    name="Upscale Image (using Model)",
    search=("esrgan", "restore", "enhance", "denoise"),
)
def upscale_with_model(
    upscale_model: Annotated[UpscaleModel, Wire("UPSCALE_MODEL", tip="An upscaler or a restorer.")],
    image: Annotated[Image, Wire("IMAGE", tip="The images to make larger, or to mend.")],
    ctx: Context,
) -> Image:
    """Make images larger with a net, by the factor that it was trained for; restorers keep the size.

    Large images are worked out in tiles that fade into each other, smaller ones where memory runs out.
    """
    return upscale(upscale_model, image, ctx.weights, ctx.progress, ctx.note, ctx.check_cancelled)


@node(
    "HeddleFillInWithModel",
    category="image/upscaling",
    name="Fill In (using Model)",
    search=("inpaint", "lama", "remove", "erase"),
)
def fill_in_with_model(
    upscale_model: Annotated[UpscaleModel, Wire("UPSCALE_MODEL", tip="A net that fills in, such as LaMa.")],
    image: Annotated[Image, Wire("IMAGE", tip="The images to fill in.")],
    mask: Annotated[Mask, Wire("MASK", tip="1 = to be filled in; one for each image, or one for all.")],
    ctx: Context,
) -> Image:
    """Fill in what a mask hides with what fits around it, without a prompt. All else stays as it is, to the bit."""
    if mask.shape[1:] != image.shape[1:3]:
        words = "a mask of {width} x {height} is resized to the image's size"
        ctx.note(say(words, width=mask.shape[2], height=mask.shape[1]))
        mask = interpolate(mask[:, None], size=image.shape[1:3], mode="bilinear")[:, 0]
    return fill_in(upscale_model, image, mask, ctx.weights, ctx.progress, ctx.note, ctx.check_cancelled)
