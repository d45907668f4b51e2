"""Every sampler and scheduler by the name that workflows use, in the order in which menus show them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from heddle.samplers.sampler import Sampler
from heddle.samplers.schedules import Scheduler, karras, normal, sgm_uniform, simple
from heddle.samplers.steps.dpmpp import dpmpp_2m
from heddle.samplers.steps.euler import euler, euler_ancestral
from heddle.samplers.steps.heun import heun

SAMPLERS: Mapping[str, Sampler] = MappingProxyType({one.name: one for one in (euler, euler_ancestral, heun, dpmpp_2m)})

SCHEDULERS: Mapping[str, Scheduler] = MappingProxyType(
    {"simple": simple, "sgm_uniform": sgm_uniform, "karras": karras, "normal": normal}
)
