"""ER-SDE: reverse-time SDEs with a chosen share of fresh noise at each level, solved in up to three stages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import say
from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, draw, sampler, silent

Level = float | np.ndarray

NOISE_SCALES: Mapping[str, Callable[[Level, float], Level]] = MappingProxyType(
    {
        "ER-SDE": lambda level, eta: level * (np.exp(level**0.3) + 10.0),  # the paper's fifth, its best
        "Reverse-time SDE": lambda level, eta: level ** (eta + 1),
        "ODE": lambda level, eta: level,
    }
)
"""What the paper calls phi, as a function of sigma / alpha: the steeper, the more of the latent is fresh noise."""

# The integrals of 1 / phi are sums over so many left points, as in the published code, whose pictures people have.
_POINTS = 200


@sampler("er_sde")
def er_sde(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    mixing: Mixing = ADDED,
    s_noise: float = 1.0,
    max_stage: int = 3,
    solver_type: str = "ER-SDE",
    eta: float = 1.0,
) -> Tensor:
    """One call a step; from the second on the change of the guess is counted in, from the third on its bend.

    Source: Cui et al. 2023, arXiv:2309.06169, algorithms 1 to 3.

    Args:
        max_stage: 1 to 3, how much of that.
        solver_type: one of NOISE_SCALES; `ODE` adds no noise.
        eta: of the reverse-time SDE: its share of fresh noise, 0 is the ODE.
    """
    if solver_type not in NOISE_SCALES:
        raise HeddleError(
            say(
                "solver_type: {solver_type!r}, but there are {types}",
                solver_type=solver_type,
                types=", ".join(NOISE_SCALES),
            )
        )
    scale = NOISE_SCALES[solver_type]
    if solver_type == "ODE" or (solver_type == "Reverse-time SDE" and eta == 0):
        s_noise = 0.0
    sigmas = mixing.below_one(sigmas)
    levels = [sigma / mixing.alpha(sigma) for sigma in sigmas.tolist()]
    clean_before: Tensor | None = None
    change_before: Tensor | None = None
    for i, (level, level_next) in enumerate(pairwise(levels)):
        clean = denoise(x, sigmas[i])
        on_step(i, x, clean)
        if level_next == 0:
            x, clean_before = clean, clean
            continue
        alpha, alpha_next = mixing.alpha(float(sigmas[i])), mixing.alpha(float(sigmas[i + 1]))
        top = float(scale(level_next, eta))
        keep = top / float(scale(level, eta))
        x = x * (alpha_next / alpha * keep) + clean * (alpha_next * (1 - keep))
        if clean_before is not None and max_stage >= 2:
            step = level_next - level
            width = -step / _POINTS
            points = level_next + np.arange(_POINTS) * width
            shares = width / scale(points, eta)
            change = (clean - clean_before) / (level - levels[i - 1])
            x = x + change * (alpha_next * (step + float(np.sum(shares)) * top))
            if change_before is not None and max_stage >= 3:
                bend = (change - change_before) / ((level - levels[i - 2]) / 2)
                x = x + bend * (alpha_next * (step**2 / 2 + float(np.sum((points - level) * shares)) * top))
            change_before = change
        if s_noise > 0:
            lacking = math.sqrt(max(level_next**2 - (level * keep) ** 2, 0))
            x = x + draw(noise, sigmas[i], sigmas[i + 1]) * (alpha_next * lacking * s_noise)
        clean_before = clean
    return x
