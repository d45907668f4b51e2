"""Images to latents and back."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Wire, node
from heddle.graph.errors import ShapeError
from heddle.wires import Image, Latent, Vae
from model_management.image_coding import decode_latent, encode_image


@node("VAEDecode", category="model/latent", name="VAE Decode", search=("image", "picture", "latent to image"))
def decode(
    samples: Annotated[Latent, Wire("LATENT", tip="The latent to turn into images.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder of the model that made the latent.")],
    ctx: Context,
) -> Image:
    """Turn a latent into images."""
    return decode_latent(vae, samples["samples"], ctx.weights, ctx.progress)


@node("VAEEncode", category="model/latent", name="VAE Encode", search=("latent", "image to latent"))
def encode(
    pixels: Annotated[Image, Wire("IMAGE", tip="The images to turn into a latent.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder of the model that will work on the latent.")],
    ctx: Context,
) -> Latent:
    """Turn images into a latent. What exceeds a multiple of its cells (8 pixels) is cut evenly at the sides."""
    return {"samples": encode_image(vae, _crop_to_cells(pixels, vae.px_per_cell, ctx), ctx.weights, ctx.progress)}


def _crop_to_cells(pixels: Image, cell_px: int, ctx: Context) -> Image:
    """The middle of [B, H, W, C] with sides that are multiples of `cell_px`; says so if anything was cut."""
    height, width = pixels.shape[1:3]
    if min(height, width) < cell_px:
        raise ShapeError(
            f"an image of {width} x {height} pixels is smaller than one cell of the latent; "
            f"make it at least {cell_px} x {cell_px}, for example with Upscale Image",
            wanted=f"at least {cell_px} x {cell_px}",
            got=f"{width} x {height}",
        )
    new_height, new_width = height - height % cell_px, width - width % cell_px
    if (new_height, new_width) == (height, width):
        return pixels
    ctx.note(f"{width} x {height} is no multiple of {cell_px}; cut at the sides to {new_width} x {new_height}")
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return pixels[:, top : top + new_height, left : left + new_width]
