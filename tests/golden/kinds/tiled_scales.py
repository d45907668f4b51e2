"""Cases of g_ sets that work on a picture in tiles; what is done to each tile is told in words."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from comfy.utils import tiled_scale
from tests.golden.checks import Check, NotCovered
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check_tiles(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    scale = inputs["upscale_amount"]
    if not inputs["function"].startswith(
        f"f(t) = nearest-upscale by {scale} of t, times (1 + mean of t over everything)"
    ):
        raise NotCovered(f"tiles of {inputs['function']}")

    def enlarge(tile: Tensor) -> Tensor:
        return tile.repeat_interleave(scale, -1).repeat_interleave(scale, -2) * (1 + tile.mean())

    picture = workshop.tensor(inputs["x"])
    got = tiled_scale(picture, enlarge, inputs["tile_x"], inputs["tile_y"], inputs["overlap"], scale)
    yield Check("out", got, workshop.golden.tensors()[case.tensors["out"]], 0.0, 1e-5)
