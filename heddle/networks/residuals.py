"""What a control net adds inside a diffusion network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import interpolate


@dataclass(frozen=True, eq=False)
class Residuals:
    """Tensors in the shapes of what they are added to.

    skips: one for each input block of a UNet, added to what the block hands across to the way up.
    middle: added to what the middle block gives.
    """

    skips: tuple[Tensor, ...]
    middle: Tensor

    def __add__(self, other: Residuals) -> Residuals:
        skips = tuple(mine + its for mine, its in zip(self.skips, other.skips, strict=True))
        return Residuals(skips, self.middle + other.middle)

    def scaled(self, strength: float) -> Residuals:
        return self._each(lambda tensor: tensor * strength)

    def pooled(self) -> Residuals:
        """The mean over all positions in the place of each: what is to be added, but not where."""
        return self._each(lambda tensor: tensor.mean((2, 3), keepdim=True).expand_as(tensor))

    def to(self, like: Tensor) -> Residuals:
        return self._each(lambda tensor: tensor.to(like))

    def added_to(self, skips: Sequence[Tensor], middle: Tensor) -> tuple[list[Tensor], Tensor]:
        """Sums with what a UNet has. Where that was made smaller by a hook, so is what is added."""
        return [_sum(*pair) for pair in zip(skips, self.skips, strict=True)], _sum(middle, self.middle)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Residuals:
        return Residuals(tuple(map(change, self.skips)), change(self.middle))


def _sum(x: Tensor, added: Tensor) -> Tensor:
    if x.shape[2:] != added.shape[2:]:
        added = interpolate(added, size=x.shape[2:], mode="bilinear", antialias=True)
    return x + added
