"""Data that is normal around 0 with a known variance: everything a sampler should do with it is known."""

import math
from typing import Any

import torch
from torch import Tensor

from heddle.samplers.sampler import Denoiser, Sampler

VARIANCE = 0.25


def perfect_denoiser(x: Tensor, sigma: Tensor, /) -> Tensor:
    """The mean of the data, given x = data + sigma * noise."""
    return x * VARIANCE / (VARIANCE + sigma**2)


def perfect_flow_denoiser(x: Tensor, sigma: Tensor, /) -> Tensor:
    """The mean of the data, given x = (1 - sigma) * data + sigma * noise."""
    share = 1 - sigma
    return x * share * VARIANCE / (share**2 * VARIANCE + sigma**2)


def log_levels(steps: int, top: float = 10.0, bottom: float = 0.05) -> Tensor:
    return torch.linspace(math.log(top), math.log(bottom), steps + 1, dtype=torch.float64).exp()


def end_of_path(sampler: Sampler, steps: int) -> tuple[float, float]:
    """Where a sampler takes x = 1 at the top, and where the exact path of the probability flow leads."""
    sigmas = log_levels(steps)
    got = sampler(perfect_denoiser, torch.ones(1, dtype=torch.float64), sigmas)
    exact = ((VARIANCE + sigmas[-1] ** 2) / (VARIANCE + sigmas[0] ** 2)).sqrt()
    return float(got), float(exact)


def variance_at_end(sampler: Sampler, denoise: Denoiser, sigmas: Tensor, variance: float, **options: Any) -> float:
    """The variance of what comes out, exactly: every step is a * x + b * noise here, so a and b can be asked for."""

    def with_noise(value: float) -> dict[str, Any]:
        return {"noise": lambda sigma, sigma_next: torch.full((1,), value, dtype=torch.float64), **options}

    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for i in range(len(sigmas) - 1):
        pair = sigmas[i : i + 2]
        a = float(sampler(denoise, one, pair, **with_noise(0.0)))
        b = float(sampler(denoise, zero, pair, **with_noise(1.0)))
        variance = a**2 * variance + b**2
    return variance
