"""Nodes that make keyframes of hooks, and parts of a run."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from heddle.graph.errors import GraphError
from heddle.samplers.keyframes import Keyframes
from nodes.conditioning.spans import timesteps_range
from nodes.hooks.keyframes import (
    make_keyframe,
    make_keyframes_between,
    make_keyframes_of,
)
from tests.nodes.fake_context import FakeContext


def read(keyframes: Keyframes) -> list[tuple[float, float, int]]:
    return [(frame.start_percent, frame.strength, frame.least_levels) for frame in keyframes]


def test_keyframes_are_chained_and_sorted() -> None:
    last = make_keyframe(0.5, 0.75)
    assert read(make_keyframe(-2.0, 0.25, prev_hook_kf=last)) == [(0.25, -2, 1), (0.75, 0.5, 1)]
    assert read(last) == [(0.75, 0.5, 1)]


def test_keyframes_lead_from_one_strength_to_another_and_the_first_holds_for_a_step() -> None:
    ctx = FakeContext()
    before = make_keyframe(9.0, 0.0)
    made = make_keyframes_between(1.0, 2.0, "ease_in", 0.5, 1.0, 3, True, prev_hook_kf=before, ctx=ctx)
    assert read(made) == [(0, 9, 1), (0.5, 1, 1), (0.75, 1.25, 0), (1, 2, 0)]
    assert ctx.notes == [
        "keyframe from 0.5 on: strength 1",
        "keyframe from 0.75 on: strength 1.25",
        "keyframe from 1 on: strength 2",
    ]


@pytest.mark.parametrize("given", [[1.0, 0.5, 3], (1, 0.5, 3.0), torch.tensor([1.0, 0.5, 3.0])])
def test_keyframes_have_the_strengths_that_they_are_given(given: Any) -> None:
    ctx = FakeContext()
    assert read(make_keyframes_of(given, 0.0, 0.5, False, ctx=ctx)) == [(0, 1, 1), (0.25, 0.5, 0), (0.5, 3, 0)]
    assert ctx.notes == []


def test_one_number_makes_one_keyframe_and_none_makes_none() -> None:
    assert read(make_keyframes_of(2, 0.25, 1.0, False, ctx=FakeContext())) == [(0.25, 2, 1)]
    assert read(make_keyframes_of([], 0.25, 1.0, False, ctx=FakeContext())) == []


@pytest.mark.parametrize("given", [None, [1.0, "strong"], "strong"])
def test_what_is_no_number_is_refused(given: Any) -> None:
    with pytest.raises(GraphError, match="floats_strength: numbers are wanted"):
        make_keyframes_of(given, 0.0, 1.0, False, ctx=FakeContext())


def test_a_part_of_a_run_has_one_before_it_and_one_after_it() -> None:
    assert timesteps_range(0.25, 0.5) == ((0.25, 0.5), (0, 0.25), (0.5, 1))
