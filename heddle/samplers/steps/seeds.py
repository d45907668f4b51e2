"""SEEDS: exponential solvers for the diffusion's SDE, whose noise is one path through all calls of a step.

Time is lambda = ln(alpha / sigma); h is a step's length in it and eta the share of fresh noise.
Source: Gonzalez et al. 2023, arXiv:2305.14267, algorithms 2 and 3, with the guess of clean data in place of noise.
"""

from __future__ import annotations

import math

from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import all_of, say
from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, draw, sampler, silent
from heddle.samplers.steps.exponential import phi

SOLVER_TYPES = ("phi_1", "phi_2")


@sampler("seeds_2")
def seeds_2(
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
    solver_type: str = "phi_1",
) -> Tensor:
    """Two calls a step, at its start and at the share r of its way.

    Args:
        solver_type: `phi_1` takes a value off the line through both guesses for the whole step, `phi_2` integrates it.
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
    for i in range(len(sigmas) - 1):
        clean = denoise(x, sigmas[i])
        on_step(i, x, clean)
        if sigmas[i + 1] == 0:
            x = clean
            continue
        step = _Step(sigmas, i, mixing, eta, s_noise, noise)
        first = denoise(step.at(x, r, clean * step.whole(r)), step.level(r))
        if solver_type == "phi_1":
            change = step.whole(1) / (2 * r)
        else:
            change = step.rising(1) / r
        x = step.at(x, 1, clean * step.whole(1) + (first - clean) * change)
    return x


@sampler("seeds_3")
def seeds_3(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    mixing: Mixing = ADDED,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r_1: float = 1 / 3,
    r_2: float = 2 / 3,
) -> Tensor:
    """Three calls a step, at its start and at the shares r_1 and r_2 of its way."""
    sigmas = mixing.below_one(sigmas)
    for i in range(len(sigmas) - 1):
        clean = denoise(x, sigmas[i])
        on_step(i, x, clean)
        if sigmas[i + 1] == 0:
            x = clean
            continue
        step = _Step(sigmas, i, mixing, eta, s_noise, noise)
        first = denoise(step.at(x, r_1, clean * step.whole(r_1)), step.level(r_1))
        on_line = clean * step.whole(r_2) + (first - clean) * (step.rising(r_2) * r_2 / r_1)
        second = denoise(step.at(x, r_2, on_line), step.level(r_2))
        x = step.at(x, 1, clean * step.whole(1) + (second - clean) * (step.rising(1) / r_2))
    return x


class _Step:
    """One step and its noise, which grows from one place of the way to the next.

    Places are shares of the way, asked for in rising order.
    """

    def __init__(
        self, sigmas: Tensor, i: int, mixing: Mixing, eta: float, s_noise: float, noise: NoiseSource | None
    ) -> None:
        self._sigmas = sigmas[i : i + 2]
        self._mixing = mixing
        self._eta = eta
        self._s_noise = s_noise if eta > 0 else 0.0
        self._noise = noise
        self._start = mixing.log_snr(float(sigmas[i]))
        self._length = mixing.log_snr(float(sigmas[i + 1])) - self._start
        self._place = 0.0
        self._path: Tensor | None = None  # the noise so far, of unit variance once the step were without end

    def level(self, place: float) -> Tensor:
        if place == 1:
            return self._sigmas[1]
        return self._sigmas.new_tensor(self._mixing.sigma(self._start + place * self._length))

    def whole(self, place: float) -> float:
        """How much of a guess that holds until there has flowed into x by then, as a share of the picture's."""
        return -math.expm1(-place * self._length * (1 + self._eta))

    def rising(self, place: float) -> float:
        """The same for a guess that rises from 0 at the start to 1 there."""
        far = place * self._length * (1 + self._eta)
        return far * phi(2, -far)

    def at(self, x: Tensor, place: float, flowed: Tensor) -> Tensor:
        """x carried to a place, with what has flowed in and the noise of the way."""
        level = self.level(place)
        sigma = float(level)
        keep = sigma / float(self._sigmas[0]) * math.exp(-place * self._length * self._eta)
        moved = x * keep + flowed * self._mixing.alpha(sigma)
        if self._s_noise <= 0:
            return moved
        return moved + self._noise_at(place, level) * (sigma * self._s_noise)

    def _noise_at(self, place: float, level: Tensor) -> Tensor | float:
        decay = (place - self._place) * self._length * self._eta
        if decay != 0:
            fresh = draw(self._noise, self.level(self._place) if self._place else self._sigmas[0], level)
            fresh = fresh * math.sqrt(max(-math.expm1(-2 * decay), 0))
            self._path = fresh if self._path is None else self._path * math.exp(-decay) + fresh
        self._place = place
        return 0.0 if self._path is None else self._path


#: Heun's rule in the exponential variables: the second call is at the step's end.
exp_heun_2_x0_sde = seeds_2.with_options("exp_heun_2_x0_sde", r=1.0, solver_type="phi_2")
exp_heun_2_x0 = exp_heun_2_x0_sde.with_options("exp_heun_2_x0", eta=0.0, s_noise=0.0)
