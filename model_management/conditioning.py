"""From what flows along CONDITIONING wires to the conditions of one run.

An entry is `[states, more]`. Of `more`, read here: "area" (height, width, top, left in cells, or ("percentage", ...) in
shares of the picture), "strength", "mask" with "mask_strength" and "set_area_to_bounds", "start_percent",
"end_percent" (the part of the run that it counts in), "clip_start_percent", "clip_end_percent" (the part that its text
was encoded for), "step_span" (first step, the one after the last, all steps), "gain", "control", "gligen", "hooks",
"default"; "cross_attn_controlnet" and "pooled_output_controlnet", a text that only control nets read. Everything else
is the family's, see `Family.read_entry`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from heddle.graph.errors import GraphError, ShapeError
from heddle.graph.said import say
from heddle.samplers.conditions import Area, Condition
from heddle.samplers.fitting import fit_mask
from model_management.family import RunFacts
from model_management.handles import Model
from model_management.picture_vectors import SHOWN

#: A mask's bounding box is at least so many cells high and wide: smaller pieces say nothing to a network.
LEAST_BOUNDS = 8

#: What stands before the names of inputs that control nets read in the place of the network's.
FOR_CONTROLS = "control_"


def conditions_for(model: Model, conditioning: Sequence[Any], run: RunFacts, name: str) -> list[Condition]:
    """The conditions of one side.

    Args:
        name: of the input that it came in by, for messages.
    Raises: GraphError or ShapeError, if an entry is none.
    """
    facts = replace(run, side=name, config=model.config, header=model.stored.header)
    return [
        _condition(model, entry, facts, say("{side}, entry {number}", side=name, number=number))
        for number, entry in enumerate(conditioning)
    ]


def _condition(model: Model, entry: Any, run: RunFacts, place: str) -> Condition:
    try:
        states, more = entry
    except (TypeError, ValueError):
        raise GraphError(
            say("{place}: a text with its options is wanted, found {found}", place=place, found=type(entry).__name__)
        ) from None
    if states.ndim != 3:
        raise ShapeError(
            say("{place}: shape {shape}, wanted [B, T, D]", place=place, shape=list(states.shape)),
            wanted="[B, T, D]",
            got=states.shape,
        )
    if SHOWN in more and not model.family.shown_pictures:
        run.note(
            say(
                "{place}: the images of unCLIPConditioning have no effect, since {family} is shown none",
                place=place,
                family=model.family.name,
            )
        )
    height, width = run.shape[-2:]
    mask = more.get("mask")
    grid = None
    if mask is not None:
        grid = fit_mask(mask, run.latent)[:, 0] * more.get("mask_strength", 1.0)
    percent_to_sigma = model.predicts.schedule.percent_to_sigma
    highest, lowest = _levels_of_steps(more["step_span"], model, run) if "step_span" in more else (math.inf, 0.0)
    starts, ends = (
        [more[key] for key in (f"{what}_percent", f"clip_{what}_percent") if key in more] for what in ("start", "end")
    )
    first_sigma = percent_to_sigma(max(starts)) if starts else math.inf
    last_sigma = percent_to_sigma(min(ends)) if ends else 0.0
    return Condition(
        inputs={**model.family.read_entry(states, more, run), **_for_controls(model, more, run)},
        area=_area(more, grid, height, width),
        strength=more.get("strength", 1.0),
        mask=grid,
        first_sigma=min(first_sigma, highest),
        last_sigma=max(last_sigma, lowest),
        control=more.get("control"),
        boxes=more.get("gligen"),
        weight_hooks=more.get("hooks"),
        is_default=bool(more.get("default")),
        gain=more.get("gain", 1.0),
        may_repeat_text=model.family.may_repeat_text,
    )


def _for_controls(model: Model, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """The same inputs as the network's, of a text that only control nets read; none where there is no such text."""
    if more.get("control") is None or "cross_attn_controlnet" not in more:
        return {}
    shown = {**more, "pooled_output": more["pooled_output_controlnet"]}
    inputs = model.family.read_entry(more["cross_attn_controlnet"], shown, run)
    return {FOR_CONTROLS + name: inputs[name] for name in ("context", "vector") if name in inputs}


def _levels_of_steps(span: tuple[int, int, int], model: Model, run: RunFacts) -> tuple[float, float]:
    """The highest and the lowest level of some steps.

    They are counted along the run's levels if it has as many steps as the span says, else as shares of its time.
    """
    first, end, steps = span
    if run.sigmas is not None and len(run.sigmas) == steps + 1:
        levels = run.sigmas.tolist()
    else:
        levels = [model.predicts.schedule.percent_to_sigma(step / steps) for step in range(steps + 1)]
    # What is asked at the level where the next span begins belongs to that one.
    lowest = 0.0 if end >= steps else math.nextafter(levels[end], math.inf)
    return math.inf if first <= 0 else levels[first], lowest


def _area(more: Mapping[str, Any], grid: Tensor | None, height: int, width: int) -> Area | None:
    if grid is not None and more.get("set_area_to_bounds"):
        return bounds(grid)
    area = more.get("area")
    if area is None:
        return None
    if area[0] == "percentage":
        _word, tall, wide, down, right = area
        return Area(
            max(1, round(tall * height)), max(1, round(wide * width)), round(down * height), round(right * width)
        )
    return Area(*area)


def bounds(mask: Tensor) -> Area:
    """The smallest rectangle that holds everything of a mask [B, h, w], at least `LEAST_BOUNDS` cells wide and high."""
    marked = (mask != 0).any(0)
    rows, columns = marked.any(1).nonzero()[:, 0].tolist(), marked.any(0).nonzero()[:, 0].tolist()
    if not rows:
        return Area(LEAST_BOUNDS, LEAST_BOUNDS, 0, 0)
    return Area(
        max(LEAST_BOUNDS, rows[-1] - rows[0] + 1),
        max(LEAST_BOUNDS, columns[-1] - columns[0] + 1),
        rows[0],
        columns[0],
    )
