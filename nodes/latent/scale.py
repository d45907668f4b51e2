"""Latents brought to another size."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Number, Wire, node
from heddle.graph.said import say
from heddle.numerics.resize import fill_size, resize
from heddle.wires import Latent

_PX_PER_CELL = 8
_LEAST_PX = 64  # smaller sizes are raised to it, as existing workflows rely on

_METHOD_TIP = "nearest-exact keeps cells, bislerp keeps the latent's variance, bilinear and bicubic are soft."

Method = Annotated[str, Choice("nearest-exact", "bilinear", "area", "bicubic", "bislerp", tip=_METHOD_TIP)]
Samples = Annotated[Latent, Wire("LATENT", tip="The latent to resize.")]


@node("LatentUpscale", category="model/latent", name="Upscale Latent", search=("resize", "size", "hires"))
def scale_latent(
    samples: Samples,
    upscale_method: Method,
    width: Annotated[
        int, Number(default=512, low=0, high=16384, step=8, tip="Of the picture, in pixels; 0 follows the height.")
    ],
    height: Annotated[
        int, Number(default=512, low=0, high=16384, step=8, tip="Of the picture, in pixels; 0 follows the width.")
    ],
    crop: Annotated[str, Choice("disabled", "center", tip="center cuts the sides so that nothing is stretched.")],
    *,
    ctx: Context,
) -> Latent:
    """Bring a latent to the size of a picture of this width and height. 0 for both changes nothing."""
    if width == 0 and height == 0:
        return samples
    old = samples["samples"]
    filled = fill_size(width, height, old.shape[-1], old.shape[-2], least=_LEAST_PX)
    columns, rows = (max(_LEAST_PX, side) // _PX_PER_CELL for side in filled)
    made = (columns * _PX_PER_CELL, rows * _PX_PER_CELL)
    if any(asked and asked != got for asked, got in zip((width, height), made)):
        ctx.note(
            say(
                "{width} x {height} became {new_width} x {new_height}: at least {least_px}, in steps of {px_per_cell}",
                width=width,
                height=height,
                new_width=made[0],
                new_height=made[1],
                least_px=_LEAST_PX,
                px_per_cell=_PX_PER_CELL,
            )
        )
    return samples | {"samples": resize(old, columns, rows, upscale_method, crop)}


@node("LatentUpscaleBy", category="model/latent", name="Upscale Latent By", search=("resize", "factor", "hires"))
def scale_latent_by(
    samples: Samples,
    upscale_method: Method,
    scale_by: Annotated[float, Number(low=0.01, high=8.0, step=0.01, tip="The factor for both sides.")] = 1.5,
) -> Latent:
    """Make a latent larger or smaller by a factor, rounded to whole cells of 8 pixels."""
    old = samples["samples"]
    columns, rows = (max(1, round(side * scale_by)) for side in (old.shape[-1], old.shape[-2]))
    return samples | {"samples": resize(old, columns, rows, upscale_method)}
