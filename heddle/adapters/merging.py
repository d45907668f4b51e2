"""Changes that bring in another model's weight."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from heddle.adapters.changes import shaped_as


@dataclass(frozen=True)
class Mixed:
    """r·W + (1 - r)·V, with r = `share` of the model that is changed."""

    other: Tensor
    share: float

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        mixed = self.share * weight + (1 - self.share) * shaped_as(self.other.float(), weight)
        return weight + strength * (mixed - weight) if strength != 1 else mixed


@dataclass(frozen=True)
class Added:
    """W + s·V."""

    other: Tensor

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        return weight + strength * shaped_as(self.other.float(), weight)


@dataclass(frozen=True)
class Subtracted:
    """s·(W - V)."""

    other: Tensor

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        return strength * (weight - shaped_as(self.other.float(), weight))
