"""Midpoint steps: the slope half way, in the logarithm of sigma, is the slope of the whole step."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor

from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, sampler, silent
from heddle.samplers.steps.ancestral import renoised, split_step
from heddle.samplers.steps.churn import churned


@sampler("dpm_2", skips_last_level=True)
def dpm_2(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = math.inf,
    s_noise: float = 1.0,
) -> Tensor:
    """Second-order steps of two denoiser calls, one for the last.

    Source: Lu et al. 2022, arXiv:2206.00927, DPM-Solver-2, with Karras' slopes in place of its exponential ones.
    """
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma = churned(x, sigma, noise, len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        x = _midpoint(denoise, x, clean, sigma, float(sigma_next))
    return x


@sampler("dpm_2_ancestral", skips_last_level=True)
def dpm_2_ancestral(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    mixing: Mixing = ADDED,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """`dpm_2`'s steps to a level below, then fresh noise back up, see `split_step`."""
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        split = split_step(float(sigma), float(sigma_next), eta, mixing)
        x = _midpoint(denoise, x, clean, sigma, split.down)
        if sigma_next > 0 and eta > 0:
            x = renoised(x, split, noise, sigma, sigma_next, s_noise)
    return x


def _midpoint(denoise: Denoiser, x: Tensor, clean: Tensor, sigma: Tensor, down: float) -> Tensor:
    """x at the level `down`."""
    if down == 0:  # half way, in the logarithm, there is no level
        return clean
    middle = (sigma * down).sqrt()
    ahead = x + (x - clean) / sigma * (middle - sigma)
    return x + (ahead - denoise(ahead, middle)) / middle * (down - sigma)
