"""What transformers of diffusion models have in common: norms without weights of their own, moved by the time.

Source: Peebles and Xie 2023, arXiv:2212.09748, section 3.2 (adaptive layer norm).
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import layer_norm

NORM_EPS = 1e-6


class Modulation(NamedTuple):
    """How one half of a block is moved: its normed input shifted and scaled, its output scaled by the gate.

    Each [B, 1, D].
    """

    shift: Tensor
    scale: Tensor
    gate: Tensor


def normed(x: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the last dimension."""
    return layer_norm(x, x.shape[-1:], eps=NORM_EPS)


def moved(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Shift and scale [B, 1, D] put on normed x [B, T, D]; a scale of 0 changes nothing."""
    return x * (1 + scale) + shift


def split_modulations(numbers: Tensor, count: int) -> tuple[Modulation, ...]:
    """`count` modulations out of a block's numbers [B, 3 * count * D], in the published order: one after the other."""
    parts = numbers[:, None].chunk(3 * count, dim=-1)
    return tuple(Modulation(*parts[start : start + 3]) for start in range(0, len(parts), 3))
