"""Stepping further down than asked, so that fresh noise leads back up."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from heddle.samplers.mixing import Mixing
from heddle.samplers.sampler import NoiseSource, draw


class Split(NamedTuple):
    """A step taken apart: to the level `down`, there `keep` times x, then noise of deviation `up`."""

    down: float
    keep: float
    up: float


def split_step(sigma: float, sigma_next: float, eta: float, mixing: Mixing) -> Split:
    """How a step with a share `eta` of fresh noise is taken; 0 is none.

    Where noise is added: up^2 + down^2 = sigma_next^2. Source: Song et al. 2021, arXiv:2010.02502, equation 16, in
    Karras' variables.

    Where it is mixed in, adding noise must also shrink the picture: keep = (1 - sigma_next) / (1 - down) brings the
    picture's share to that of sigma_next; the noise left over by then has deviation down * keep, and what lacks to
    sigma_next is drawn.
    """
    if sigma_next == 0:
        return Split(0.0, 1.0, 0.0)
    if mixing.is_flow:
        down = sigma_next * (1 + (sigma_next / sigma - 1) * eta)
        keep = (1 - sigma_next) / (1 - down) if down < 1 else 1.0
        return Split(down, keep, _root(sigma_next**2 - (down * keep) ** 2))
    up = min(eta * sigma_next * _root(1 - (sigma_next / sigma) ** 2), sigma_next)
    return Split(_root(sigma_next**2 - up**2), 1.0, up)


def renoised(
    x: Tensor, split: Split, noise: NoiseSource | None, sigma: Tensor, sigma_next: Tensor, s_noise: float
) -> Tensor:
    """x, which has been taken down, brought to sigma_next."""
    return x * split.keep + draw(noise, sigma, sigma_next) * (s_noise * split.up)


def _root(square: float) -> float:
    """A square root of what rounding, or a step upwards, may have made negative."""
    return math.sqrt(max(square, 0.0))
