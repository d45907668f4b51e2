"""SA-Solver: stochastic Adams methods, a predictor and a corrector, with noise on a part of the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, draw, sampler, silent
from heddle.samplers.steps.exponential import phi


@sampler("sa_solver")
def sa_solver(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    mixing: Mixing = ADDED,
    eta: float = 1.0,
    sde_start_percent: float = 0.2,
    sde_end_percent: float = 0.8,
    s_noise: float = 1.0,
    predictor_order: int = 3,
    corrector_order: int = 4,
    use_pece: bool = False,
    simple_order_2: bool = False,
) -> Tensor:
    """Time is lambda = ln(alpha / sigma); tau, the share of fresh noise, is eta on a part of the way and else 0.

    The guess over a step is the polynomial through the last guesses; the corrector takes the step again with the guess
    at its end among them. Orders fall towards a last level of 0.
    Source: Xue et al. 2023, arXiv:2309.05019, algorithms 1 and 2.

    Args:
        sde_start_percent, sde_end_percent: where on the way, 0..1, noise is added.
        use_pece: call the denoiser again after each correction: steadier, and twice the calls.
        simple_order_2: order 2 with the paper's simpler weights.
    """
    sigmas = mixing.below_one(sigmas)
    levels = sigmas.tolist()
    times = [mixing.log_snr(sigma) if sigma > 0 else math.inf for sigma in levels]
    noisy_from, noisy_to = (mixing.percent_to_sigma(percent) for percent in (sde_start_percent, sde_end_percent))
    last = len(levels) - 1
    guesses: list[Tensor] = []  # the newest last
    predicted, fresh, tau = x, None, 0.0
    for i in range(last):
        clean = denoise(predicted, sigmas[i])
        on_step(i, predicted, clean)
        guesses = [*guesses, clean][-max(predictor_order, corrector_order, 1) :]
        predicting, correcting = min(predictor_order, len(guesses)), min(corrector_order, len(guesses))
        if i == 0 or (levels[i + 1] == 0 and not use_pece):
            correcting = 0
        if levels[-1] == 0:  # a high order that overshoots there is never mended
            predicting, correcting = min(predicting, last - 1 - i), min(correcting, last - i)

        if correcting == 0:
            x = predicted
        else:
            knots = times[i + 1 - correcting : i + 1]
            weights = _weights(knots, times[i - 1], times[i], tau, simple_order_2, is_end_known=True)
            x = _stepped(x, guesses, weights, levels[i - 1], levels[i], times[i] - times[i - 1], tau, mixing)
            if fresh is not None:  # the same noise as when this step was predicted
                x = x + fresh
            if use_pece:
                clean = denoise(x, sigmas[i])
                guesses[-1] = clean

        if levels[i + 1] == 0:
            predicted = clean
            break
        tau = eta if noisy_to <= levels[i + 1] <= noisy_from else 0.0
        span = times[i + 1] - times[i]
        knots = times[i + 1 - max(predicting, 1) : i + 1]
        weights = _weights(knots, times[i], times[i + 1], tau, simple_order_2, is_end_known=False)
        predicted = _stepped(x, guesses, weights, levels[i], levels[i + 1], span, tau, mixing)
        fresh = None
        if tau > 0 and s_noise > 0:
            share = math.sqrt(max(-math.expm1(-2 * tau**2 * span), 0))
            fresh = draw(noise, sigmas[i], sigmas[i + 1]) * (levels[i + 1] * share * s_noise)
            predicted = predicted + fresh
    return predicted


sa_solver_pece = sa_solver.with_options("sa_solver_pece", use_pece=True)


def _stepped(
    x: Tensor,
    guesses: Sequence[Tensor],
    weights: Sequence[float],
    sigma: float,
    sigma_next: float,
    span: float,
    tau: float,
    mixing: Mixing,
) -> Tensor:
    """The step without its noise. Source: equation 13."""
    x = x * (sigma_next / sigma * math.exp(-(tau**2) * span))
    alpha = mixing.alpha(sigma_next)
    for weight, guess in zip(weights, guesses[-len(weights) :], strict=True):
        x = x + guess * (alpha * weight)
    return x


def _weights(
    knots: Sequence[float], start: float, end: float, tau: float, simple_order_2: bool, *, is_end_known: bool
) -> list[float]:
    """How much of each guess flows in: its Lagrange polynomial under the decay e^(-(1 + tau^2)(end - time)).

    Source: equation 15 (and 18, where the guess at the end is known). With z = (1 + tau^2)(end - start) and u the share
    of the step, the integral of u^p under the decay is z p! phi_(p+1)(-z).

    Args:
        knots: the times of the guesses, rising.
    """
    span = end - start
    z = (1 + tau**2) * span
    if simple_order_2 and len(knots) == 2:
        if is_end_known:
            newest = z / 2
            return [-math.expm1(-z) - newest, newest]
        oldest = z / 2 * span / (knots[0] - start)
        return [oldest, -math.expm1(-z) - oldest]
    places = [(knot - start) / span for knot in knots]
    powers = np.vander(places, increasing=True)
    flowed = [z * math.factorial(p) * phi(p + 1, -z) for p in range(len(knots))]
    return np.linalg.solve(powers.T, flowed).tolist()
