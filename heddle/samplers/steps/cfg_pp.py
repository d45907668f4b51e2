"""CFG++: steps whose noise is read off the negative's guess, while the clean part is the guided one.

So guidance does not push the latent off the noise level that it is at. Source: Chung et al. 2024, arXiv:2406.08070,
algorithm 2.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import all_of, say
from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, both_guesses, draw, sampler, silent
from heddle.samplers.steps.ancestral import renoised, split_step

VERSIONS = ("regular", "alternative")


@sampler("euler_cfg_pp")
def euler_cfg_pp(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    mixing: Mixing = ADDED,
    version: str = "regular",
) -> Tensor:
    """Euler steps.

    Args:
        version: `alternative` takes the slope of plain guidance from a latent moved by what guidance adds; the last
            step to 0 then ends at twice the guided guess less the negative's.
    """
    if version not in VERSIONS:
        raise HeddleError(
            say("version: {version!r}, but there are {versions}", version=version, versions=all_of(VERSIONS))
        )
    if version == "regular":
        return euler_ancestral_cfg_pp.function(denoise, x, sigmas, on_step=on_step, mixing=mixing, eta=0.0)
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        clean, plain = both_guesses(denoise, x, sigma)
        on_step(i, x, clean)
        x = x + (x - 2 * clean + plain) / sigma * (sigma_next - sigma)
    return x


@sampler("euler_ancestral_cfg_pp")
def euler_ancestral_cfg_pp(
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
    """Euler steps to a level below, then fresh noise back up.

    A flow is treated as the same latent with added noise, divided by the picture's share.
    """
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        clean, plain = both_guesses(denoise, x, sigmas[i])
        on_step(i, x, clean)
        if sigma_next == 0:
            x = clean
            continue
        alpha, alpha_next = mixing.alpha(sigma), mixing.alpha(sigma_next)
        level_next = sigma_next / alpha_next
        fall = sigma_next / alpha_next * alpha / sigma  # from level to level, also where the first has no end
        up = min(eta * level_next * math.sqrt(max(1 - fall**2, 0)), level_next)
        down = math.sqrt(level_next**2 - up**2)
        x = clean * alpha_next + (x - plain * alpha) * (alpha_next * down / sigma)
        if eta > 0 and s_noise > 0:
            x = x + draw(noise, sigmas[i], sigmas[i + 1]) * (alpha_next * up * s_noise)
    return x


@sampler("dpmpp_2s_ancestral_cfg_pp")
def dpmpp_2s_ancestral_cfg_pp(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """`dpmpp_2s_ancestral` from a latent moved by what guidance adds. A flow too is stepped as if noise were added.

    What guidance adds over the whole step is this ecosystem's: the guided guess at its start less the negative's half
    way. These being of different levels, the method does not come to rest without guidance either.
    """
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        clean, plain = both_guesses(denoise, x, sigmas[i])
        on_step(i, x, clean)
        split = split_step(sigma, sigma_next, eta, ADDED)
        if split.down == 0:
            x = clean
            continue
        middle = math.sqrt(sigma * split.down)
        ahead = clean + (x - plain) * (middle / sigma)
        half, plain = both_guesses(denoise, ahead, sigmas.new_tensor(middle))
        x = half + (x + clean - plain - half) * (split.down / sigma)
        if eta > 0:
            x = renoised(x, split, noise, sigmas[i], sigmas[i + 1], s_noise)
    return x


@sampler("dpmpp_2m_cfg_pp")
def dpmpp_2m_cfg_pp(denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep = silent) -> Tensor:
    """`dpmpp_2m` whose shrinking part is the negative's guess, as is what the extrapolation starts from."""
    plain_before: Tensor | None = None
    span_before = 0.0
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        clean, plain = both_guesses(denoise, x, sigmas[i])
        on_step(i, x, clean)
        shrink = sigma_next / sigma
        step = clean + (x - plain) * shrink
        if sigma_next > 0:
            span = math.log(sigma / sigma_next)
            if plain_before is not None:
                step = step + (clean - plain_before) * ((1 - shrink) * span / (2 * span_before))
            span_before = span
        x, plain_before = step, plain
    return x
