"""Data that is normal around 0 with a known variance: everything a sampler should do with it is known."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from heddle.samplers.mixing import ADDED, MIXED, Mixing
from heddle.samplers.sampler import Denoiser, Sampler

VARIANCE = 0.25


def perfect_denoiser(x: Tensor, sigma: Tensor, /) -> Tensor:
    """The mean of the data, given x = data + sigma * noise."""
    return x * VARIANCE / (VARIANCE + sigma**2)


def perfect_flow_denoiser(x: Tensor, sigma: Tensor, /) -> Tensor:
    """The mean of the data, given x = (1 - sigma) * data + sigma * noise."""
    share = 1 - sigma
    return x * share * VARIANCE / (share**2 * VARIANCE + sigma**2)


PERFECT: dict[bool, tuple[Mixing, Denoiser]] = {
    False: (ADDED, perfect_denoiser),
    True: (MIXED, perfect_flow_denoiser),
}


def log_levels(steps: int, top: float = 10.0, bottom: float = 0.05) -> Tensor:
    return torch.linspace(math.log(top), math.log(bottom), steps + 1, dtype=torch.float64).exp()


def variance_at(sigma: Tensor, mixing: Mixing = ADDED) -> float:
    """Of x at a level."""
    return mixing.alpha(float(sigma)) ** 2 * VARIANCE + float(sigma) ** 2


def end_of_path(sampler: Sampler, sigmas: Tensor, is_flow: bool = False, **keywords: Any) -> tuple[float, float]:
    """Where a sampler takes x = 1 at the top, and where the exact path of the probability flow leads."""
    mixing, denoise = PERFECT[is_flow]
    if sampler.asks_for_mixing:
        keywords["mixing"] = mixing
    got = sampler(denoise, torch.ones(1, dtype=torch.float64), sigmas, **keywords)
    return float(got), math.sqrt(variance_at(sigmas[-1], mixing) / variance_at(sigmas[0], mixing))


def variance_at_end(sampler: Sampler, sigmas: Tensor, is_flow: bool = False, **keywords: Any) -> float:
    """The variance of what comes out of noise and data at the top, exactly.

    Everything is linear in the start and in what is drawn. So one run follows each of them alone, as a component of x:
    the first is the start's, the others belong to what the path of the noise does between two neighbouring levels.
    """
    mixing, denoise = PERFECT[is_flow]
    if sampler.asks_for_mixing:
        keywords["mixing"] = mixing
    asked: list[tuple[float, float]] = []

    def listening(sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        asked.append((float(sigma), float(sigma_next)))
        return torch.zeros(1, dtype=torch.float64)

    sampler(denoise, torch.ones(1, dtype=torch.float64), sigmas, noise=listening, **keywords)
    if sampler.noise == "brownian":  # two calls may ask for parts of one piece of the path
        knots = sorted({level for pair in asked for level in pair}, reverse=True)
        pieces = list(pairwise(knots))
    else:  # each call is a piece of its own
        pieces = asked
    start = torch.zeros(1 + len(pieces), dtype=torch.float64)
    start[0] = 1
    calls = iter(range(len(asked)))

    def basis(sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        drawn = torch.zeros_like(start)
        call = next(calls)
        if sampler.noise == "white":
            drawn[1 + call] = 1
            return drawn
        high, low = asked[call]
        for i, (top, bottom) in enumerate(pieces):
            if bottom >= low and top <= high:
                drawn[1 + i] = math.sqrt((top - bottom) / (high - low))
        return drawn

    end = sampler(denoise, start, sigmas, noise=basis, **keywords)
    return variance_at(sigmas[0], mixing) * float(end[0]) ** 2 + float(end[1:].square().sum())
