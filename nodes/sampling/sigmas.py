"""Nodes that cut, turn and write noise levels."""

from __future__ import annotations

import math
import re
from typing import Annotated

import torch

from heddle.graph.declare import Choice, Flag, More, Number, Text, node
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.samplers import sigma_tools
from heddle.wires import Model, Sigmas

CATEGORY = "model/sampling/sigmas"

_UNROUNDED = More({"round": False})


@node("SplitSigmas", category=CATEGORY, outputs=("high_sigmas", "low_sigmas"))
def split(
    sigmas: Sigmas,
    step: Annotated[int, Number(default=0, low=0, high=10000, tip="How many steps are in the first part.")],
) -> tuple[Sigmas, Sigmas]:
    """Cut levels in two parts that meet, so that two samplers can share a run."""
    return sigma_tools.split_at_step(sigmas, step)


@node("SplitSigmasDenoise", category=CATEGORY, outputs=("high_sigmas", "low_sigmas"))
def split_denoise(
    sigmas: Sigmas,
    denoise: Annotated[
        float, Number(default=1.0, low=0.0, high=1.0, step=0.01, tip="The second part's share of the steps.")
    ],
) -> tuple[Sigmas, Sigmas]:
    """Cut levels in two parts that meet, by a share of the steps."""
    return sigma_tools.split_by_denoise(sigmas, denoise)


@node("FlipSigmas", category=CATEGORY, search=("unsample", "reverse"))
def flip(sigmas: Sigmas) -> Sigmas:
    """Levels from the last to the first, to lead a picture back to its noise."""
    return sigma_tools.flip_sigmas(sigmas)


@node("SetFirstSigma", category=CATEGORY)
def set_first(
    sigmas: Sigmas,
    sigma: Annotated[
        float, Number(default=136.0, low=0.0, high=20000.0, step=0.001, tip="The level to begin at."), _UNROUNDED
    ],
) -> Sigmas:
    """Begin at another level."""
    return sigma_tools.set_first_sigma(sigmas, sigma)


@node("ExtendIntermediateSigmas", category=CATEGORY)
def extend(
    sigmas: Sigmas,
    steps: Annotated[int, Number(default=2, low=1, high=100, tip="How many steps each becomes.")],
    start_at_sigma: Annotated[
        float,
        Number(default=-1.0, low=-1.0, high=20000.0, step=0.01, tip="Steps from this level on; -1 is from the first."),
        _UNROUNDED,
    ],
    end_at_sigma: Annotated[
        float, Number(default=12.0, low=0.0, high=20000.0, step=0.01, tip="Steps down to this level."), _UNROUNDED
    ],
    spacing: Annotated[
        str,
        Choice(*sigma_tools.SPACINGS, tip="Even, dense at the end of each step, or at its beginning."),
        More({"multiselect": False}),
    ],
) -> Sigmas:
    """Take some of the steps in several smaller ones."""
    return sigma_tools.extend_intermediate(sigmas, steps, start_at_sigma, end_at_sigma, spacing)


@node("SamplingPercentToSigma", category=CATEGORY, outputs=("sigma_value",))
def percent_to_sigma(
    model: Model,
    sampling_percent: Annotated[
        float, Number(default=0.0, low=0.0, high=1.0, step=0.0001, tip="How far along the run, 0 to 1.")
    ],
    return_actual_sigma: Annotated[
        bool, Flag(default=False, tip="At 0 and 1 the ends of the model's table, not numbers beyond all levels.")
    ],
) -> float:
    """The noise level that a model is at after a share of the run."""
    return sigma_tools.sigma_at(model.predicts.schedule, sampling_percent, return_actual_sigma)


@node("ManualSigmas", category=CATEGORY, experimental=True)
def manual(
    sigmas: Annotated[
        str, Text(tip="Numbers, falling, with anything between them."), More({"multiline": False})
    ] = "1, 0.5",
) -> Sigmas:
    """Levels as they are written."""
    levels = [float(number) for number in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", sigmas)]
    if any(not 0 <= level < math.inf for level in levels):
        raise GraphError(
            say("sigmas: {sigmas!r}, but a noise level is 0 or above; write it so", sigmas=sigmas),
            input_name="sigmas",
            found=sigmas,
        )
    return torch.tensor(levels, dtype=torch.float32)
