"""Masks from files, and shown."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Files, Hidden, Wire, node
from heddle.graph.results import Shown
from heddle.media.pictures import read_picture
from heddle.numerics.batches import masks_of
from heddle.numerics.masks import channel_of
from heddle.wires import Mask
from nodes.image.files import PASSING_LEVEL, write_images
from nodes.image.masks import CATEGORY
from nodes.metadata import texts_for


@node("LoadImageMask", category="image", name="Load Image (as Mask)", search=("alpha", "open mask"))
def load_mask(
    image: Annotated[str, Files("input", upload="image", tip="A picture in the input folder; you can add one here.")],
    channel: Annotated[
        str,
        Choice(
            "alpha",
            "red",
            "green",
            "blue",
            tip="Which channel becomes the mask. Of alpha, what is transparent becomes white.",
        ),
    ],
    ctx: Context,
) -> Mask:
    """Read one channel of a picture as a mask. An animation becomes a batch; what has no alpha is opaque, so black."""
    picture = read_picture(ctx.folders.annotated(image), name=image)
    if channel != "alpha":
        return channel_of(torch.from_numpy(picture.as_float()), channel).clamp(0, 1)
    alpha = picture.alpha_as_float()
    return torch.zeros(picture.frames.shape[:3]) if alpha is None else 1 - torch.from_numpy(alpha)


@node("MaskPreview", category=CATEGORY, name="Preview Mask", outputs=("mask",), effects=True, search=("show", "view"))
def preview_mask(
    mask: Annotated[Mask, Wire("MASK", tip="The masks to show.")],
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> Annotated[Shown, Wire("MASK")]:
    """Show masks as grey pictures without keeping them, and pass them on."""
    images = masks_of(mask).unsqueeze(-1).expand(-1, -1, -1, 3)
    prefix = f"preview_{secrets.token_hex(4)}"
    shown = write_images(images, "temp", prefix, texts_for(prompt, extra_pnginfo, ctx), PASSING_LEVEL, ctx)
    return Shown((mask,), shown.ui)
