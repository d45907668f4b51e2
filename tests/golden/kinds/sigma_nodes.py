"""Schedulers and sigma tools that are nodes of their own, as cases of a_ sets describe them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from heddle.samplers import curves, schedules, sigma_tools
from heddle.samplers.noise_schedules import NoiseSchedule
from heddle.samplers.published_levels import ALIGN_YOUR_STEPS, OPTIMAL_STEPS, spread_levels
from tests.golden.checks import NotCovered
from tests.golden.notation import read_tensor

Inputs = Mapping[str, Any]

BY_NUMBERS: Mapping[str, Callable[..., Tensor]] = {
    "KarrasScheduler": curves.karras_sigmas,
    "ExponentialScheduler": curves.exponential_sigmas,
    "PolyexponentialScheduler": curves.polyexponential_sigmas,
    "LaplaceScheduler": curves.laplace_sigmas,
    "VPScheduler": curves.vp_sigmas,
    "Flux2Scheduler": lambda steps, width, height: curves.flux2_sigmas(steps, width, height),
    "LTXVScheduler": lambda latent, **numbers: curves.ltxv_sigmas(cells=_cells(latent), **numbers),
    "AlignYourStepsScheduler": lambda model_type, steps, denoise: spread_levels(
        ALIGN_YOUR_STEPS[model_type], steps, denoise
    ),
    "OptimalStepsScheduler": lambda model_type, steps, denoise: spread_levels(
        OPTIMAL_STEPS[model_type], steps, denoise
    ),
}

BY_SCHEDULE: Mapping[str, Callable[[NoiseSchedule, Inputs], Tensor]] = {
    "SDTurboScheduler": lambda schedule, inputs: schedules.turbo(schedule, inputs["steps"], inputs["denoise"]),
    "BetaSamplingScheduler": lambda schedule, inputs: schedules.beta(
        schedule, inputs["steps"], inputs["alpha"], inputs["beta"]
    ),
}

OF_SIGMAS: Mapping[str, Callable[[Tensor, Inputs], tuple[Tensor, ...]]] = {
    "SplitSigmas": lambda sigmas, inputs: sigma_tools.split_at_step(sigmas, inputs["step"]),
    "SplitSigmasDenoise": lambda sigmas, inputs: sigma_tools.split_by_denoise(sigmas, inputs["denoise"]),
    "FlipSigmas": lambda sigmas, inputs: (sigma_tools.flip_sigmas(sigmas),),
    "SetFirstSigma": lambda sigmas, inputs: (sigma_tools.set_first_sigma(sigmas, inputs["sigma"]),),
    "ExtendIntermediateSigmas": lambda sigmas, inputs: (
        sigma_tools.extend_intermediate(
            sigmas, inputs["steps"], inputs["start_at_sigma"], inputs["end_at_sigma"], inputs["spacing"]
        ),
    ),
}


def sigmas_of_node(inputs: Inputs, schedule_named: Callable[[str], NoiseSchedule]) -> tuple[Tensor, ...]:
    """The outputs of a node that gives levels."""
    node = inputs["node"]
    if node in BY_NUMBERS:
        return (BY_NUMBERS[node](**{name: value for name, value in inputs.items() if name != "node"}),)
    if node in BY_SCHEDULE:
        return (BY_SCHEDULE[node](schedule_named(inputs["model"]), inputs),)
    if node in OF_SIGMAS:
        return OF_SIGMAS[node](_input_sigmas(inputs["sigmas"]), inputs)
    raise NotCovered(f"node {node}")


def _input_sigmas(text: Any) -> Tensor:
    """Levels that are written out, or the output of another node."""
    if not isinstance(text, dict):
        return read_tensor(text)
    if text.get("from") not in BY_NUMBERS:
        raise NotCovered(f"sigmas from {text.get('from')}")
    return BY_NUMBERS[text["from"]](**text["params"])


def _cells(latent: Any) -> int:
    """How many cells a latent has, from its shape [B, C, ...]; the node's own number without one."""
    shape = re.search(r"\[([\d, ]+)\]", str(latent))
    return math.prod(int(size) for size in shape[1].split(",")[2:]) if shape else 4096
