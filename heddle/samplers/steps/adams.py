"""Multistep methods: the slope over a step is read off the polynomial through the slopes of the last steps.

They differ in the variable along which the polynomial is drawn, and in what they take for granted about the steps. All
call the denoiser once a step, and begin with lower orders until enough steps lie behind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import pairwise

import numpy as np
from torch import Tensor

from heddle.samplers.sampler import Denoiser, OnStep, sampler, silent

Weights = Callable[[Sequence[float]], Sequence[float]]
"""(levels) -> weights of the slopes: `levels` are the next one, this one, those before; weights begin with this one's.

The sum of the slopes, so weighted, is added to x.
"""


@sampler("lms")
def lms(denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep = silent, order: int = 4) -> Tensor:
    """Adams and Bashforth's method along sigma, for steps of any length.

    Source: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, section III.5.
    """
    return _multistep(denoise, x, sigmas, on_step, order, partial(_integrated, along=lambda sigma: sigma))


@sampler("ipndm")
def ipndm(denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep = silent, max_order: int = 4) -> Tensor:
    """Adams and Bashforth's method as if all steps were of one length.

    Source: Zhang and Chen 2023, arXiv:2204.13902, appendix on iPNDM; equations 5 and 12 of Liu et al. 2022,
    arXiv:2202.09778, for the weights.
    """
    return _multistep(denoise, x, sigmas, on_step, min(max_order, len(_EVEN)), _even_weights)


@sampler("ipndm_v")
def ipndm_v(denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep = silent, max_order: int = 4) -> Tensor:
    """`ipndm` with weights for steps of different length, as the published code has them, see `_uneven_weights`."""
    return _multistep(denoise, x, sigmas, on_step, min(max_order, 4), _uneven_weights)


@sampler("deis")
def deis(denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep = silent, max_order: int = 3) -> Tensor:
    """The polynomial is drawn along the time of a variance preserving process.

    Source: Zhang and Chen 2023, arXiv:2204.13902, equation 15 (tAB-DEIS); the process has the ends of Karras et al.'s
    table, 0.002 and 80, and 0.001 as its first time.
    """
    return _multistep(denoise, x, sigmas, on_step, max_order, partial(_integrated, along=_vp_time))


def _multistep(denoise: Denoiser, x: Tensor, sigmas: Tensor, on_step: OnStep, order: int, weights: Weights) -> Tensor:
    levels = sigmas.tolist()
    slopes: list[Tensor] = []  # the newest first
    for i in range(len(levels) - 1):
        clean = denoise(x, sigmas[i])
        on_step(i, x, clean)
        if levels[i + 1] == 0:  # the guess is the end of every line to 0
            x = clean
            continue
        slopes = [(x - clean) / sigmas[i], *slopes][: max(order, 1)]
        back = levels[max(i + 1 - len(slopes), 0) : i + 2][::-1]
        for weight, slope in zip(weights(back), slopes, strict=True):
            x = x + slope * weight
    return x


def _integrated(levels: Sequence[float], along: Callable[[float], float]) -> list[float]:
    """Each slope's Lagrange polynomial along a variable, integrated over sigma.

    Gauss and Legendre's points are exact for polynomials as long as the variable is sigma itself, and double precision
    leaves nothing to see elsewhere.
    """
    points, shares = _gauss_points()
    after, now = levels[0], levels[1]
    at = np.array([along(now + (after - now) * (1 + point) / 2) for point in points])
    knots = [along(level) for level in levels[1:]]
    weights = []
    for j, knot in enumerate(knots):
        polynomial = np.ones_like(at)
        for k, other in enumerate(knots):
            if k != j:
                polynomial = polynomial * (at - other) / (knot - other)
        weights.append(float((polynomial * shares).sum() * (after - now) / 2))
    return weights


@cache
def _gauss_points() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(32)


def _vp_time(sigma: float, sigma_min: float = 0.002, sigma_max: float = 80.0, first: float = 1e-3) -> float:
    """The time 0..1 at which a process with linearly rising beta has this level.

    Source: Karras et al. 2022, arXiv:2206.00364, table 1: sigma(t) = sqrt(exp(beta_d t^2 / 2 + beta_min t) - 1), with
    sigma(1) = sigma_max and sigma(first) = sigma_min.
    """
    low, high = math.log1p(sigma_min**2), math.log1p(sigma_max**2)
    beta_d = 2 * (low / first - high) / (first - 1)
    beta_min = high - beta_d / 2
    return (math.sqrt(beta_min**2 + 2 * beta_d * math.log1p(sigma**2)) - beta_min) / beta_d


_EVEN = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))


def _even_weights(levels: Sequence[float]) -> list[float]:
    return [weight * (levels[0] - levels[1]) for weight in _EVEN[len(levels) - 2]]


def _uneven_weights(levels: Sequence[float]) -> list[float]:
    """The weights of ipndm_v: divided differences, three of whose numbers are as the published code has them.

    With h0 the step's length and h1, h2, h3 those before: the second difference's share there is
    (1 - h0^2 / (3 h1 (h1 + h2))) / 2, where the integral gives h0 (2 h0 + 3 h1) / (6 h1 (h1 + h2)); in the third's, the
    two terms that are added here would be subtracted; and its oldest slope has h1 / h2 where the quotient is h2 / h3.
    Up to order 3 nothing differs for steps of one length. Pictures made with this sampler have these weights, so they
    stay; `lms` has the exact ones. Source: the published code of Zhou et al. 2024, arXiv:2312.00094 (AMED-Solver).
    """
    h = [after - before for after, before in pairwise(levels)]
    weights = [1.0]
    if len(h) > 1:
        weights = [1 + h[0] / h[1] / 2, -h[0] / h[1] / 2]
    if len(h) > 2:
        second = (1 - h[0] ** 2 / (3 * h[1] * (h[1] + h[2]))) / 2
        weights = _added(weights, second, [1.0, -(1 + h[1] / h[2]), h[1] / h[2]])
    if len(h) > 3:
        two, three, four = h[0] + h[1], sum(h[:3]), h[1] + h[2] + h[3]
        share = (1 - h[0] / (3 * two)) / 2 + (1 - h[0] / (2 * two)) * h[0] / (6 * three)
        third = share * h[0] * two * three / (h[1] * (h[1] + h[2]) * four)
        far = h[1] * (h[1] + h[2]) / (h[2] * (h[2] + h[3]))
        near = h[1] / h[2]
        weights = _added(weights, third, [1.0, -(1 + near + far), near + far * (1 + h[2] / h[3]), -far * near])
    return [weight * h[0] for weight in weights]


def _added(weights: list[float], factor: float, more: list[float]) -> list[float]:
    padded = weights + [0.0] * (len(more) - len(weights))
    return [weight + factor * one for weight, one in zip(padded, more, strict=True)]
