"""UniPC: a multistep predictor whose next call also corrects the step it led to, at no further cost."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, OnStep, sampler, silent
from heddle.samplers.steps.exponential import phi

# A last level of 0 has no lambda; the run ends here instead.
_LAST_LEVEL = 0.001


@sampler("uni_pc", skips_last_level=True)
def uni_pc(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    mixing: Mixing = ADDED,
    order: int = 3,
    variant: str = "bh1",
) -> Tensor:
    """Time is lambda = -ln(sigma). Orders rise over the first steps and fall over the last.

    Source: Zhao et al. 2023, arXiv:2302.04867, algorithms 1 and 2 with B(h) of equation 11, for clean guesses.

    Args:
        variant: what the corrections are measured in: `bh1` is h, `bh2` is e^h - 1.
    """
    levels = sigmas.tolist()
    if levels[-1] == 0:
        if len(levels) == 2:  # nothing to build on
            clean = denoise(x, sigmas[0])
            on_step(0, x, clean)
            return clean
        levels[-1] = min(_LAST_LEVEL, levels[-2] / 2)
    end_share = mixing.alpha(levels[-1]) if sigmas[-1] == 0 else 1.0
    times = [-math.log(sigma) for sigma in levels]
    steps = len(levels) - 1
    order = max(min(order, steps - 1), 1)
    guesses = [denoise(x, sigmas[0])]  # the newest first
    on_step(0, x, guesses[0])
    for step in range(1, steps + 1):
        using = min(order, step, steps + 1 - step)
        here, there = times[step - 1], times[step]
        places = [(times[step - 1 - k] - here) / (there - here) for k in range(1, using)]
        update = _Update(there - here, places, variant)
        predicted = update.predict(x, guesses)
        if step == steps:
            return predicted / end_share
        clean = denoise(predicted, sigmas[step])
        x = update.correct(x, guesses, clean)
        on_step(step, predicted, clean)
        guesses = [clean, *guesses][:order]
    return x


uni_pc_bh2 = uni_pc.with_options("uni_pc_bh2", variant="bh2")


class _Update:
    """One step: x shrinks towards the newest guess, corrected by how the others differ from it.

    Args:
        span: the step's length in lambda.
        places: of the older guesses, in units of it: negative.
    """

    def __init__(self, span: float, places: list[float], variant: str) -> None:
        self._span = span
        self._places = places
        self._unit = -span if variant == "bh1" else math.expm1(-span)

    def predict(self, x: Tensor, guesses: list[Tensor]) -> Tensor:
        # For order 2 the paper takes one half, which is right for any length of step.
        weights = [0.5] if len(self._places) == 1 else self._solved(self._places)
        return self._moved(x, guesses, weights)

    def correct(self, x: Tensor, guesses: list[Tensor], clean: Tensor) -> Tensor:
        *weights, end = self._solved([*self._places, 1.0]) if self._places else [0.5]
        return self._moved(x, guesses, weights) - (clean - guesses[0]) * (self._unit * end)

    def _moved(self, x: Tensor, guesses: list[Tensor], weights: list[float]) -> Tensor:
        shrink = math.exp(-self._span)
        x = guesses[0] + (x - guesses[0]) * shrink
        for place, weight, guess in zip(self._places, weights, guesses[1:], strict=False):
            x = x - (guess - guesses[0]) * (self._unit * weight / place)
        return x

    def _solved(self, places: list[float]) -> list[float]:
        """The weights of theorem 1: they make every power up to their number right."""
        z = -self._span
        wanted = [z * phi(k + 1, z) * math.factorial(k) / self._unit for k in range(1, len(places) + 1)]
        powers = np.vander(places, increasing=True).T
        return np.linalg.solve(powers, wanted).tolist() if places else []
