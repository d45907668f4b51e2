"""Pictures that some networks are shown beside the latent."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Flag, Wire, node
from heddle.numerics.inpainting import hide
from heddle.wires import Conditioning, Image, Latent, Mask, Vae
from model_management.image_coding import encode_image
from nodes.conditioning.places import with_options
from nodes.image.cells import crop_to_cells, fit_mask_to


@node(
    "InpaintModelConditioning", category="model/conditioning", name="InpaintModelConditioning",
    outputs=("positive", "negative", "latent"), search=("inpaint", "mask", "fill"),
)  # fmt: skip
def for_inpainting(
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae,
    pixels: Annotated[Image, Wire("IMAGE", tip="The picture to fill in.")],
    mask: Annotated[Mask, Wire("MASK", tip="White where the picture is drawn anew.")],
    noise_mask: Annotated[
        bool, Flag(default=True, tip="On, sampling leaves what the mask does not show exactly as it is.")
    ],
    ctx: Context,
) -> tuple[Conditioning, Conditioning, Latent]:
    """Show an inpainting model the mask and the picture without what it hides, and begin from the picture.

    What exceeds a multiple of the latent's cells (8 pixels) is cut evenly at the sides, of the mask too.
    """
    whole = crop_to_cells(pixels, vae.px_per_cell, ctx)
    fitted = fit_mask_to(pixels, mask, whole, ctx)
    hidden = encode_image(vae, hide(whole, fitted), ctx.weights, ctx.progress)
    latent: Latent = {"samples": encode_image(vae, whole, ctx.weights, ctx.progress)}
    if noise_mask:
        latent["noise_mask"] = fitted
    shown = {"concat_latent_image": hidden, "concat_mask": fitted}
    return with_options(positive, **shown), with_options(negative, **shown), latent


@node(
    "InstructPixToPixConditioning", category="model/conditioning/instructpix2pix", name="InstructPixToPixConditioning",
    outputs=("positive", "negative", "latent"), search=("ip2p", "edit"),
)  # fmt: skip
def for_editing(
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae,
    pixels: Annotated[Image, Wire("IMAGE", tip="The picture to edit.")],
    ctx: Context,
) -> tuple[Conditioning, Conditioning, Latent]:
    """Show an editing model the picture that the prompt says how to change, and begin from an empty latent."""
    whole = crop_to_cells(pixels, vae.px_per_cell, ctx)
    shown = {"concat_latent_image": encode_image(vae, whole, ctx.weights, ctx.progress)}
    empty = {"samples": torch.zeros_like(shown["concat_latent_image"])}
    return with_options(positive, **shown), with_options(negative, **shown), empty
