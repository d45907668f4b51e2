"""First-order steps, without and with fresh noise."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from torch import Tensor

from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, sampler, silent
from heddle.samplers.steps.ancestral import renoised, split_step
from heddle.samplers.steps.churn import churned


@sampler("euler")
def euler(
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
    """Straight steps along the slope at their start.

    Source: Karras et al. 2022, arXiv:2206.00364, algorithm 2 without its second-order correction. One denoiser call a
    step.
    """
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma = churned(x, sigma, noise, len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        x = x + (x - clean) / sigma * (sigma_next - sigma)
    return x


@sampler("euler_ancestral")
def euler_ancestral(
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
    """Euler steps that go further down than asked, then add fresh noise to come back up, see `split_step`.

    Args:
        eta: share of the level that is fresh noise; 0 is plain Euler.
        s_noise: factor on the fresh noise's standard deviation.
    """
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        if sigma_next == 0:
            x = clean
            continue
        split = split_step(float(sigma), float(sigma_next), eta, mixing)
        x = clean + (x - clean) * (split.down / float(sigma))
        if eta > 0:
            x = renoised(x, split, noise, sigma, sigma_next, s_noise)
    return x


@sampler("ddpm")
def ddpm(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
) -> Tensor:
    """The posterior of the diffusion itself, step by step: Euler with all the fresh noise, added also to a flow.

    Source: Ho et al. 2020, arXiv:2006.11239, algorithm 2, in Karras' variables.
    """
    return euler_ancestral.function(denoise, x, sigmas, on_step=on_step, noise=noise)


#: Euler is DDIM (Song et al. 2021, arXiv:2010.02502, equation 13) in Karras' variables. Under a mask it takes noise of
#: its own for what is kept.
ddim = replace(euler.with_options("ddim"), renews_kept=True)
