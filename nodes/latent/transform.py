"""Latents turned, mirrored and cropped."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, Number, node
from heddle.numerics.latents import AXES, crop, rotate
from heddle.wires import Latent
from nodes.latent.compositing import PX_PER_CELL

CATEGORY = "model/latent/transform"

_ROTATIONS = ("none", "90 degrees", "180 degrees", "270 degrees")
_FLIPS = {"x-axis: vertically": "y", "y-axis: horizontally": "x"}


@node("LatentRotate", category=CATEGORY, name="Rotate Latent", search=("turn",))
def rotate_latent(samples: Latent, rotation: Annotated[str, Choice(*_ROTATIONS, tip="Clockwise.")]) -> Latent:
    """Turn a latent. A sampler should go over it, as a model does not know its cells lying on their sides."""
    return {**samples, "samples": rotate(samples["samples"], _ROTATIONS.index(rotation))}


@node("LatentFlip", category=CATEGORY, name="Flip Latent", search=("mirror",))
def flip_latent(
    samples: Latent,
    flip_method: Annotated[str, Choice(*_FLIPS, tip="Upside down, or left to right.")],
) -> Latent:
    """Mirror a latent. A sampler should go over it, as a model does not know its cells mirrored."""
    return {**samples, "samples": samples["samples"].flip(AXES[_FLIPS[flip_method]])}


@node("LatentCrop", category=CATEGORY, name="Crop Latent", search=("cut",))
def crop_latent(
    samples: Latent,
    width: Annotated[int, Number(default=512, low=64, high=16384, step=8, tip="Of what is left, in pixels.")],
    height: Annotated[int, Number(default=512, low=64, high=16384, step=8, tip="Of what is left, in pixels.")],
    x: Annotated[int, Number(default=0, low=0, high=16384, step=8, tip="What is cut at the left, in pixels.")],
    y: Annotated[int, Number(default=0, low=0, high=16384, step=8, tip="What is cut above, in pixels.")],
) -> Latent:
    """Cut a part out of a latent, in steps of 8 pixels; where the latent ends, the part is smaller."""
    cells = (each // PX_PER_CELL for each in (x, y, width, height))
    return {**samples, "samples": crop(samples["samples"], *cells)}
