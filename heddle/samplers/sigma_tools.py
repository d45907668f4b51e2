"""Noise levels cut, turned and filled in. None of them changes the levels it is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import Tensor

from heddle.samplers.noise_schedules import NoiseSchedule

SPACINGS: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "linear": lambda part: part,
        "cosine": lambda part: math.sin(part * math.pi / 2),  # dense at its end
        "sine": lambda part: 1 - math.cos(part * math.pi / 2),  # dense at its beginning
    }
)
"""How new levels spread between two: the share of the way as a function of the share of the steps."""


def split_at_step(sigmas: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """The levels of the first `step` steps, and those of the rest; they meet in one level."""
    return sigmas[: step + 1], sigmas[step:]


def split_by_denoise(sigmas: Tensor, denoise: float) -> tuple[Tensor, Tensor]:
    """The levels split so that the second part has the share `denoise`, 0..1, of the steps, rounded.

    At 0 everything is in the first part; the second is one level, a run of no steps.
    """
    steps = max(len(sigmas) - 1, 0)
    return split_at_step(sigmas, steps - round(steps * denoise))


def flip_sigmas(sigmas: Tensor) -> Tensor:
    """The levels backwards, for a run from the clean latent to its noise.

    A first level of 0 becomes 0.0001: a slope is a quotient by the level.
    """
    flipped = sigmas.flip(0)
    if len(flipped) and flipped[0] == 0:
        flipped[0] = 0.0001
    return flipped


def set_first_sigma(sigmas: Tensor, sigma: float) -> Tensor:
    """The levels with another one in front."""
    changed = sigmas.clone()
    changed[:1] = sigma
    return changed


def extend_intermediate(sigmas: Tensor, steps: int, start: float, end: float, spacing: str) -> Tensor:
    """More levels inside some of the steps.

    Args:
        steps: how many steps each of those becomes.
        start, end: steps that begin at a level between these are filled; a start below 0 stands for no limit.
        spacing: one of `SPACINGS`.
    """
    top = math.inf if start < 0 else start
    parts = [SPACINGS[spacing](i / steps) for i in range(steps)]
    levels = sigmas.tolist()
    filled: list[float] = []
    for level, level_next in pairwise(levels):
        inside = parts if end <= level <= top else parts[:1]
        filled += [level + part * (level_next - level) for part in inside]
    return torch.tensor(filled + levels[-1:], dtype=torch.float32)


def sigma_at(schedule: NoiseSchedule, percent: float, within_table: bool = False) -> float:
    """The level after a share of the way, 0..1.

    Args:
        within_table: 0 is the table's highest level and 1 its lowest above 0, in place of "before everything" and 0.
    """
    if within_table and percent <= 0:
        return schedule.sigma_max
    if within_table and percent >= 1:
        return schedule.sigma_min
    return schedule.percent_to_sigma(percent)
