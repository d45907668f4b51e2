"""Noise as a CUDA device draws it, computed on the CPU: Philox 4x32-10 and Box-Muller.

Sources: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (the generator and its constants); Box and
Muller 1958. Which counter a number is drawn from, and how its bits become numbers between 0 and 1, are facts of CUDA's
library: its first word counts calls, its third the numbers of a call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_ROUNDS = 10
_MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], dtype=np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], dtype=np.uint32)
_HALF = 32  # bits


class Philox:
    """A stream of normally distributed numbers. Seeds are taken modulo 2^64."""

    def __init__(self, seed: int) -> None:
        self._key = np.array([seed & 0xFFFFFFFF, seed >> _HALF & 0xFFFFFFFF], dtype=np.uint32)
        self._calls = 0

    def randn(self, shape: Sequence[int]) -> Tensor:
        """The next numbers, float32 on the CPU. What a number is depends on its place in the call, not on the shape."""
        size = math.prod(shape)
        counters = np.zeros((4, size), dtype=np.uint32)
        counters[0] = self._calls & 0xFFFFFFFF
        counters[2] = np.arange(size, dtype=np.uint32)
        self._calls += 1
        return torch.from_numpy(_normal(philox_4x32(counters, self._key))).reshape(tuple(shape))


def philox_4x32(counters: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Ten rounds over counters [4, n] uint32 with a key [2] uint32: n times four random words, [4, n] uint32."""
    a, b, c, d = counters
    for _ in range(_ROUNDS):
        products = np.stack((a, c)).astype(np.uint64) * _MULTIPLIERS
        high, low = (products >> np.uint64(_HALF)).astype(np.uint32), products.astype(np.uint32)
        a, b, c, d = high[1] ^ b ^ key[0], low[1], high[0] ^ d ^ key[1], low[0]
        key = key + _WEYL  # modulo 2^32
    return np.stack((a, b, c, d))


def _normal(words: np.ndarray) -> np.ndarray:
    """One number out of the first two words of each four. Both become numbers in 0..1 without the ends."""
    step = np.float32(2.0**-_HALF)
    radius = words[0] * step + step / 2
    angle = words[1] * (step * np.float32(2 * math.pi)) + step * np.float32(2 * math.pi) / 2
    return (np.sqrt(-2 * np.log(radius)) * np.sin(angle)).astype(np.float32)
