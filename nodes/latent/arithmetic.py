"""Latents as numbers: added, scaled, cut into parts, put side by side."""

from __future__ import annotations

import operator
from typing import Annotated

from heddle.graph.declare import Choice, More, Number, Wire, node
from heddle.numerics.batches import fit_batch
from heddle.numerics.latents import combine, concatenate, cut, cut_to_batch, fit_latent, interpolate
from heddle.wires import Latent

CATEGORY = "model/latent/advanced"

_SINGLE = More({"multiselect": False})
_AXIS_TIP = "x goes to the right, y down, t along the frames of a video."

Second = Annotated[Latent, Wire("LATENT", tip="Brought to the size of the first.")]


@node("LatentAdd", category=CATEGORY, search=("math", "plus"))
def add(samples1: Latent, samples2: Second) -> Latent:
    """Add two latents, each cell by itself."""
    return {**samples1, "samples": combine(samples1["samples"], samples2["samples"], operator.add)}


@node("LatentSubtract", category=CATEGORY, search=("math", "minus", "difference"))
def subtract(samples1: Latent, samples2: Second) -> Latent:
    """Subtract the second latent from the first, each cell by itself."""
    return {**samples1, "samples": combine(samples1["samples"], samples2["samples"], operator.sub)}


@node("LatentMultiply", category=CATEGORY, search=("math", "scale", "strength"))
def multiply(
    samples: Latent,
    multiplier: Annotated[float, Number(low=-10.0, high=10.0, step=0.01, tip="1 changes nothing.")] = 1.0,
) -> Latent:
    """Multiply a latent by a number."""
    return {**samples, "samples": samples["samples"] * multiplier}


@node("LatentInterpolate", category=CATEGORY, search=("mix", "blend", "morph"))
def mix(
    samples1: Latent,
    samples2: Second,
    ratio: Annotated[float, Number(low=0.0, high=1.0, step=0.01, tip="1 is the first, 0 the second.")] = 1.0,
) -> Latent:
    """Go from one latent to another. The lengths of the cells' values are kept, which keeps contrast between them."""
    first = samples1["samples"]
    second = fit_batch(fit_latent(samples2["samples"], first), len(first))
    return {**samples1, "samples": interpolate(first, second, ratio)}


@node("LatentConcat", category=CATEGORY, search=("join", "side by side"))
def put_side_by_side(
    samples1: Latent,
    samples2: Annotated[Latent, Wire("LATENT", tip="Of the same size along the other axes.")],
    dim: Annotated[
        str, Choice("x", "-x", "y", "-y", "t", "-t", tip=f"{_AXIS_TIP} A minus puts the second one first."), _SINGLE
    ],
) -> Latent:
    """Put two latents side by side: beside each other, below each other or, of videos, one after the other."""
    return {**samples1, "samples": concatenate(samples1["samples"], samples2["samples"], dim)}


@node("LatentCut", category=CATEGORY, search=("slice", "part"))
def take_part(
    samples: Latent,
    dim: Annotated[str, Choice("x", "y", "t", tip=_AXIS_TIP), _SINGLE],
    index: Annotated[
        int,
        Number(
            low=-16384, high=16384, step=1, tip="Where the part begins, in cells or frames; negative: from the end."
        ),
    ] = 0,
    amount: Annotated[int, Number(low=1, high=16384, step=1, tip="Its length, in cells or frames.")] = 1,
) -> Latent:
    """Take a strip out of a latent, or some of a video's frames."""
    return {**samples, "samples": cut(samples["samples"], dim, index, amount)}


@node("LatentCutToBatch", category=CATEGORY, search=("slice", "frames", "split"))
def cut_into_batch(
    samples: Latent,
    dim: Annotated[str, Choice("t", "x", "y", tip=_AXIS_TIP), _SINGLE],
    slice_size: Annotated[int, Number(low=1, high=16384, step=1, tip="Length of a part, in cells or frames.")] = 1,
) -> Latent:
    """Cut a latent into parts of equal length, which become a batch; a rest that is shorter is left out."""
    return {**samples, "samples": cut_to_batch(samples["samples"], dim, slice_size)}
