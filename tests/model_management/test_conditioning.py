"""From a conditioning to the conditions of a run."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from heddle.graph.errors import GraphError, ShapeError
from heddle.samplers.conditions import Area
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon
from model_management.conditioning import bounds, conditions_for
from model_management.family import RunFacts, text_alone
from model_management.handles import Model

LATENT = torch.zeros(2, 4, 16, 24)
RUN = RunFacts(tuple(LATENT.shape), LATENT, LATENT)
FAMILY: Any = SimpleNamespace(name="sd15", read_entry=text_alone, may_repeat_text=True, shown_pictures=False)
STORED: Any = SimpleNamespace(header=None)
CONFIG: Any = SimpleNamespace(in_channels=4)
MODEL = Model(STORED, FAMILY, CONFIG, Epsilon(scaled_linear(0.00085, 0.012)))
STATES = torch.zeros(1, 77, 8)


def read(**more: Any):
    return conditions_for(MODEL, [[STATES, more]], RUN, "positive")[0]


def test_a_plain_text_counts_everywhere_and_always() -> None:
    condition = read()
    assert condition.area is None
    assert condition.mask is None
    assert condition.strength == 1
    assert condition.counts_at(0.0)
    assert condition.counts_at(1e9)
    assert condition.inputs["context"] is STATES


def test_an_area_in_cells_and_one_in_shares() -> None:
    assert read(area=(8, 4, 2, 1)).area == Area(8, 4, 2, 1)
    assert read(area=("percentage", 0.5, 0.25, 0.75, 0.5)).area == Area(8, 6, 12, 12)
    assert read(area=("percentage", 0.0, 0.0, 0.0, 0.0)).area == Area(1, 1, 0, 0)


def test_a_mask_comes_to_the_latents_size_with_its_strength() -> None:
    mask = torch.zeros(1, 128, 192)
    mask[:, 64:] = 1
    condition = read(mask=mask, mask_strength=0.5)
    assert condition.mask is not None
    assert condition.mask.shape == (2, 16, 24)
    assert condition.mask[:, 8:].eq(0.5).all()
    assert condition.area is None
    assert read(mask=mask, set_area_to_bounds=True, area=(1, 1, 0, 0)).area == Area(8, 24, 8, 0)


def test_the_bounds_of_small_and_empty_masks() -> None:
    mask = torch.zeros(1, 16, 24)
    assert bounds(mask) == Area(8, 8, 0, 0)
    mask[:, 3, 5] = 0.1
    assert bounds(mask) == Area(8, 8, 3, 5)


def test_a_part_of_the_run() -> None:
    schedule = MODEL.predicts.schedule
    condition = read(start_percent=0.25, end_percent=0.5)
    assert condition.first_sigma == schedule.percent_to_sigma(0.25)
    assert condition.last_sigma == schedule.percent_to_sigma(0.5)
    assert not condition.counts_at(schedule.sigma_max)


def test_of_two_parts_of_the_run_what_both_have_counts() -> None:
    percent_to_sigma = MODEL.predicts.schedule.percent_to_sigma
    condition = read(start_percent=0.25, end_percent=0.5, clip_start_percent=0.4, clip_end_percent=1.0)
    assert condition.first_sigma == percent_to_sigma(0.4)
    assert condition.last_sigma == percent_to_sigma(0.5)
    assert not read(start_percent=0.5, clip_end_percent=0.25).counts_at(percent_to_sigma(0.4))


def test_hooks_and_defaults_are_passed_on() -> None:
    assert (read().weight_hooks, read().is_default) == (None, False)
    condition = read(hooks="some", default=True)
    assert (condition.weight_hooks, condition.is_default) == ("some", True)


@pytest.mark.parametrize("entry", [7, [STATES], None])
def test_what_is_no_entry_is_named(entry: Any) -> None:
    with pytest.raises(GraphError, match="negative, entry 1"):
        conditions_for(MODEL, [[STATES, {}], entry], RUN, "negative")


def test_states_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"positive, entry 0: shape \[77, 8\]"):
        conditions_for(MODEL, [[STATES[0], {}]], RUN, "positive")


def test_steps_are_counted_along_the_runs_own_levels_or_along_its_time() -> None:
    levels = torch.tensor([10.0, 6.0, 3.0, 1.0, 0.0])
    entry = [STATES, {"step_span": (1, 3, 4)}]
    (condition,) = conditions_for(MODEL, [entry], replace(RUN, sigmas=levels), "positive")
    assert [condition.counts_at(level) for level in levels.tolist()] == [False, True, True, False, False]
    schedule = MODEL.predicts.schedule
    for sigmas in (None, levels[1:]):
        (condition,) = conditions_for(MODEL, [entry], replace(RUN, sigmas=sigmas), "positive")
        shares = [schedule.percent_to_sigma(each) for each in (0.2, 0.25, 0.5, 0.74, 0.75)]
        assert [condition.counts_at(level) for level in shares] == [False, True, True, True, False]


def test_a_span_of_steps_and_one_of_time_count_together() -> None:
    condition = read(step_span=(0, 2, 4), start_percent=0.3, end_percent=0.9)
    percent_to_sigma = MODEL.predicts.schedule.percent_to_sigma
    found = [condition.counts_at(percent_to_sigma(each)) for each in (0.2, 0.4, 0.6, 0.95)]
    assert found == [False, True, False, False]
    assert read(step_span=(2, 4, 4)).counts_at(0.0) and read(step_span=(0, 2, 4)).counts_at(1e9)
