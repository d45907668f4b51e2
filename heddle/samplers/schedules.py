"""Schedulers: which noise levels a run of so many steps visits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.samplers.noise_schedules import NoiseSchedule

Scheduler = Callable[[NoiseSchedule, int], Tensor]
"""(schedule, steps) -> sigmas [steps + 1], float32, falling, the last one 0."""


MOST_STEPS = 10_000_000
"""A schedule that is longer than this would only fill memory."""


def normal(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Evenly spaced timesteps, both ends of the table among them, then 0."""
    first, last = _end_timesteps(schedule)
    levels = schedule.sigma(torch.linspace(first, last, _checked(steps)))
    if steps > 1 and float(levels[-1]) < 1e-5:  # the table itself ends at 0: another 0 would be a step of no length
        return _ending_at_zero(schedule.sigma(torch.linspace(first, last, steps + 1))[:-1])
    return _ending_at_zero(levels)


def sgm_uniform(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Evenly spaced timesteps without the table's cleanest, then 0."""
    first, last = _end_timesteps(schedule)
    return _ending_at_zero(schedule.sigma(torch.linspace(first, last, _checked(steps) + 1)[:-1]))


def simple(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Every (n / steps)-th entry of the table from its noisy end, rounded down to a whole entry, then 0."""
    table = schedule.sigmas
    # Double precision, so that a whole product does not fall below its entry.
    places = torch.arange(_checked(steps), dtype=torch.float64) * (len(table) / steps)
    return _ending_at_zero(table[len(table) - 1 - places.long()])


def karras(schedule: NoiseSchedule, steps: int) -> Tensor:
    """`karras_sigmas` between the ends of the table."""
    return karras_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Evenly spaced in sigma^(1/rho), then 0. Source: Karras et al. 2022, arXiv:2206.00364, equation 5."""
    ramp = torch.linspace(0, 1, _checked(steps))
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return _ending_at_zero((high + ramp * (low - high)) ** rho)


def sigmas_for(scheduler: Scheduler, schedule: NoiseSchedule, steps: int, denoise: float = 1.0) -> Tensor:
    """The levels of a run that changes its latent only in part.

    Args:
        denoise: share of the way from the noisy end, 0..1. Below 1 the schedule is made for int(steps / denoise) steps
            and its last `steps` are run; at 0 nothing is.
    Returns: [steps + 1], or [0] when there is nothing to run.
    Raises: HeddleError, if so little is asked for that the whole schedule could not be held.
    """
    if denoise > 0.9999:
        return scheduler(schedule, steps)
    if denoise <= 0:
        return torch.zeros(0)
    whole = int(steps / denoise)
    if whole > MOST_STEPS:
        raise HeddleError(
            f"denoise: {denoise} with {steps} steps is the end of a schedule of {whole:,} steps, at most {MOST_STEPS:,}"
            " can be made; set denoise to 0 to leave the latent as it is, or higher"
        )
    return scheduler(schedule, whole)[-(steps + 1) :]


def part_of(sigmas: Tensor, first: int = 0, last: int | None = None, to_clean: bool = False) -> Tensor:
    """The levels of a run that takes only some of the steps, such as the second half of what another run began.

    Args:
        first, last: the steps from `first` to just before `last`, counted from 0; None = to the end.
        to_clean: where the run ends early, its last step goes all the way to 0.
    Returns: one level more than there are steps, or [0] when there is nothing to run.
    """
    if last is not None and last < len(sigmas) - 1:
        sigmas = sigmas[: max(last, 0) + 1]
        if to_clean:
            sigmas = torch.cat((sigmas[:-1], sigmas.new_zeros(1)))
    return sigmas[first:] if first < len(sigmas) - 1 else sigmas[:0]


def _end_timesteps(schedule: NoiseSchedule) -> tuple[float, float]:
    noisy, clean = schedule.timestep(torch.tensor([schedule.sigma_max, schedule.sigma_min])).tolist()
    return noisy, clean


def _checked(steps: int) -> int:
    if steps < 1:
        raise HeddleError(f"steps: {steps}, but a schedule has at least 1")
    return steps


def _ending_at_zero(levels: Tensor) -> Tensor:
    return torch.cat([levels.to(torch.float32), torch.zeros(1)])
