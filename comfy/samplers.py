"""What packs find in `comfy.samplers`: the names of samplers and schedulers."""

from __future__ import annotations

from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS

SAMPLER_NAMES = list(SAMPLERS)
SCHEDULER_NAMES = list(SCHEDULERS)
SCHEDULER_HANDLERS = dict(SCHEDULERS)
KSAMPLER_NAMES = SAMPLER_NAMES


class KSampler:
    """The lists that packs offer in their own nodes. To sample, call `nodes.KSampler` or `nodes.common_ksampler`."""

    SAMPLERS = SAMPLER_NAMES
    SCHEDULERS = SCHEDULER_NAMES
    DISCARD_PENULTIMATE_SIGMA_SAMPLERS: frozenset[str] = frozenset({"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"})
