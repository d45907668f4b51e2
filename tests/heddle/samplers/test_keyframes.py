"""Strengths that change in the course of a run."""

from __future__ import annotations

import math

import pytest

from heddle.samplers.keyframes import Keyframe, KeyframeCursor, Keyframes, constant_spans, spread


def sigma_of(percent: float) -> float:
    """A schedule that falls from 10 to 0, before everything infinite."""
    return math.inf if percent <= 0 else 10 * (1 - percent)


def frames(*pairs: tuple[float, float], least: int = 1) -> Keyframes:
    return Keyframes().with_frames(*(Keyframe(strength, start, least) for start, strength in pairs))


def walk(keyframes: Keyframes, *levels: float, first_sigma: float = 10) -> list[float]:
    cursor = KeyframeCursor(keyframes, sigma_of, first_sigma)
    return [cursor.strength_at(level) for level in levels]


def test_a_keyframe_holds_from_its_start_to_the_next_ones() -> None:
    assert walk(frames((0, 0.25), (0.5, 1.0), (0.75, -2.0)), 10, 6, 5, 3, 2.5, 0.1) == [0.25, 0.25, 1, 1, -2, -2]


def test_the_first_keyframe_holds_before_its_start_too() -> None:
    assert walk(frames((0.5, 0.25), (0.75, 1.0)), 10, 6, 2) == [0.25, 0.25, 1]


def test_without_keyframes_the_strength_is_one() -> None:
    assert walk(Keyframes(), 10, 1) == [1, 1]
    assert Keyframes().strength_at(0.5) == 1


def test_keyframes_are_sorted_and_of_equal_starts_the_last_added_counts() -> None:
    keyframes = frames((0.5, 2.0), (0, 1.0), (0.5, 3.0))
    assert [frame.strength for frame in keyframes] == [1, 2, 3]
    assert keyframes.strength_at(0.5) == 3
    assert walk(frames((0, 1.0), (0, 5.0)), 10) == [5]


def test_a_keyframe_holds_for_as_many_levels_as_it_was_promised() -> None:
    close = ((0, 1.0), (0.1, 2.0), (0.2, 3.0), (0.3, 4.0))
    assert walk(frames(*close), 10, 5, 4, 3) == [1, 2, 3, 4]
    assert walk(frames(*close, least=0), 10, 5, 4, 3) == [1, 4, 4, 4]
    assert walk(frames(*close, least=2), 10, 5, 4, 3, 2, 1) == [1, 2, 2, 3, 3, 4]


def test_keyframes_from_before_the_run_are_passed_over() -> None:
    assert walk(frames((0, 1.0), (0.2, 2.0), (0.4, 3.0)), 5, 4, first_sigma=5) == [3, 3]


def test_asking_twice_at_one_level_is_asking_once() -> None:
    assert walk(frames((0, 1.0), (0.1, 2.0), (0.2, 3.0)), 10, 10, 5, 5, 4) == [1, 1, 2, 2, 3]


def test_a_run_that_climbs_again_does_not_go_back() -> None:
    assert walk(frames((0, 1.0), (0.5, 2.0)), 10, 4, 9) == [1, 2, 2]


@pytest.mark.parametrize(
    ("ease", "wanted"),
    [
        ("linear", [2, 2.5, 3, 3.5, 4]),
        ("ease_in", [2, 2.125, 2.5, 3.125, 4]),
        ("ease_out", [2, 2.875, 3.5, 3.875, 4]),
        ("ease_in_out", [2, 3 - math.sqrt(0.5), 3, 3 + math.sqrt(0.5), 4]),
    ],
)
def test_numbers_are_spread_between_two(ease: str, wanted: list[float]) -> None:
    assert spread(2, 4, 5, ease) == pytest.approx(wanted)
    assert spread(2, 4, 1, ease) == [2]


def test_spans_end_where_a_strength_changes() -> None:
    one, other = frames((0, 0.0), (0.25, 0.0), (0.5, 1.0)), frames((0.75, 2.0), (0.75, 2.0), (1.0, 3.0))
    assert constant_spans([one]) == [(0, 0.5), (0.5, 1)]
    assert constant_spans([one, other]) == [(0, 0.5), (0.5, 1)]
    assert constant_spans([one, frames((0.1, 1.0), (0.75, 2.0))]) == [(0, 0.5), (0.5, 0.75), (0.75, 1)]
    assert constant_spans([]) == [(0, 1)]
