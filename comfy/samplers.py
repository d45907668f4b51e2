"""What packs find in `comfy.samplers`: the names of samplers and schedulers."""

from __future__ import annotations

from typing import Any

from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from nodes.closed_doors import ClosedDoor, behind

SAMPLER_NAMES = list(SAMPLERS)
SCHEDULER_NAMES = list(SCHEDULERS)
SCHEDULER_HANDLERS = dict(SCHEDULERS)
KSAMPLER_NAMES = SAMPLER_NAMES
_SKIPPING = frozenset(name for name, sampler in SAMPLERS.items() if sampler.skips_last_level)


def __getattr__(name: str) -> Any:
    return behind("comfy.samplers", name)


class KSampler:
    """The lists that packs offer in their own nodes. To sample, call `nodes.KSampler` or `nodes.common_ksampler`."""

    SAMPLERS = SAMPLER_NAMES
    SCHEDULERS = SCHEDULER_NAMES
    DISCARD_PENULTIMATE_SIGMA_SAMPLERS: frozenset[str] = _SKIPPING

    def __init__(self, *_: Any, **__: Any) -> None:
        raise ClosedDoor("comfy.samplers.KSampler(...)")
