"""Noise on what an encoder read off a picture, for networks that were trained to be shown less than all of it.

Source: Ramesh et al. 2022, arXiv:2204.06125; Ho et al. 2021, arXiv:2106.15282, for the augmentation; Nichol and
Dhariwal 2021, arXiv:2102.09672, equation 17, for the levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

LEVELS = 1000
LARGEST_STEP = 0.999  # of the variance, at one level: the cosine alone would end in 1


@dataclass(frozen=True, eq=False)
class Spread:
    """What embeddings are centred and scaled by before noise is added, and brought back by after it.

    mean, std: [1, D] or [D]; numbers for embeddings that are taken as they are.
    """

    mean: Tensor | float = 0.0
    std: Tensor | float = 1.0


AS_THEY_ARE = Spread()


def level_of(share: float) -> int:
    """The noise level, 0..999, of a share from 0 (almost no noise) to 1 (almost nothing else)."""
    return round((LEVELS - 1) * share)


@cache
def _kept() -> tuple[float, ...]:
    """The share of the variance that is the embedding's, at each level."""

    def cosine(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    kept, whole = [], 1.0
    for level in range(LEVELS):
        step = 1 - cosine((level + 1) / LEVELS) / cosine(level / LEVELS)
        whole *= 1 - min(step, LARGEST_STEP)
        kept.append(whole)
    return tuple(kept)


def with_noise(embedding: Tensor, level: int, generator: torch.Generator, spread: Spread = AS_THEY_ARE) -> Tensor:
    """An embedding [1, D] at a noise level, 0..999. The noise is drawn in float32 from the generator."""
    kept = _kept()[level]
    noise = torch.randn(embedding.shape, generator=generator).to(embedding)
    centred = (embedding - spread.mean) / spread.std
    return (math.sqrt(kept) * centred + math.sqrt(1 - kept) * noise) * spread.std + spread.mean
