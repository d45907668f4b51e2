"""Which part of which weight a layer's name in an adapter file stands for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from heddle.adapters.changes import Change
from heddle.graph.errors import ShapeError
from heddle.graph.said import say


@dataclass(frozen=True)
class Target:
    """A weight, or some rows of one.

    Attributes:
        weight: the name in the net's `state_dict()`.
        rows: first row and the one after the last, where a fused weight holds several layers of the file's net.
        is_swapped: whether the file's net has the two halves of the rows the other way round.
    """

    weight: str
    rows: tuple[int, int] | None = None
    is_swapped: bool = False

    @property
    def bias(self) -> str:
        """The name of the bias that belongs to the weight."""
        return f"{self.weight.removesuffix('weight')}bias"


def change_target(target: Target, change: Change, weight: Tensor, strength: float) -> Tensor:
    """The whole weight, changed where the target lies.

    Raises: ShapeError, if the change was made for a weight of another shape.
    """
    if target.is_swapped:
        changed = change.apply(_swapped(weight), strength)
        return _swapped(changed)
    if target.rows is None:
        return change.apply(weight, strength)
    begin, end = target.rows
    if end > weight.shape[0]:
        raise ShapeError(
            say(
                "rows {begin} to {end} are meant, but the weight has {outputs}",
                begin=begin,
                end=end,
                outputs=weight.shape[0],
            ),
            wanted=end,
            got=weight.shape[0],
        )
    return torch.cat([weight[:begin], change.apply(weight[begin:end], strength), weight[end:]])


def _swapped(weight: Tensor) -> Tensor:
    first, second = weight.chunk(2)
    return torch.cat([second, first])
