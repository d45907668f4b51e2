"""The schedule types of the AUTOMATIC1111 web UI, by the names in its menu and its infotexts.

Where one computes what a scheduler of `schedules.py` does, it is that one; others have the same name there and another
result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from heddle.samplers import schedules
from heddle.samplers.curves import checked, ending_at_zero, exponential_sigmas, karras_sigmas, polyexponential_sigmas
from heddle.samplers.noise_schedules import NoiseSchedule
from heddle.samplers.published_levels import log_interpolated


class MenuSchedule(Protocol):
    def __call__(self, schedule: NoiseSchedule, steps: int, is_sdxl: bool = False) -> Tensor:
        """The levels of a run, falling. `is_sdxl`: some were searched for each network family."""
        ...


def uniform(schedule: NoiseSchedule, steps: int, is_sdxl: bool = False) -> Tensor:
    """Evenly spaced places in the table, log sigma interpolated between entries, then 0.

    The default of the menu ("Automatic" means it for most samplers).
    """
    last = len(schedule.sigmas) - 1
    return ending_at_zero(between_places(schedule.sigmas, torch.linspace(last, 0, checked(steps))))


def between_places(table: Tensor, places: Tensor) -> Tensor:
    """Log-interpolated levels at fractional places of a table."""
    logs = table.log()
    places = places.clamp(0, len(logs) - 1)
    low, high = logs[places.floor().long()], logs[places.ceil().long()]
    return (low + (high - low) * places.frac()).exp()


def places_of(table: Tensor, sigmas: Tensor) -> Tensor:
    """Where levels lie in a table, log-interpolated: what `between_places` undoes. Levels outside have its ends."""
    logs = table.to(torch.float64).log()
    places = np.interp(sigmas.to(torch.float64).log().numpy(), logs.numpy(), np.arange(len(logs)))
    return torch.from_numpy(places).to(torch.float32)


def kl_optimal(schedule: NoiseSchedule, steps: int, is_sdxl: bool = False) -> Tensor:
    """Evenly spaced in the arctangent of sigma, both ends of the table among them: this one does not end at 0."""
    top, bottom = math.atan(schedule.sigma_max), math.atan(schedule.sigma_min)
    return torch.linspace(top, bottom, checked(steps) + 1).tan()


def beta(schedule: NoiseSchedule, steps: int, is_sdxl: bool = False) -> Tensor:
    """Quantiles of a beta distribution, both shapes 0.6, spread over sigma itself, then 0."""
    import scipy.special  # heavy, and no other schedule here needs it

    left = torch.from_numpy(scipy.special.betaincinv(0.6, 0.6, 1 - np.linspace(0, 1, checked(steps))))
    low, high = schedule.sigma_min, schedule.sigma_max
    return ending_at_zero(low + left * (high - low))


def old_karras(steps: int) -> Tensor:
    """What Karras levels were before they followed the network, for pictures made then."""
    return karras_sigmas(steps, 0.1, 10.0)


def _plain(scheduler: schedules.Scheduler) -> MenuSchedule:
    return lambda schedule, steps, is_sdxl=False: scheduler(schedule, steps)


def _between_ends(curve: Callable[[int, float, float], Tensor]) -> MenuSchedule:
    return lambda schedule, steps, is_sdxl=False: curve(steps, schedule.sigma_min, schedule.sigma_max)


def _searched(sd1: tuple[float, ...], sdxl: tuple[float, ...]) -> MenuSchedule:
    """Published levels: as they are for as many steps, interpolated for others, then 0."""

    def levels(schedule: NoiseSchedule, steps: int, is_sdxl: bool = False) -> Tensor:
        published = sdxl if is_sdxl else sd1
        if checked(steps) == 1:
            return ending_at_zero(torch.tensor(published[-1:]))
        if steps != len(published):
            published = tuple(log_interpolated(published, steps))
        return ending_at_zero(torch.tensor(published))

    return levels


# As rounded in the web UI; source of the first: Sabour et al. 2024, arXiv:2404.14507.
_AYS = _searched(
    (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
)
# The same search with the cost of Chen et al. 2024, arXiv:2405.11326 (GITS).
_AYS_GITS = _searched(
    (14.615, 4.617, 2.507, 1.236, 0.702, 0.402, 0.240, 0.156, 0.104, 0.094, 0.029),
    (14.615, 4.734, 2.567, 1.529, 0.987, 0.652, 0.418, 0.268, 0.179, 0.127, 0.029),
)
_AYS_32 = _searched(
    (
        14.615, 11.23951352, 8.64363081, 6.64729424, 5.57250862, 4.71648546, 3.99196065, 3.5195609, 3.13490466,
        2.79228788, 2.48773628, 2.21663865, 1.97508351, 1.7793172, 1.61475335, 1.46540953, 1.314849, 1.16642497,
        1.03475547, 0.91573744, 0.80748169, 0.71202361, 0.621739, 0.53065202, 0.4529096, 0.37491455, 0.27461819,
        0.2011529, 0.14105873, 0.06682881, 0.03166121, 0.015,
    ),
    (
        14.615, 11.1491618, 8.50522127, 6.48827151, 5.43707402, 4.60398619, 3.89854704, 3.27407457, 2.74396527,
        2.29968659, 1.95448514, 1.67108715, 1.42878152, 1.23181009, 1.06789649, 0.92579443, 0.80290886, 0.69660121,
        0.60436903, 0.52852552, 0.46773344, 0.41393379, 0.36258186, 0.31008517, 0.26518925, 0.22326461, 0.17653877,
        0.13959192, 0.10587381, 0.05519369, 0.02877334, 0.015,
    ),
)  # fmt: skip

SCHEDULE_TYPES: Mapping[str, MenuSchedule] = MappingProxyType(
    {
        "Uniform": uniform,
        "Karras": _between_ends(karras_sigmas),
        "Exponential": _between_ends(exponential_sigmas),
        "Polyexponential": _between_ends(polyexponential_sigmas),
        "SGM Uniform": _plain(schedules.sgm_uniform),
        "KL Optimal": kl_optimal,
        "Align Your Steps": _AYS,
        "Align Your Steps GITS": _AYS_GITS,
        "Align Your Steps 11": _AYS,
        "Align Your Steps 32": _AYS_32,
        "Simple": _plain(schedules.simple),
        "Normal": _plain(schedules.normal),
        "DDIM": _plain(schedules.ddim_uniform),
        "Beta": beta,
    }
)
