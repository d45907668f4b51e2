"""Guesses that are made window by window."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.samplers.conditions import Area, Call, Condition, SideGuesses, condition_sides
from heddle.samplers.window_schedules import SCHEDULES, WEIGHTS, Layout
from heddle.samplers.windowed_guesses import WindowPlan, windowed_sides

SIGMA = torch.tensor(2.0)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Pointwise:
    """A denoiser for which nothing but a place itself counts: windows change nothing of what it says."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.seen: list[Tensor] = []

    def __call__(self, x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        self.calls.append(call)
        self.seen.append(x.clone())
        text = call.inputs["context"].mean((1, 2)).view(-1, 1, 1, 1)
        return x.square() + text + call.inputs.get("concat", torch.zeros(()))


def text(*values: float, **more: Any) -> Condition:
    """A text, or one for each picture."""
    inputs: dict[str, Tensor] = {"context": torch.tensor(values)[:, None, None].expand(-1, 77, 8)}
    inputs |= more.pop("inputs", {})
    return Condition(inputs, **more)


def plan(size: int, overlap: int = 0, dim: int = 2, **more: Any) -> WindowPlan:
    layout = Layout(size, overlap, more.pop("stride", 1), more.pop("is_closed", False))
    return WindowPlan(layout, dim=dim, **more)


def asked(sides: dict[str, list[Condition]], how: WindowPlan, denoise: Any = None, **more: Any) -> SideGuesses:
    return windowed_sides(denoise or Pointwise(), sides, how, **more)


SHAPE = (7, 4, 9, 10)
MASK = draw(7, 9, 10, seed=3).sigmoid()
SIDES = {
    "positive": [
        text(*range(7), inputs={"concat": draw(7, 4, 9, 10, seed=2)}, mask=MASK),
        text(5.0, inputs={"concat": draw(1, 4, 9, 10, seed=4)}, area=Area(3, 3, 2, 4), strength=0.5),
        text(2.0, inputs={"concat": draw(1, 4, 9, 10, seed=4)}, gain=1.5),
    ],
    "negative": [text(1.0, inputs={"concat": draw(1, 4, 9, 10, seed=5)}), text(3.0, is_default=True)],
}


@pytest.mark.parametrize("dim", [0, 2, 3])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_what_is_said_of_each_place_alone_is_the_same_in_windows(dim: int, schedule: str, weights: str) -> None:
    """Texts, pictures beside the latent, masks, areas and gains of each place go along with it."""
    x, names = draw(*SHAPE), ["positive", "negative"]
    whole = condition_sides(Pointwise(), SIDES)(x, SIGMA, names)
    for looks_back in (False, True):
        how = plan(4, 2, dim, schedule=schedule, weights=weights, looks_back=looks_back, stride=2)
        found = asked(SIDES, how, levels=(4.0, 3.0, 2.0, 1.0))(x, SIGMA, names)
        for name in names:
            torch.testing.assert_close(found[name], whole[name], rtol=1e-5, atol=1e-5)


def test_latents_that_fit_into_one_window_are_asked_about_as_without_any() -> None:
    x, names = draw(*SHAPE), ["positive", "negative"]
    plainly, watched = Pointwise(), Pointwise()
    whole = condition_sides(plainly, SIDES)(x, SIGMA, names)
    found = asked(SIDES, plan(9, 2), watched)(x, SIGMA, names)
    assert all(torch.equal(found[name], whole[name]) for name in names)
    assert len(watched.calls) == len(plainly.calls)
    assert all(call.window is None for call in watched.calls)


class Numbered:
    """Says of everything in a window which call it was."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        self.count += 1
        return torch.full_like(x, float(self.count))


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [
        # windows 0..3, 2..5, 4..7, saying 1, 2, 3
        ("flat", [1, 1, 1.5, 1.5, 2.5, 2.5, 3, 3]),
        ("pyramid", [1, 1, (2 * 1 + 1 * 2) / 3, (1 * 1 + 2 * 2) / 3, (2 * 2 + 1 * 3) / 3, (1 * 2 + 2 * 3) / 3, 3, 3]),
        ("overlap-linear", [1, 1, 1, 2, 2, 3, 3, 3]),
    ],
)
def test_where_windows_overlap_their_weighted_mean_counts(weights: str, wanted: list[float]) -> None:
    for dim, shape in ((0, (8, 4, 2, 2)), (2, (1, 4, 8, 2)), (3, (2, 4, 2, 8))):
        ask = asked({"positive": [text(0.0)]}, plan(4, 2, dim, weights=weights), Numbered())
        found = ask(torch.zeros(shape), SIGMA, ["positive"])["positive"]
        expected = (
            torch.tensor(wanted, dtype=torch.float32).reshape([8 if at == dim else 1 for at in range(4)]).expand(shape)
        )
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_window_is_shown_what_lies_before_it_and_not_asked_about_that() -> None:
    x = draw(1, 4, 8, 3)
    watched = Pointwise()
    asked({"positive": [text(0.0)]}, plan(4, 1), watched)(x, SIGMA, ["positive"])
    assert [tuple(each.shape[2:]) for each in watched.seen] == [(4, 3), (5, 3), (5, 3)]
    assert torch.equal(watched.seen[1], x[:, :, 2:7])
    assert [call.window.indices for call in watched.calls if call.window] == [
        (0, 1, 2, 3),
        (2, 3, 4, 5, 6),
        (3, 4, 5, 6, 7),
    ]


def test_places_that_show_something_else_say_nothing_of_their_own() -> None:
    x = draw(1, 4, 8, 3)
    watched = Pointwise()
    how = plan(4, 2, latents_again=(0,), looks_back=False)
    found = asked({"positive": [text(0.0)]}, how, watched)(x, SIGMA, ["positive"])["positive"]
    assert torch.equal(watched.seen[1], x[:, :, [0, 3, 4, 5]])
    torch.testing.assert_close(found, x.square(), rtol=1e-4, atol=1e-4)  # others said what they do not
    alone = asked({"positive": [text(0.0)]}, plan(4, 0, latents_again=(0,)))(x, SIGMA, ["positive"])["positive"]
    torch.testing.assert_close(alone[:, :, 4], x[:, :, 0].square())  # nobody else is asked


def test_windows_can_keep_the_conditioning_of_the_beginning() -> None:
    watched = Pointwise()
    how = plan(2, 0, 0, inputs_again=(0,), looks_back=False)
    asked({"positive": [text(0.0, 1.0, 2.0, 3.0)]}, how, watched)(torch.zeros(4, 4, 2, 2), SIGMA, ["positive"])
    assert [call.inputs["context"][:, 0, 0].tolist() for call in watched.calls] == [[0, 1], [0, 3]]


def test_several_texts_can_be_given_to_windows_in_their_order() -> None:
    sides = {"positive": [text(1.0), text(2.0), text(3.0)], "negative": [text(9.0)]}
    how = plan(4, 0, splits=True, looks_back=False)
    found = asked(sides, how)(torch.zeros(1, 4, 12, 2), SIGMA, ["positive", "negative"])
    assert found["positive"][0, 0, :, 0].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert found["negative"].unique().tolist() == [9]


def test_an_area_that_goes_around_the_end_is_in_a_window_twice() -> None:
    sides = {"positive": [text(1.0), text(5.0, area=Area(8, 2, 0, 0))]}
    how = plan(4, 2, schedule="looped_uniform", is_closed=True, looks_back=False)
    watched = Pointwise()
    asked(sides, how, watched)(torch.zeros(1, 4, 9, 2), SIGMA, ["positive"])
    last = [call for call in watched.calls if call.window and call.window.indices == (8, 0, 1, 2)]
    assert {area for call in last for area in call.areas} == {None, Area(3, 2, 1, 0)}


def test_changes_of_calls_see_the_window() -> None:
    met: list[Any] = []

    def change(call: Call, /) -> Call:
        met.append(call.window)
        return call

    asked({"positive": [text(0.0)]}, plan(4, 2))(torch.zeros(1, 4, 6, 2), SIGMA, ["positive"], change)
    assert [each.indices for each in met] == [(0, 1, 2, 3), (1, 2, 3, 4, 5)]


def test_a_text_that_counts_several_times_leads_away_from_another_models_negative_in_windows_too() -> None:
    sides = {"positive": [text(3.0, gain=2.0)], "negative": [text(1.0)]}
    x, asked_for = draw(1, 4, 6, 2), []

    def base(x: Tensor, sigma: Tensor, names: Any, /, change: Any = None) -> dict[str, Tensor]:
        asked_for.append(x)
        return {"negative": x * 7}

    whole = condition_sides(Pointwise(), sides, base=base)(x, SIGMA, ["positive"])["positive"]
    found = asked(sides, plan(4, 2), base=base)(x, SIGMA, ["positive"])["positive"]
    torch.testing.assert_close(found, whole)
    assert all(each is x for each in asked_for)


def test_calls_never_hold_more_than_a_window_and_there_are_as_many_as_the_length_asks_for() -> None:
    for length in (16, 64):
        watched = Pointwise()
        ask = asked({"positive": [text(3.0)], "negative": [text(1.0)]}, plan(4, 0, 0, looks_back=False), watched)
        ask(torch.zeros(length, 4, 2, 2), SIGMA, ["positive", "negative"])
        assert {len(each) for each in watched.seen} == {8}
        assert len(watched.calls) == length // 4


def test_windows_that_stay_keep_their_conditions_and_those_that_move_on_are_let_go() -> None:
    watched = Pointwise()
    x = torch.zeros(1, 4, 8, 2)
    ask = asked({"positive": [text(0.0)]}, plan(4, 2), watched)
    for _step in range(2):
        ask(x, SIGMA, ["positive"])
    assert [call.conditions[0] for call in watched.calls[:3]] == [call.conditions[0] for call in watched.calls[3:]]
    watched = Pointwise()
    levels = (8.0, 6.0, 4.0, 2.0, 1.0)
    ask = asked({"positive": [text(0.0)]}, plan(4, 2, schedule="looped_uniform"), watched, levels=levels)
    gone: list[weakref.ref[Any]] = []
    lay: list[list[Any]] = []
    for level in (*levels[:4], 3.0):  # between two levels it is still the step of the first
        ask(x, torch.tensor(level), ["positive"])
        gone += [weakref.ref(call.window) for call in watched.calls]
        lay.append([call.window.indices for call in watched.calls if call.window])
        watched.calls.clear()
        gc.collect()
        assert len({each() for each in gone} - {None}) == 3
    assert lay[4] == lay[2] != lay[3]


def test_what_no_text_steers_is_told_once_and_of_the_whole() -> None:
    told: list[str] = []
    sides = {"positive": [text(1.0, area=Area(4, 2, 0, 0))]}
    ask = asked(sides, plan(4, 2), note=told.append)
    for _step in range(2):
        ask(torch.zeros(1, 4, 16, 2), SIGMA, ["positive"])
    assert len(told) == 1 and "75%" in told[0]


@pytest.mark.parametrize(("dim", "shape"), [(4, (1, 4, 8, 8)), (5, (1, 4, 8, 8)), (1, (1, 16, 8, 8))])
def test_dimensions_that_windows_cannot_lie_along_are_refused(dim: int, shape: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match="rows"):
        plan(8, 2, dim).check(shape)


def test_channels_that_fit_into_one_window_are_left() -> None:
    how = plan(16, 4, 1)
    how.check((1, 16, 8, 8))
    x = draw(1, 4, 8, 8)
    sides = {"positive": [text(1.0)]}
    assert torch.equal(asked(sides, how)(x, SIGMA, ["positive"])["positive"], x.square() + 1)
