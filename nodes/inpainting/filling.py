"""What a picture begins with under its mask, before a model draws there."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Number, Wire, node
from heddle.graph.said import say
from heddle.numerics.batches import fit_batch, images_of
from heddle.numerics.hole_filling import FILLS, fill
from heddle.samplers.fitting import fit_mask
from heddle.samplers.noise import initial_noise
from heddle.wires import Image, Latent, Mask, Model, Vae
from model_management.image_coding import encode_image
from nodes.image.cells import crop_to_cells, fit_mask_to
from nodes.inpainting.cropping import CATEGORY
from nodes.inpainting.fitting import fit_masks

BEGINNINGS = ("original", "blurred fill", "latent noise", "latent nothing")


@node("HeddleFillMasked", category=CATEGORY, name="Fill Masked Area", search=("inpaint", "erase", "blurred fill"))
def fill_masked(
    image: Annotated[Image, Wire("IMAGE", tip="The pictures to fill in.")],
    mask: Annotated[Mask, Wire("MASK", tip="White where a picture is filled; grey mixes.")],
    fill_with: Annotated[
        str, Choice(*FILLS, tip="blurred: soft colours of what lies around; else one colour, grey or black.")
    ] = "blurred",
    *,
    ctx: Context,
) -> Image:
    """Cover what a mask shows with soft colours of its surroundings, so that a model forgets what was there.

    What the mask hides stays as it is to the bit. Of batches of different length the shorter one is repeated.
    """
    images = images_of(image)
    masks = fit_masks(mask, images, ctx)
    size = max(len(images), len(masks))
    images, masks = fit_batch(images, size), fit_batch(masks, size)
    if not bool(masks.any()):
        ctx.note(say("the mask is empty, so nothing of the image is filled"))
    elif fill_with == "blurred" and bool((masks == 1).all(dim=(1, 2)).any()):
        ctx.note(say("the mask covers all of an image, so there is nothing to fill it from: it becomes grey"))
    return fill(images, masks, fill_with)


@node(
    "HeddleInpaintEncode", category="model/latent", name="VAE Encode (Inpaint with Fill)",
    search=("inpaint", "masked content", "latent noise", "fill"),
)  # fmt: skip
def encode_filled(
    model: Annotated[Model, Wire("MODEL", tip="The model that will draw: its latents have a scale of their own.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder of that model.")],
    pixels: Annotated[Image, Wire("IMAGE", tip="The pictures of which a part is drawn anew.")],
    mask: Annotated[Mask, Wire("MASK", tip="White where a picture is drawn anew.")],
    begin_with: Annotated[
        str,
        Choice(
            *BEGINNINGS,
            tip="What lies under the mask: the picture, soft colours of its surroundings, noise, or nothing. "
            "The last two want a denoise near 1.",
        ),
    ] = "original",
    seed: Annotated[int, Number(low=0, high=2**64 - 1, tip="Of latent noise. Take another than the sampler's.")] = 0,
    *,
    ctx: Context,
) -> Latent:
    """Turn pictures into a latent of which sampling changes what the mask shows, and choose what it begins with there.

    The four beginnings are those that stable-diffusion-webui calls masked content. What exceeds a multiple of the
    latent's cells (8 pixels) is cut evenly at the sides, of the mask too.
    """
    whole = crop_to_cells(pixels, vae.px_per_cell, ctx)
    masks = fit_mask_to(pixels, mask, whole, ctx)[:, 0].nan_to_num(0.0).clamp(0, 1)
    if begin_with == "blurred fill":
        whole = fill(whole, fit_batch(masks, len(whole)), "blurred")
    latent = encode_image(vae, whole, ctx.weights, ctx.progress, ctx.note)
    if begin_with.startswith("latent"):
        shape = tuple(latent.shape)
        new = initial_noise(seed, shape) if begin_with == "latent noise" else latent.new_zeros(shape)
        share = fit_mask(masks, latent)
        latent = latent * (1 - share) + model.latent.outward(new) * share
    return {"samples": latent, "noise_mask": masks[:, None]}
