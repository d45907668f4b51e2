"""RES: refined exponential solvers, here of second order from one call a step."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor

from heddle.samplers.mixing import ADDED
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, both_guesses, draw, sampler, silent
from heddle.samplers.steps.ancestral import split_step
from heddle.samplers.steps.exponential import phi


@sampler("res_multistep")
def res_multistep(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Each step integrates the line through this guess and the last, in lambda = -ln(sigma).

    Source: Zhang et al. 2023, arXiv:2308.02157, algorithm 2 with c2 read off the last step. With fresh noise, a step
    goes to a level below; the length of the last one is counted from the level below that it went to.

    Args:
        eta: share of the level that is fresh noise; a flow too is given its noise as if it were added.
        s_noise: factor on the fresh noise's standard deviation.
    """
    return _res(denoise, x, sigmas, on_step, noise, eta, s_noise, cfg_pp=False)


@sampler("res_multistep_cfg_pp")
def res_multistep_cfg_pp(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Tensor:
    """`res_multistep` over the negative's guesses, from a latent moved by what guidance adds; see `cfg_pp.py`."""
    return _res(denoise, x, sigmas, on_step, noise, eta, s_noise, cfg_pp=True)


def _res(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    on_step: OnStep,
    noise: NoiseSource | None,
    eta: float,
    s_noise: float,
    cfg_pp: bool,
) -> Tensor:
    guess_before: Tensor | None = None
    sigma_before = down_before = 0.0
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        if cfg_pp:
            clean, guess = both_guesses(denoise, x, sigmas[i])
        else:
            clean = guess = denoise(x, sigmas[i])
        on_step(i, x, clean)
        split = split_step(sigma, sigma_next, eta, ADDED)
        if split.down == 0 or guess_before is None:
            x = clean + (x - guess) * (split.down / sigma)
        else:
            span = math.log(sigma / split.down)
            # Without fresh noise this is the last step's length, negative; with it, that step ended below this level.
            back = math.log(down_before / sigma_before) / span if down_before > 0 and span != 0 else 0.0
            weight = phi(2, -span) / back if back != 0 else 0.0
            first = (phi(1, -span) - weight) if back != 0 else phi(1, -span)
            x = (x + (clean - guess)) * (split.down / sigma) + (guess * first + guess_before * weight) * span
        if sigma_next > 0 and split.up > 0:
            x = x + draw(noise, sigmas[i], sigmas[i + 1]) * (split.up * s_noise)
        guess_before, sigma_before, down_before = guess, sigma, split.down
    return x


res_multistep_ancestral = res_multistep.with_options("res_multistep_ancestral", eta=1.0)
res_multistep_ancestral_cfg_pp = res_multistep_cfg_pp.with_options("res_multistep_ancestral_cfg_pp", eta=1.0)
