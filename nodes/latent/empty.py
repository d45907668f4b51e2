"""Latents to begin from."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Number, node
from heddle.graph.said import say
from heddle.wires import Latent

_CHANNELS = 4  # of Stable Diffusion 1, 2 and XL
_SD3_CHANNELS = 16  # of FLUX.1 as well


@node("EmptyLatentImage", category="model/latent", name="Empty Latent Image", search=("size", "blank", "start"))
def make_empty_latent(
    width: Annotated[int, Number(low=16, high=16384, step=8, tip="Of the picture to be made, in pixels.")] = 512,
    height: Annotated[int, Number(low=16, high=16384, step=8, tip="Of the picture to be made, in pixels.")] = 512,
    batch_size: Annotated[int, Number(low=1, high=4096, tip="How many pictures to make at once.")] = 1,
    *,
    ctx: Context,
) -> Latent:
    """An empty latent, to be filled by sampling. Sizes that are no multiple of 8 are rounded down.

    Models whose latents have more channels than Stable Diffusion's take it too.
    """
    return empty_latent(width, height, batch_size, _CHANNELS, ctx)


@node(
    "EmptySD3LatentImage", category="model/latent/stable diffusion", name="EmptySD3LatentImage",
    search=("size", "blank", "start", "flux"),
)  # fmt: skip
def make_empty_sd3_latent(
    width: Annotated[int, Number(low=16, high=16384, step=16, tip="Of the picture to be made, in pixels.")] = 1024,
    height: Annotated[int, Number(low=16, high=16384, step=16, tip="Of the picture to be made, in pixels.")] = 1024,
    batch_size: Annotated[int, Number(low=1, high=4096, tip="How many pictures to make at once.")] = 1,
    *,
    ctx: Context,
) -> Latent:
    """An empty latent for Stable Diffusion 3 and FLUX.1. Sizes that are no multiple of 8 are rounded down."""
    return empty_latent(width, height, batch_size, _SD3_CHANNELS, ctx)


def empty_latent(width_px: int, height_px: int, batch: int, channels: int, ctx: Context, cell_px: int = 8) -> Latent:
    """A latent of zeros, [batch, channels, height_px / cell_px, width_px / cell_px]; says so if it is rounded down."""
    columns, rows = width_px // cell_px, height_px // cell_px
    if (columns * cell_px, rows * cell_px) != (width_px, height_px):
        ctx.note(
            say(
                "{width_px} x {height_px} is no multiple of {px_per_cell}; rounded down to {new_width} x {new_height}",
                width_px=width_px,
                height_px=height_px,
                px_per_cell=cell_px,
                new_width=columns * cell_px,
                new_height=rows * cell_px,
            )
        )
    return {"samples": torch.zeros(batch, channels, rows, columns)}
