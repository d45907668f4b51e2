"""Latents to begin from."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Number, node
from heddle.wires import Latent

_CHANNELS = 4
_PX_PER_CELL = 8  # of the Stable Diffusion 1, 2 and XL autoencoders, which this node is for


@node("EmptyLatentImage", category="model/latent", name="Empty Latent Image", search=("size", "blank", "start"))
def make_empty_latent(
    width: Annotated[int, Number(low=16, high=16384, step=8, tip="Of the picture to be made, in pixels.")] = 512,
    height: Annotated[int, Number(low=16, high=16384, step=8, tip="Of the picture to be made, in pixels.")] = 512,
    batch_size: Annotated[int, Number(low=1, high=4096, tip="How many pictures to make at once.")] = 1,
    *,
    ctx: Context,
) -> Latent:
    """An empty latent, to be filled by sampling. Sizes that are no multiple of 8 are rounded down."""
    columns, rows = width // _PX_PER_CELL, height // _PX_PER_CELL
    if (columns * _PX_PER_CELL, rows * _PX_PER_CELL) != (width, height):
        ctx.note(
            f"{width} x {height} is no multiple of {_PX_PER_CELL}; "
            f"rounded down to {columns * _PX_PER_CELL} x {rows * _PX_PER_CELL}"
        )
    return {"samples": torch.zeros(batch_size, _CHANNELS, rows, columns)}
