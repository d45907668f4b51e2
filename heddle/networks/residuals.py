"""What control nets and adapters add inside a diffusion network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import interpolate

#: One entry for each block of a kind, None where nothing is added; blocks behind the last entry get nothing either.
Parts: TypeAlias = "tuple[Tensor | None, ...]"


@dataclass(frozen=True, eq=False)
class Residuals:
    """Tensors in the shapes of what they are added to.

    skips: for the input blocks of a UNet, added to what a block hands across to the way up.
    middle: added to what its middle block gives.
    inside: for its input blocks, added to what a block gives, from where it goes both down and across.
    blocks: for the blocks of a transformer, added to the picture's own tokens behind the block.
    single_blocks: the same for those in which text and picture are one sequence.
    """

    skips: Parts = ()
    middle: Tensor | None = None
    inside: Parts = ()
    blocks: Parts = ()
    single_blocks: Parts = ()

    def __add__(self, other: Residuals) -> Residuals:
        return Residuals(
            _sums(self.skips, other.skips),
            _sum(self.middle, other.middle),
            _sums(self.inside, other.inside),
            _sums(self.blocks, other.blocks),
            _sums(self.single_blocks, other.single_blocks),
        )

    def scaled(self, strength: float) -> Residuals:
        return self._each(lambda tensor: tensor * strength)

    def pooled(self) -> Residuals:
        """The mean over all positions in the place of each of a UNet's: what is to be added, but not where."""
        return self._each(lambda tensor: tensor.mean((2, 3), keepdim=True).expand_as(tensor))

    def to(self, like: Tensor) -> Residuals:
        return self._each(lambda tensor: tensor.to(like))

    def added_to(self, skips: Sequence[Tensor], middle: Tensor) -> tuple[list[Tensor], Tensor]:
        """What a UNet has for its way up, with what is added to it there."""
        skips = [add_part(skip, self.skips, number) for number, skip in enumerate(skips)]
        return skips, add_part(middle, (self.middle,), 0)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Residuals:
        def of(part: Tensor | None) -> Tensor | None:
            return None if part is None else change(part)

        return Residuals(
            tuple(map(of, self.skips)),
            of(self.middle),
            tuple(map(of, self.inside)),
            tuple(map(of, self.blocks)),
            tuple(map(of, self.single_blocks)),
        )


def add_part(x: Tensor, parts: Parts, number: int) -> Tensor:
    """What the block of this number gives, with what is added to it. Where a hook made that smaller, so is this."""
    part = parts[number] if number < len(parts) else None
    if part is None:
        return x
    if x.shape[2:] != part.shape[2:]:
        part = interpolate(part, size=x.shape[2:], mode="bilinear", antialias=True)
    return x + part


def add_to_tokens(x: Tensor, parts: Parts, number: int, start: int = 0) -> Tensor:
    """Tokens [B, T, D] behind the block of this number, with what is added to them from the token `start` on."""
    part = parts[number] if number < len(parts) else None
    if part is None:
        return x
    end = start + part.shape[1]
    return torch.cat([x[:, :start], x[:, start:end] + part, x[:, end:]], dim=1)


def spread(parts: Parts, count: int) -> Parts:
    """Fewer parts than blocks, each for as many blocks in a row: the same number, the last ones fewer."""
    if not parts:
        return ()
    each = -(-count // len(parts))
    return tuple(parts[number // each] for number in range(count))


def take_turns(parts: Parts, count: int) -> Parts:
    """Fewer parts than blocks, one after the other, then from the first one on again."""
    return tuple(parts[number % len(parts)] for number in range(count))


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _sums(one: Parts, other: Parts) -> Parts:
    return tuple(_sum(*pair) for pair in zip_longest(one, other))
