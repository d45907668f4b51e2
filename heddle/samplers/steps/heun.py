"""Steps whose slope is a mean of slopes further along the way."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor

from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, sampler, silent
from heddle.samplers.steps.churn import churned


@sampler("heun")
def heun(
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
    """Second-order steps: an Euler step, then the mean of the slopes at both its ends.

    Source: Karras et al. 2022, arXiv:2206.00364, algorithm 2. Two denoiser calls a step, one for the last.
    """
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma = churned(x, sigma, noise, len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        slope, dt = (x - clean) / sigma, sigma_next - sigma
        ahead = x + slope * dt
        if sigma_next > 0:  # at 0 the far slope is 0/0: the Euler step is already exact
            slope = (slope + (ahead - denoise(ahead, sigma_next)) / sigma_next) / 2
        x = x + slope * dt
    return x


@sampler("heunpp2")
def heunpp2(
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
    """A step along a mean of slopes at up to three levels: the step's own, the next two.

    A further level's weight is its share of the run's first level, divided by how many levels there are; the step's own
    slope has the rest. So steps become Euler's towards the clean end. The last level is never looked at. No paper is
    known for these weights; they are this ecosystem's.
    """
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma = churned(x, sigma, noise, len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        slope = (x - clean) / sigma
        further = sigmas[i + 1 : min(i + 3, len(sigmas) - 1)]
        mean = there = slope
        ahead, before = x, sigma
        for level in further:
            ahead, before = ahead + there * (level - before), level
            there = (ahead - denoise(ahead, level)) / level
            mean = mean + (there - slope) * (level / ((len(further) + 1) * sigmas[0]))
        x = x + mean * (sigma_next - sigma)
    return x
