"""Latents put onto each other and mixed."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from heddle.graph.declare import Flag, Number, Wire, node
from heddle.numerics.compositing import paste
from heddle.numerics.latents import combine, paste_feathered
from heddle.wires import Latent, Mask

PX_PER_CELL = 8

To = Annotated[Latent, Wire("LATENT", tip="What the other one is put onto.")]
From = Annotated[Latent, Wire("LATENT", tip="What is put onto it.")]
X = Annotated[int, Number(default=0, low=0, high=16384, step=8, tip="Where its left side comes, in pixels.")]
Y = Annotated[int, Number(default=0, low=0, high=16384, step=8, tip="Where its upper side comes, in pixels.")]


@node("LatentComposite", category="model/latent", name="Latent Composite", search=("paste", "overlay"))
def composite(
    samples_to: To,
    samples_from: From,
    x: X,
    y: Y,
    feather: Annotated[
        int,
        Number(default=0, low=0, high=16384, step=8, tip="Over so many pixels its sides fade, except at the border."),
    ],
) -> Latent:
    """Put one latent onto another, in steps of 8 pixels, with sides that may fade. What reaches over it is cut."""
    cells = (each // PX_PER_CELL for each in (x, y, feather))
    return {**samples_to, "samples": paste_feathered(samples_to["samples"], samples_from["samples"], *cells)}


@node("LatentCompositeMasked", category="model/latent", name="Latent Composite Masked", search=("paste", "overlay"))
def composite_masked(
    destination: To,
    source: From,
    x: X,
    y: Y,
    resize_source: Annotated[bool, Flag(tip="Whether it is first stretched to the size of the other.")] = False,
    *,
    mask: Annotated[Mask | None, Wire("MASK", tip="White where it covers the other; stretched over it.")] = None,
) -> Latent:
    """Put one latent onto another through a mask, in steps of 8 pixels. What reaches over it is cut."""
    place = (x // PX_PER_CELL, y // PX_PER_CELL)
    pasted = paste(destination["samples"], source["samples"], *place, mask, resize_source)
    return {**destination, "samples": pasted}


@node("LatentBlend", category="experimental", name="Latent Blend", search=("mix", "average"))
def blend(
    samples1: Latent,
    samples2: Latent,
    blend_factor: Annotated[float, Number(low=0, high=1, step=0.01, tip="The share of the first.")] = 0.5,
) -> Latent:
    """Mix two latents, each cell by itself. The second is brought to the size of the first."""

    def mixed(first: Tensor, second: Tensor) -> Tensor:
        return first * blend_factor + second * (1 - blend_factor)

    return {**samples1, "samples": combine(samples1["samples"], samples2["samples"], mixed, "bicubic")}
