"""DPM-Solver++: steps that are exact where the clean guess does not change."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import say
from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, sampler, silent
from heddle.samplers.steps.ancestral import renoised, split_step


@sampler("dpmpp_2m")
def dpmpp_2m(denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep = silent) -> Tensor:
    """Second order from one denoiser call a step: the clean guess is extrapolated from this step and the last.

    Time is measured in lambda = -ln(sigma). The first step, and the last one when it goes to 0 (where lambda has no
    end), are of first order. Source: Lu et al. 2022, arXiv:2211.01095, algorithm 2.
    """
    clean_before: Tensor | None = None
    span_before = 0.0
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        clean = denoise(x, sigmas[i])
        on_step(i, x, clean)
        target = clean
        if sigma_next > 0:
            span = math.log(sigma / sigma_next)
            if clean_before is not None:
                # Half a step beyond this guess, along the line through the last one.
                target = clean + (clean - clean_before) * (span / (2 * span_before))
            span_before = span
        x = target + (x - target) * (sigma_next / sigma)
        clean_before = clean
    return x


@sampler("dpmpp_2s_ancestral")
def dpmpp_2s_ancestral(
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
    """Second order from two calls a step, to a level below and back up with fresh noise, see `split_step`.

    The guess half way, in lambda, holds for the whole step. Source: Lu et al. 2022, arXiv:2211.01095, algorithm 1 with
    r = 1/2.
    """
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        clean = denoise(x, sigmas[i])
        on_step(i, x, clean)
        split = split_step(sigma, sigma_next, eta, mixing)
        if split.down == 0:
            x = clean
            continue
        if split.down < 0:
            raise HeddleError(
                say("eta: {eta} adds more noise than a step of dpmpp_2s_ancestral can hold; choose 0 to 1", eta=eta)
            )
        middle = _half_way(sigma, split.down, mixing)
        ahead = clean + (x - clean) * (middle / sigma)
        clean = denoise(ahead, sigmas.new_tensor(middle))
        x = clean + (x - clean) * (split.down / sigma)
        if sigma_next > 0 and eta > 0:
            x = renoised(x, split, noise, sigmas[i], sigmas[i + 1], s_noise)
    return x


def _half_way(sigma: float, down: float, mixing: Mixing) -> float:
    if mixing.is_flow and sigma >= 1:  # noise alone: lambda has no end there, and the half way to it none either
        return 0.9999
    return mixing.sigma((mixing.log_snr(sigma) + mixing.log_snr(down)) / 2)
