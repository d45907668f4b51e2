"""Noise levels on a curve between two ends, whatever the network's own table holds.

Each gives [steps + 1] float32 levels, falling, the last one 0 unless it says otherwise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import say


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Evenly spaced in sigma^(1/rho), then 0. Source: Karras et al. 2022, arXiv:2206.00364, equation 5."""
    if rho <= 0:
        raise HeddleError(say("rho: {rho}, but the levels are even in sigma^(1/rho); set it above 0", rho=rho))
    ramp = torch.linspace(0, 1, checked(steps))
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return ending_at_zero((high + ramp * (low - high)) ** rho)


def polyexponential_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> Tensor:
    """The logarithm of sigma falls as a power of what is left of the way, then 0. 1 is an exponential fall."""
    low, high = _logs(sigma_min, sigma_max)
    left = torch.linspace(1, 0, checked(steps)) ** rho
    return ending_at_zero((low + left * (high - low)).exp())


def exponential_sigmas(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Evenly spaced in the logarithm of sigma, then 0."""
    low, high = _logs(sigma_min, sigma_max)
    return ending_at_zero(torch.linspace(high, low, checked(steps)).exp())


def laplace_sigmas(steps: int, sigma_min: float, sigma_max: float, mu: float = 0.0, beta: float = 0.5) -> Tensor:
    """Levels as a Laplace distribution of log sigma around `mu` has them, kept between both ends.

    Source: Hang et al. 2024, arXiv:2407.03297, table 1; the 1e-5 keeps its logarithm finite at both ends.

    Returns: [steps], the last one not 0: that is one step fewer, and some noise stays.
    """
    away = 0.5 - torch.linspace(0, 1, checked(steps))
    logs = mu - beta * away.sign() * (1 - 2 * away.abs() + 1e-5).log()
    return logs.exp().clamp(sigma_min, sigma_max)


def vp_sigmas(steps: int, beta_d: float = 19.9, beta_min: float = 0.1, eps_s: float = 1e-3) -> Tensor:
    """Levels at evenly spaced times 1..eps_s of a variance preserving process, then 0.

    Source: Song et al. 2021, arXiv:2011.13456, equation 33, in the variables of Karras et al., table 1.
    """
    t = torch.linspace(1, eps_s, checked(steps))
    return ending_at_zero((beta_d * t**2 / 2 + beta_min * t).expm1().sqrt())


def kl_optimal_sigmas(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Evenly spaced in the arctangent of sigma, then 0. Source: Sabour et al. 2024, arXiv:2404.14507, theorem 3.1."""
    return ending_at_zero(torch.linspace(math.atan(sigma_max), math.atan(sigma_min), checked(steps)).tan())


def linear_quadratic_sigmas(steps: int, sigma_max: float, linear_end: float = 0.025) -> Tensor:
    """The first half of the steps clears a share `linear_end` of the noise evenly; the rest, as a square grows, all.

    Both halves meet without a kink. Source: Polyak et al. 2024, arXiv:2410.13720 (Movie Gen), section 3.4.2.
    """
    linear = checked(steps) // 2
    if linear == 0:
        return torch.tensor([sigma_max, 0.0])
    quadratic = steps - linear
    slope = linear_end / linear
    bend = (linear - linear_end * steps) / (linear * quadratic**2)  # so that the last step arrives at 1
    step = torch.arange(steps + 1, dtype=torch.float64)
    after = (step - linear).clamp(min=0)
    cleared = slope * step + bend * after**2
    # At the kink the square has the slope of the line; what is left to 1 decides how it bends.
    return ((1 - cleared) * sigma_max).clamp(min=0).to(torch.float32)


def ltxv_sigmas(
    steps: int,
    cells: int = 4096,
    max_shift: float = 2.05,
    base_shift: float = 0.95,
    stretch: bool = True,
    terminal: float = 0.1,
) -> Tensor:
    """Levels of a flow whose shift grows with the latent's size, for LTX-Video.

    Source: the published inference code of LTX-Video (rf.py): exp(shift) / (exp(shift) + 1/t - 1), the shift on a
    straight line through (1024, base) and (4096, max).

    Args:
        cells: of the latent, over frames, height and width.
        stretch: all levels are moved so that the last before 0 is `terminal`.
    """
    slope = (max_shift - base_shift) / (4096 - 1024)
    grow = math.exp(base_shift + slope * (cells - 1024))
    t = torch.linspace(1, 0, checked(steps) + 1)[:-1]
    levels = grow / (grow + (1 / t - 1))
    if stretch and steps > 1:  # the only level of one step is 1, all noise: there is nothing to stretch
        cleared = 1 - levels
        levels = 1 - cleared * ((1 - terminal) / cleared[-1])
    return ending_at_zero(levels)


def flux2_sigmas(steps: int, width_px: int, height_px: int) -> Tensor:
    """Levels of a flow whose shift depends on the picture's size and on the number of steps, for FLUX.2.

    Source: the published inference code of FLUX.2 (compute_empirical_mu): one line through the sizes for 10 steps, one
    for 200; between them the shift is linear in the steps. Above 4300 tokens of 16 x 16 pixels the second holds alone.
    """
    tokens = round(width_px * height_px / 256)
    at_200 = 0.00016927 * tokens + 0.45666666
    mu = at_200
    if tokens <= 4300:
        at_10 = 8.73809524e-05 * tokens + 1.89833333
        mu = at_200 + (at_200 - at_10) / 190 * (steps - 200)
    grow = math.exp(mu)
    t = torch.linspace(1, 0, checked(steps) + 1)[:-1]
    return ending_at_zero(grow / (grow + (1 / t - 1)))


def checked(steps: int) -> int:
    if steps < 1:
        raise HeddleError(say("steps: {steps}, but a schedule has at least 1", steps=steps))
    return steps


def ending_at_zero(levels: Tensor) -> Tensor:
    return torch.cat([levels.to(torch.float32), torch.zeros(1)])


def _logs(sigma_min: float, sigma_max: float) -> tuple[float, float]:
    if sigma_min <= 0 or sigma_max <= 0:
        raise HeddleError(
            say(
                "sigma_min {sigma_min} and sigma_max {sigma_max}: both must be above 0, since their "
                "logarithms are taken",
                sigma_min=sigma_min,
                sigma_max=sigma_max,
            )
        )
    return math.log(sigma_min), math.log(sigma_max)
