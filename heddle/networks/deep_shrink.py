"""Deep shrink: the inner stages of a UNet work on a smaller picture, so that one that is larger than those of the
training gets one subject and not many.

Source: the public description and code of "Kohya Deep Shrink" (kohya-ss, 2023).
"""

from __future__ import annotations

from torch import Tensor

from heddle.networks.hooks import Hooks, StagePlace
from heddle.numerics.resize import resize


def deep_shrink(block: int, blocks: int, factor: float, *, after_skip: bool, down_method: str, up_method: str) -> Hooks:
    """Hooks that shrink what comes out of one stage of the way down, and grow it where skips of full size come in.

    Args:
        block: the stage's number. blocks: how many stages the way down has.
        factor: how many times smaller, each way.
        after_skip: the skip of that stage is still of full size.
        down_method, up_method: see `resize`.
    """
    here = StagePlace("input", block)
    following = StagePlace("middle", 0) if block + 1 == blocks else StagePlace("input", block + 1)

    def shrink(place: StagePlace, x: Tensor) -> Tensor:
        if place != (following if after_skip else here):
            return x
        height, width = (max(1, round(size / factor)) for size in x.shape[2:])
        return resize(x, width, height, down_method)

    def grow(place: StagePlace, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        height, width = skip.shape[2:]
        return (x if x.shape[2:] == skip.shape[2:] else resize(x, width, height, up_method)), skip

    return Hooks(entering=(shrink,) if after_skip else (), leaving=() if after_skip else (shrink,), joining=(grow,))
