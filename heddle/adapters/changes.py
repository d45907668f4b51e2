"""What a change of a weight is, and the plain ones: a difference, another weight, more columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn.functional import pad

from heddle.graph.errors import ShapeError
from heddle.graph.said import say


class Change(Protocol):
    """Makes another weight of a weight."""

    def apply(self, weight: Tensor, strength: float, /) -> Tensor:
        """The changed weight, a new tensor.

        Args:
            weight: float32, [out, in, ...] of a layer, or [channels] of a norm or a bias.
            strength: 0 changes nothing, 1 is what the change was made for; any number is allowed.
        Raises: ShapeError, if the change was made for a weight of another shape.
        """
        ...


@dataclass(frozen=True)
class Difference:
    """W + s·D. D has the weight's shape, dimensions of one place aside."""

    difference: Tensor

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        return weight + strength * shaped_as(self.difference, weight)


@dataclass(frozen=True)
class Replacement:
    """Another weight in its place, whatever the strength."""

    weight: Tensor

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        return shaped_as(self.weight, weight).float().clone()


@dataclass(frozen=True)
class Widened:
    """A change of a weight that has more rows or columns than the model's: those are zero before."""

    shape: tuple[int, ...]
    change: Change

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        more = [wanted - got for wanted, got in zip(self.shape, weight.shape, strict=False)]
        if len(self.shape) != weight.dim() or min(more) < 0:
            raise ShapeError(
                say(
                    "a weight of shape {shape} cannot be widened to {wanted}",
                    shape=list(weight.shape),
                    wanted=list(self.shape),
                ),
                wanted=self.shape,
                got=tuple(weight.shape),
            )
        ends = [places for extra in reversed(more) for places in (0, extra)]
        return self.change.apply(pad(weight, ends), strength)


def shaped_as(difference: Tensor, weight: Tensor) -> Tensor:
    """The same numbers in the weight's shape: a convolution may be written flat, a linear layer as one of 1x1.

    Raises: ShapeError, if more than the way of writing differs.
    """
    if difference.shape == weight.shape:
        return difference
    is_flat = difference.dim() == 2 and weight.dim() > 2 and difference.shape[0] == weight.shape[0]
    if difference.numel() != weight.numel() or not (is_flat or squeezed(difference) == squeezed(weight)):
        raise ShapeError(
            say(
                "the change has shape {found}, the model's weight {shape}",
                found=list(difference.shape),
                shape=list(weight.shape),
            ),
            wanted=tuple(weight.shape),
            got=tuple(difference.shape),
        )
    return difference.reshape(weight.shape)


def squeezed(tensor: Tensor) -> tuple[int, ...]:
    """The shape without dimensions of one place."""
    return tuple(places for places in tensor.shape if places != 1)
