"""Noise for windows that are drawn apart and are to agree."""

from __future__ import annotations

import torch
from torch import Tensor


def shuffle_noise(noise: Tensor, seed: int, dim: int, size: int, overlap: int) -> Tensor:
    """Noise whose later parts are those before them in another order, so that all windows see much the same.

    Each stretch of `size - overlap` places behind the first window has the numbers of the stretch one window before it,
    shuffled.

    Source: Qiu et al. 2023, arXiv:2310.15169 (FreeNoise), section 3.1.

    Args:
        noise: of any shape; it stays as it is. dim: along which the windows lie.
    """
    length, stretch = noise.shape[dim], size - overlap
    generator = torch.Generator().manual_seed(seed % 2**64)
    places = torch.arange(length)
    for start in range(0, length - size, stretch):
        count = min(stretch, length - start - size)
        order = torch.randperm(count, generator=generator) + start
        places[start + size : start + size + count] = places[order]
    return noise.index_select(dim, places.to(noise.device))
