"""a_*a1111 sets: the schedule types of the web UI's menu."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from heddle.samplers.a1111_schedules import SCHEDULE_TYPES, between_places, old_karras, places_of
from heddle.samplers.noise_schedules import scaled_linear
from tests.golden.checks import Check, NotCovered, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    schedule = scaled_linear(0.00085, 0.012)  # the one of all these sets
    stored = {name: workshop.golden.tensors()[key] for name, key in case.tensors.items()}
    rtol, atol = (tolerance(workshop.golden, "sigmas", mark, 2e-5) for mark in ("rtol", "atol"))

    def inside(name: str, got: Tensor) -> Check:
        return Check(name, got, stored[name], rtol, atol)

    name = inputs.get("scheduler", "")
    if name in SCHEDULE_TYPES:
        yield inside("sigmas", SCHEDULE_TYPES[name](schedule, inputs["n"], is_sdxl=inputs.get("sdxl", False)))
    elif "use old karras" in name:
        yield inside("sigmas", old_karras(inputs["n"]))
    elif "t_quantised" in stored:
        places = places_of(schedule.sigmas, stored["sigma"])
        yield inside("t", places)
        yield inside("back", between_places(schedule.sigmas, places))
        yield Check("t_quantised", schedule.timestep(stored["sigma"]).tolist(), stored["t_quantised"].tolist())
    else:
        raise NotCovered(f"schedule type {name}" if name else "cases of this form")


MENU_SCHEDULES = Kind(names=("a_*a1111*",), check=check)
