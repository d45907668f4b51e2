"""Images to latents and back in tiles, for those that are too large for the memory."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Number, Wire, node
from heddle.wires import Image, Latent, Vae
from model_management.image_coding import decode_tiled, encode_tiled
from nodes.image.cells import crop_to_cells

TILE_TIP = "Side of a square, in pixels."

Overlap = Annotated[
    int,
    Number(
        default=64, low=0, high=4096, step=32, advanced=True,
        tip="What neighbours share at least, in pixels; a quarter of a square at most.",
    ),
]  # fmt: skip
Frames = Annotated[
    int, Number(default=64, low=8, high=4096, step=4, advanced=True, tip="Of a video at once; pictures have one.")
]
SharedFrames = Annotated[
    int, Number(default=8, low=4, high=4096, step=4, advanced=True, tip="Of a video; pictures have none to share.")
]


@node("VAEDecodeTiled", category="model/latent", name="VAE Decode (Tiled)", search=("memory", "large"))
def decode(
    samples: Annotated[Latent, Wire("LATENT", tip="The latent to turn into images.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder of the model that made the latent.")],
    tile_size: Annotated[int, Number(default=512, low=64, high=4096, step=32, advanced=True, tip=TILE_TIP)],
    overlap: Overlap,
    temporal_size: Frames,
    temporal_overlap: SharedFrames,
    ctx: Context,
) -> Image:
    """Turn a latent into images in overlapping squares, which takes less memory; they fade into each other."""
    latent, shared = samples["samples"], min(temporal_overlap, temporal_size // 4)
    return decode_tiled(
        vae, latent, ctx.weights, tile_size, overlap, ctx.progress, ctx.note, temporal_size, shared
    )  # fmt: skip


@node("VAEEncodeTiled", category="model/latent", name="VAE Encode (Tiled)", search=("memory", "large"))
def encode(
    pixels: Annotated[Image, Wire("IMAGE", tip="The images to turn into a latent.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder of the model that will work on the latent.")],
    tile_size: Annotated[int, Number(default=512, low=64, high=4096, step=64, advanced=True, tip=TILE_TIP)],
    overlap: Overlap,
    temporal_size: Frames,
    temporal_overlap: SharedFrames,
    ctx: Context,
) -> Latent:
    """Turn images into a latent in overlapping squares, which takes less memory; they fade into each other."""
    fitting = crop_to_cells(pixels, vae.px_per_cell, ctx)
    return {"samples": encode_tiled(vae, fitting, ctx.weights, tile_size, overlap, ctx.progress, ctx.note)}
