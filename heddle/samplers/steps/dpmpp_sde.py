"""SDE-DPM-Solver++: the same steps with noise that is fresh at any time, drawn along one random path.

With lambda = ln(alpha / sigma), h a step's length in it and eta the share of fresh noise, a step is
x' = (sigma' / sigma) e^(-eta h) x + alpha' (1 - e^(-(1 + eta) h)) clean + sigma' sqrt(1 - e^(-2 eta h)) noise, where
clean is extrapolated from earlier guesses. Source: Lu et al. 2022, arXiv:2211.01095, section 5 and equation 18.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import all_of, say
from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, draw, sampler, silent
from heddle.samplers.steps.exponential import phi

SOLVER_TYPES = ("midpoint", "heun")


@sampler("dpmpp_sde", noise="brownian")
def dpmpp_sde(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    mixing: Mixing = ADDED,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
) -> Tensor:
    """Two calls a step: at its start and at the share r of its way, weighted so that a line through both is integrated.

    Here the fresh noise is an ancestral step's: a step goes to the level below from which eta's noise leads back up.
    """
    if r <= 0:
        raise HeddleError(
            say("r: {r}, but the second call of dpmpp_sde lies ahead of the first; choose one above 0", r=r)
        )
    sigmas = mixing.below_one(sigmas)
    weight = 1 / (2 * r)
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        clean = denoise(x, sigmas[i])
        on_step(i, x, clean)
        if sigma_next == 0:
            x = clean
            continue
        # A Brownian path is rough: at a level whose last digit differs it has visibly other noise. So the levels are
        # computed in their own type; single precision's digits are a part of what a seed means.
        here, there = mixing.log_ratio(sigmas[i]), mixing.log_ratio(sigmas[i + 1])
        between = torch.lerp(here, there, r)
        middle = mixing.at_log_ratio(between)
        first, whole = _split(here, between, eta), _split(here, there, eta)
        ahead = _moved(x, clean, sigma, float(middle), first, mixing)
        if eta > 0 and s_noise > 0:
            ahead = ahead + draw(noise, sigmas[i], middle) * (mixing.alpha(float(middle)) * first.up * s_noise)
        clean = clean + (denoise(ahead, middle) - clean) * weight
        x = _moved(x, clean, sigma, sigma_next, whole, mixing)
        if eta > 0 and s_noise > 0:
            x = x + draw(noise, sigmas[i], sigmas[i + 1]) * (mixing.alpha(sigma_next) * whole.up * s_noise)
    return x


class _Split(NamedTuple):
    """A step between two levels, all in units of the picture's share: what is kept of x, and the noise's deviation."""

    keep: float
    up: float


def _split(here: Tensor, there: Tensor, eta: float) -> _Split:
    """An ancestral step between two log ratios, see `ancestral.split_step`.

    It too is computed in the levels' type: next to a flow's 1 nearly all is fresh noise, the difference of the squares
    keeps few digits, and pictures made with this sampler have those.
    """
    level, level_next = here.exp(), there.exp()
    fresh = level_next**2 * (level**2 - level_next**2) / level**2
    up = torch.minimum(level_next, eta * fresh.clamp(min=0).sqrt())
    down = (level_next**2 - up**2).clamp(min=0).sqrt()
    return _Split(float(down / level), float(up))


def _moved(x: Tensor, clean: Tensor, sigma: float, sigma_next: float, split: _Split, mixing: Mixing) -> Tensor:
    alpha, alpha_next = mixing.alpha(sigma), mixing.alpha(sigma_next)
    return x * (alpha_next / alpha * split.keep) + clean * (alpha_next * (1 - split.keep))


@sampler("dpmpp_2m_sde", noise="brownian")
def dpmpp_2m_sde(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    mixing: Mixing = ADDED,
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver_type: str = "midpoint",
) -> Tensor:
    """One call a step; the guess is extrapolated along the line through this one and the last.

    Args:
        solver_type: `midpoint` takes the line's value in the middle of the step, `heun` integrates it.
    """
    if solver_type not in SOLVER_TYPES:
        raise HeddleError(
            say(
                "solver_type: {solver_type!r}, but there are {types}",
                solver_type=solver_type,
                types=all_of(SOLVER_TYPES),
            )
        )
    sigmas = mixing.below_one(sigmas)
    clean_before: Tensor | None = None
    span_before = 0.0
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        clean = denoise(x, sigmas[i])
        on_step(i, x, clean)
        if sigma_next == 0:
            x = clean
            continue
        span = mixing.log_snr(sigma_next) - mixing.log_snr(sigma)
        x = _decayed(x, clean, sigma, sigma_next, span, eta, mixing)
        if clean_before is not None:
            far = (1 + eta) * span
            weight = -math.expm1(-far) / 2 if solver_type == "midpoint" else far * phi(2, -far)
            x = x + (clean - clean_before) * (mixing.alpha(sigma_next) * weight * span / span_before)
        x = _with_fresh(x, noise, sigmas, i, span, eta, s_noise)
        clean_before, span_before = clean, span
    return x


@sampler("dpmpp_3m_sde", noise="brownian")
def dpmpp_3m_sde(
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
    """One call a step; the guess is extrapolated along the parabola through this one and the last two.

    The parabola's bend is counted half, as in the published code of k-diffusion, whose method this is; so it is of
    second order.
    """
    sigmas = mixing.below_one(sigmas)
    guesses: list[Tensor] = []  # the newest first, then
    spans: list[float] = []  # the lengths of the steps between them
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        clean = denoise(x, sigmas[i])
        on_step(i, x, clean)
        if sigma_next == 0:
            x = clean
            continue
        span = mixing.log_snr(sigma_next) - mixing.log_snr(sigma)
        far, alpha = (1 + eta) * span, mixing.alpha(sigma_next)
        x = _decayed(x, clean, sigma, sigma_next, span, eta, mixing)
        guesses = [clean, *guesses][:3]
        if len(guesses) > 1:
            first = (guesses[0] - guesses[1]) * (span / spans[0])
            if len(guesses) > 2:
                before = (guesses[1] - guesses[2]) * (span / spans[1])
                second = (first - before) * (span / (spans[0] + spans[1]))
                first = first + second * (spans[0] / span)
                x = x + second * (alpha * far * phi(3, -far))
            x = x + first * (alpha * far * phi(2, -far))
        x = _with_fresh(x, noise, sigmas, i, span, eta, s_noise)
        spans = [span, *spans][:2]
    return x


def _decayed(
    x: Tensor, clean: Tensor, sigma: float, sigma_next: float, span: float, eta: float, mixing: Mixing
) -> Tensor:
    """The step of the file's formula without its noise."""
    keep = sigma_next / sigma * math.exp(-eta * span)
    return x * keep - clean * (mixing.alpha(sigma_next) * math.expm1(-(1 + eta) * span))


def _with_fresh(
    x: Tensor, noise: NoiseSource | None, sigmas: Tensor, i: int, span: float, eta: float, s_noise: float
) -> Tensor:
    if eta <= 0 or s_noise <= 0:
        return x
    share = math.sqrt(max(-math.expm1(-2 * eta * span), 0))
    return x + draw(noise, sigmas[i], sigmas[i + 1]) * (float(sigmas[i + 1]) * share * s_noise)
