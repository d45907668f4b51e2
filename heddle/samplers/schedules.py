"""Schedulers: which noise levels of a network a run of so many steps visits, and which part of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import say
from heddle.samplers.curves import (
    checked,
    ending_at_zero,
    exponential_sigmas,
    karras_sigmas,
    kl_optimal_sigmas,
    linear_quadratic_sigmas,
)
from heddle.samplers.noise_schedules import NoiseSchedule

Scheduler = Callable[[NoiseSchedule, int], Tensor]
"""(schedule, steps) -> sigmas [steps + 1], float32, falling, the last one 0. Some give another number of steps."""


MOST_STEPS = 10_000_000
"""A schedule that is longer than this would only fill memory."""


def normal(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Evenly spaced timesteps, both ends of the table among them, then 0."""
    first, last = _end_timesteps(schedule)
    levels = schedule.sigma(torch.linspace(first, last, checked(steps)))
    if steps > 1 and float(levels[-1]) < 1e-5:  # the table itself ends at 0: another 0 would be a step of no length
        return ending_at_zero(schedule.sigma(torch.linspace(first, last, steps + 1))[:-1])
    return ending_at_zero(levels)


def sgm_uniform(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Evenly spaced timesteps without the table's cleanest, then 0."""
    first, last = _end_timesteps(schedule)
    return ending_at_zero(schedule.sigma(torch.linspace(first, last, checked(steps) + 1)[:-1]))


def simple(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Every (n / steps)-th entry of the table from its noisy end, rounded down to a whole entry, then 0."""
    table = schedule.sigmas
    # Double precision, so that a whole product does not fall below its entry.
    places = torch.arange(checked(steps), dtype=torch.float64) * (len(table) / steps)
    return ending_at_zero(table[len(table) - 1 - places.long()])


def ddim_uniform(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Every (n // steps)-th entry of the table from its second, then 0: often more steps than were asked for."""
    table = schedule.sigmas
    ends_at_zero = float(table[1]) < 1e-5  # then the table's own 0 is the end
    stride = max(len(table) // (checked(steps) + ends_at_zero), 1)
    levels = table[1::stride].flip(0)
    return levels.to(torch.float32) if ends_at_zero else ending_at_zero(levels)


def beta(schedule: NoiseSchedule, steps: int, a: float = 0.6, b: float = 0.6) -> Tensor:
    """Entries of the table at evenly spaced quantiles of a beta distribution, each taken once, then 0.

    Source: Lee et al. 2024, arXiv:2407.12173, section 3.

    Args:
        a, b: shapes of the distribution; below 1 its ends are visited more often than its middle.
    """
    import scipy.special  # heavy, and no other scheduler needs it

    if a <= 0 or b <= 0:
        raise HeddleError(say("alpha {a} and beta {b}: a beta distribution has both above 0", a=a, b=b))
    table = schedule.sigmas
    left = 1 - np.linspace(0, 1, checked(steps), endpoint=False)
    places = np.rint(scipy.special.betaincinv(a, b, left) * (len(table) - 1)).astype(np.int64)
    new = np.diff(places, prepend=-1) != 0
    return ending_at_zero(table[torch.from_numpy(places[new])])


def karras(schedule: NoiseSchedule, steps: int) -> Tensor:
    """`karras_sigmas` between the ends of the table."""
    return karras_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def exponential(schedule: NoiseSchedule, steps: int) -> Tensor:
    """`exponential_sigmas` between the ends of the table."""
    return exponential_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def linear_quadratic(schedule: NoiseSchedule, steps: int) -> Tensor:
    """`linear_quadratic_sigmas` from the top of the table."""
    return linear_quadratic_sigmas(steps, schedule.sigma_max)


def kl_optimal(schedule: NoiseSchedule, steps: int) -> Tensor:
    """`kl_optimal_sigmas` between the ends of the table."""
    return kl_optimal_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def turbo(schedule: NoiseSchedule, steps: int, denoise: float = 1.0) -> Tensor:
    """The levels that adversarially distilled networks learned: timesteps 999, 899, ... 99, then 0.

    Source: Sauer et al. 2023, arXiv:2311.17042, section 3.2 (SDXL-Turbo and SD-Turbo).

    Args:
        steps: how many of the ten, at most those that are left.
        denoise: share of the way from the noisy end, 0..1, in tenths.
    """
    first = 10 - int(10 * denoise)
    timesteps = torch.arange(10, 0, -1)[first : first + checked(steps)] * 100 - 1
    return ending_at_zero(schedule.sigma(timesteps))


def sigmas_for(
    scheduler: Scheduler, schedule: NoiseSchedule, steps: int, denoise: float = 1.0, *, skip_last_level: bool = False
) -> Tensor:
    """The levels of a run that changes its latent only in part.

    Args:
        skip_last_level: make the schedule one step longer and leave out its last level above 0, see `Sampler`.
        denoise: share of the way from the noisy end, 0..1. Below 1 the schedule is made for int(steps / denoise) steps
            and its last `steps` are run; at 0 nothing is.
    Returns: [steps + 1], or [0] when there is nothing to run.
    Raises: HeddleError, if so little is asked for that the whole schedule could not be held.
    """

    def levels(count: int) -> Tensor:
        if not skip_last_level:
            return scheduler(schedule, count)
        longer = scheduler(schedule, count + 1)
        return torch.cat((longer[:-2], longer[-1:]))

    if denoise > 0.9999:
        return levels(steps)
    if denoise <= 0:
        return torch.zeros(0)
    whole = int(steps / denoise)
    if whole > MOST_STEPS:
        raise HeddleError(
            say(
                "denoise: {denoise} with {steps} steps is the end of a schedule of {whole:,} steps, at "
                "most {most_steps:,} can be made; set denoise to 0 to leave the latent as it is, or "
                "higher",
                denoise=denoise,
                steps=steps,
                whole=whole,
                most_steps=MOST_STEPS,
            )
        )
    return levels(whole)[-(steps + 1) :]


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
