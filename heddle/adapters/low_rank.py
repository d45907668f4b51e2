"""Changes that are products of narrow matrices: LoRA and LoCon, LoHa, LoKr, GLoRA.

Each difference is scaled by alpha / rank, by 1 where the file has no alpha.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import einsum
from torch import Tensor

from heddle.adapters.changes import shaped_as
from heddle.adapters.magnitude import add_difference
from heddle.graph.errors import ShapeError
from heddle.graph.said import say


@dataclass(frozen=True)
class LowRank:
    """D = up · down. Source: Hu et al. 2021, arXiv:2106.09685; with convolutions and `mid`: Yeh et al. 2023,
    arXiv:2309.14859, section 3.

    up: [out, rank] or [out, rank, 1, 1]. down: [rank, in, ...]. mid: [rank, rank, h, w], a convolution between them.
    """

    up: Tensor
    down: Tensor
    alpha: Tensor | None = None
    mid: Tensor | None = None
    magnitude: Tensor | None = None

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        up, down = self.up.float(), self.down.float()
        rank = down.shape[0]
        if self.mid is not None:
            down = einsum(self.mid.float(), down.flatten(1), "a b h w, b i -> a i h w")
        difference = up.flatten(1) @ down.flatten(1)
        if down.dim() > 2:
            difference = difference.unflatten(1, down.shape[1:])
        return add_difference(weight, _scaled(difference, self.alpha, rank), strength, self.magnitude)


@dataclass(frozen=True)
class Hadamard:
    """D = (a1 · b1) ∘ (a2 · b2), a product place by place. Source: Hyeon-Woo et al. 2021, arXiv:2108.06098, section 2.

    Without cores: a [out, rank], b [rank, in * h * w]. With cores [rank, rank, h, w]: a [rank, out], b [rank, in].
    """

    a1: Tensor
    b1: Tensor
    a2: Tensor
    b2: Tensor
    core1: Tensor | None = None
    core2: Tensor | None = None
    alpha: Tensor | None = None
    magnitude: Tensor | None = None

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        difference = _product(self.a1, self.b1, self.core1) * _product(self.a2, self.b2, self.core2)
        return add_difference(weight, _scaled(difference, self.alpha, self.b1.shape[0]), strength, self.magnitude)


@dataclass(frozen=True)
class Factor:
    """One factor of a Kronecker product: whole, or as a product of narrow matrices, perhaps with a core between."""

    whole: Tensor | None = None
    a: Tensor | None = None
    b: Tensor | None = None
    core: Tensor | None = None

    @property
    def rank(self) -> int | None:
        """None of a whole one."""
        return None if self.b is None else self.b.shape[0]

    def product(self) -> Tensor:
        if self.whole is not None:
            return self.whole.float()
        if self.a is None or self.b is None:
            raise ShapeError(say("half of a factor is missing"))
        return _product(self.a, self.b, self.core)


@dataclass(frozen=True)
class Kronecker:
    """D = first ⊗ second. Source: Yeh et al. 2023, arXiv:2309.14859, section 3.

    With two whole factors there is no rank, so alpha says nothing.
    """

    first: Factor
    second: Factor
    alpha: Tensor | None = None
    magnitude: Tensor | None = None

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        first, second = self.first.product(), self.second.product()
        first = first.reshape(*first.shape, *[1] * (second.dim() - first.dim()))
        rank = self.second.rank if self.second.rank is not None else self.first.rank
        difference = torch.kron(first.contiguous(), second.contiguous())
        if difference.numel() == weight.numel() and difference.shape[0] == weight.shape[0]:
            difference = difference.reshape(weight.shape)
        alpha = None if rank is None else self.alpha
        return add_difference(weight, _scaled(difference, alpha, rank or 1), strength, self.magnitude)


@dataclass(frozen=True)
class Generalised:
    """D = W · A + B, both A and B of low rank. Source: Chavan et al. 2023, arXiv:2306.07967, equation 10.

    Files come in two ways: A = a1 · a2, B = b1 · b2; and in older ones A = a2 · a1, B = b2 · b1.
    """

    a1: Tensor
    a2: Tensor
    b1: Tensor
    b2: Tensor
    alpha: Tensor | None = None
    magnitude: Tensor | None = None

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        a1, a2, b1, b2 = (part.float().flatten(1) for part in (self.a1, self.a2, self.b1, self.b2))
        if not (b1.shape[0] == weight.shape[0] and a1.shape[0] == weight.shape[1] and a1.shape[1] == a2.shape[0]):
            a1, a2, b1, b2 = a2, a1, b2, b1
        rank = a2.shape[0]
        difference = einsum(weight, a1, a2, "o i ..., i r, r j -> o j ...")
        difference = difference + shaped_as(b1 @ b2, difference)
        return add_difference(weight, _scaled(difference, self.alpha, rank), strength, self.magnitude)


def _product(a: Tensor, b: Tensor, core: Tensor | None) -> Tensor:
    a, b = a.float(), b.float()
    if core is None:
        return a @ b
    return einsum(core.float(), a, b, "p q h w, p o, q i -> o i h w")


def _scaled(difference: Tensor, alpha: Tensor | None, rank: int) -> Tensor:
    return difference if alpha is None else difference * (alpha.float() / rank)
