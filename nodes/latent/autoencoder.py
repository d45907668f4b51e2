"""Images to latents and back."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Number, Wire, node
from heddle.numerics.inpainting import grow, hide
from heddle.wires import Image, Latent, Mask, Vae
from model_management.image_coding import decode_latent, encode_image
from nodes.image.cells import crop_to_cells, fit_mask_to


@node("VAEDecode", category="model/latent", name="VAE Decode", search=("image", "picture", "latent to image"))
def decode(
    samples: Annotated[Latent, Wire("LATENT", tip="The latent to turn into images.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder of the model that made the latent.")],
    ctx: Context,
) -> Image:
    """Turn a latent into images."""
    return decode_latent(vae, samples["samples"], ctx.weights, ctx.progress, ctx.note)


@node("VAEEncode", category="model/latent", name="VAE Encode", search=("latent", "image to latent"))
def encode(
    pixels: Annotated[Image, Wire("IMAGE", tip="The images to turn into a latent.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder of the model that will work on the latent.")],
    ctx: Context,
) -> Latent:
    """Turn images into a latent. What exceeds a multiple of its cells (8 pixels) is cut evenly at the sides."""
    fitting = crop_to_cells(pixels, vae.px_per_cell, ctx)
    return {"samples": encode_image(vae, fitting, ctx.weights, ctx.progress, ctx.note)}


@node(
    "VAEEncodeForInpaint", category="model/latent", name="VAE Encode (for Inpainting)", search=("inpaint", "mask")
)  # fmt: skip
def encode_for_inpainting(
    pixels: Annotated[Image, Wire("IMAGE", tip="The images to fill in.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder of the model that will work on the latent.")],
    mask: Annotated[Mask, Wire("MASK", tip="White where the picture is drawn anew.")],
    grow_mask_by: Annotated[
        int, Number(default=6, low=0, high=64, step=1, tip="So many pixels more are drawn anew, to hide the seam.")
    ],
    ctx: Context,
) -> Latent:
    """Turn images into a latent with grey under the mask, of which sampling changes what the mask shows.

    What exceeds a multiple of the latent's cells (8 pixels) is cut evenly at the sides, of the mask too.
    """
    whole = crop_to_cells(pixels, vae.px_per_cell, ctx)
    fitted = fit_mask_to(pixels, mask, whole, ctx)
    latent = encode_image(vae, hide(whole, fitted), ctx.weights, ctx.progress, ctx.note)
    return {"samples": latent, "noise_mask": grow(fitted, grow_mask_by).round()}
