"""What several conditions of one side make together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import OutOfMemory
from heddle.samplers.conditions import (
    Area,
    Call,
    Condition,
    condition_sides,
    denoiser_of,
    same_length,
    with_partners,
)
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon

SIGMA = torch.tensor(2.0)


class Recorder:
    """A denoiser whose guess is the mean of its context, and which notes what it was asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        context = call.inputs["context"]
        assert len(context) == len(x) == len(call.sides)
        self.calls.append(call)
        self.shapes.append(tuple(x.shape))
        return context.mean((1, 2)).view(-1, 1, 1, 1).expand_as(x)

    @property
    def contexts(self) -> list[tuple[int, ...]]:
        return [tuple(call.inputs["context"].shape) for call in self.calls]


def text(value: float, tokens: int = 77, batch: int = 1, **more) -> Condition:
    return Condition({"context": torch.full((batch, tokens, 8), value)}, **more)


def guess(
    *conditions: Condition, size: tuple[int, int] = (8, 8), recorder: Recorder | None = None, sigma: Tensor = SIGMA
) -> Tensor:
    """The one side's guess, [h, w]."""
    sides = condition_sides(recorder or Recorder(), {"positive": conditions})
    return sides(torch.zeros(1, 4, *size), sigma, ["positive"])["positive"][0, 0]


def test_conditions_of_both_sides_go_through_the_network_as_one_batch() -> None:
    recorder = Recorder()
    sides = condition_sides(recorder, {"positive": [text(3.0)], "negative": [text(1.0)]})
    clean = sides(torch.zeros(2, 4, 2, 2), SIGMA, ["positive", "negative"])
    assert recorder.contexts == [(4, 77, 8)]
    assert recorder.calls[0].sides == ("positive", "positive", "negative", "negative")
    assert torch.equal(clean["positive"], torch.full((2, 4, 2, 2), 3.0))
    assert torch.equal(clean["negative"], torch.full((2, 4, 2, 2), 1.0))


class Crowded(Recorder):
    """Has room for so many latents at once."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.refused = room, 0

    def __call__(self, x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        if len(x) > self.room:
            self.refused += 1
            raise OutOfMemory("no room")
        return super().__call__(x, sigma, call)


def test_without_room_for_both_sides_at_once_they_run_one_after_the_other_from_then_on() -> None:
    crowded = Crowded(room=2)
    sides = condition_sides(crowded, {"positive": [text(3.0)], "negative": [text(1.0)]})
    for _ in range(3):
        clean = sides(torch.zeros(2, 4, 2, 2), SIGMA, ["positive", "negative"])
        assert float(clean["positive"].mean()) == 3.0 and float(clean["negative"].mean()) == 1.0
    assert crowded.refused == 1 and crowded.shapes == [(2, 4, 2, 2)] * 6
    with pytest.raises(OutOfMemory):
        condition_sides(Crowded(room=1), {"positive": [text(3.0)]})(torch.zeros(2, 4, 2, 2), SIGMA, ["positive"])


def test_a_side_that_is_not_asked_for_is_not_evaluated() -> None:
    recorder = Recorder()
    sides = condition_sides(recorder, {"positive": [text(3.0)], "negative": [text(1.0)]})
    assert list(sides(torch.zeros(2, 4, 2, 2), SIGMA, ["positive"])) == ["positive"]
    assert recorder.contexts == [(2, 77, 8)]


def test_texts_of_different_length_meet_at_their_common_multiple() -> None:
    recorder = Recorder()
    guess(text(3.0, tokens=154), text(1.0, tokens=231), recorder=recorder)
    assert recorder.contexts == [(2, 462, 8)]


def test_texts_whose_common_multiple_is_long_run_apart() -> None:
    recorder = Recorder()
    assert guess(text(3.0, tokens=77), text(1.0, tokens=256), recorder=recorder)[0, 0] == 2
    assert recorder.contexts == [(1, 77, 8), (1, 256, 8)]


def test_conditions_with_different_inputs_run_apart() -> None:
    recorder = Recorder()
    other = Condition({"context": torch.zeros(1, 77, 8), "vector": torch.ones(1, 4)})
    guess(text(3.0), other, recorder=recorder)
    assert len(recorder.calls) == 2


def test_conditions_share_a_call_with_those_that_have_the_same_boxes() -> None:
    recorder, boxes, other = Recorder(), object(), object()
    guess(text(3.0, boxes=boxes), text(1.0), text(2.0, boxes=other), text(4.0, boxes=boxes), recorder=recorder)
    shown = [[condition.boxes for condition in call.conditions] for call in recorder.calls]
    assert shown == [[boxes, boxes], [None], [other]]


def test_a_repeated_context_means_the_same_to_attention() -> None:
    query, key = torch.randn(2, 1, 5, 8, generator=torch.Generator().manual_seed(0)).unbind()
    (longer, _) = same_length(key, torch.zeros(1, 15, 8))
    once = torch.nn.functional.scaled_dot_product_attention(query, key, key)
    thrice = torch.nn.functional.scaled_dot_product_attention(query, longer, longer)
    assert torch.allclose(once, thrice, atol=1e-6)


def test_where_conditions_meet_their_mean_by_strength_counts() -> None:
    assert guess(text(1.0, strength=3.0), text(5.0))[0, 0] == 2


def test_where_no_condition_reaches_nothing_is_guessed() -> None:
    clean = guess(text(5.0, area=Area(3, 3, 0, 0)))
    assert clean[:3, :3].eq(5).all()
    assert clean[3:].eq(0).all()
    assert clean[:, 3:].eq(0).all()


def test_an_area_is_shown_alone_to_the_network() -> None:
    recorder = Recorder()
    guess(text(5.0, area=Area(3, 5, 2, 1)), recorder=recorder)
    assert recorder.shapes == [(1, 4, 3, 5)]


def test_an_area_over_the_edge_ends_there() -> None:
    recorder = Recorder()
    guess(text(5.0, area=Area(6, 6, 5, 20)), recorder=recorder)
    assert recorder.shapes == [(1, 4, 3, 1)]


def test_an_area_fades_in_over_a_quarter_of_its_size_but_not_from_the_pictures_own_edge() -> None:
    clean = guess(text(10.0, area=Area(8, 8, 0, 4)), text(0.0), size=(16, 16))
    # Weight w beside another of 1: 10 * w / (w + 1), w = 1/2, 1, 1 ... inwards from the left, from the bottom as well.
    assert clean[0, 4:8].tolist() == pytest.approx([10 / 3, 5, 5, 5])
    assert clean[4:9, 8].tolist() == pytest.approx([5, 5, 5, 10 / 3, 0])


def test_a_mask_weighs_and_nothing_fades() -> None:
    mask = torch.zeros(1, 8, 8)
    mask[:, :, 4:] = 1
    clean = guess(text(10.0, mask=mask, strength=3.0), text(2.0))
    assert clean[0, :4].eq(2).all()
    assert clean[0, 4:].eq(8).all()


def test_a_condition_counts_between_its_levels_with_both_ends() -> None:
    early, late = text(1.0, last_sigma=2.0), text(5.0, first_sigma=2.0)
    assert guess(early, late, sigma=torch.tensor(3.0))[0, 0] == 1
    assert guess(early, late, sigma=torch.tensor(2.0))[0, 0] == 3
    assert guess(early, late, sigma=torch.tensor(1.0))[0, 0] == 5


def test_an_input_on_the_grid_is_cut_with_its_area() -> None:
    seen: list[Tensor] = []

    def denoise(x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        seen.append(call.inputs["concat"])
        return x

    grid = torch.arange(64.0).view(1, 1, 8, 8)
    condition = Condition({"context": torch.zeros(1, 1, 1), "concat": grid}, area=Area(2, 3, 4, 5))
    condition_sides(denoise, {"positive": [condition]})(torch.zeros(2, 4, 8, 8), SIGMA, ["positive"])
    assert torch.equal(seen[0], grid[..., 4:6, 5:8].expand(2, 1, 2, 3))


def test_an_area_gets_a_partner_on_the_other_side() -> None:
    whole = with_partners({"positive": [text(1.0, area=Area(4, 4, 0, 0))], "negative": [text(2.0)]})
    partner = whole["negative"][1]
    assert partner.area == Area(4, 4, 0, 0)
    assert float(partner.inputs["context"][0, 0, 0]) == 2
    assert len(whole["positive"]) == 1


def test_the_narrowest_cover_becomes_the_partner_and_an_equal_area_needs_none() -> None:
    area = Area(2, 2, 1, 1)
    wide, narrow = text(3.0, area=Area(6, 6, 0, 0)), text(4.0, area=Area(4, 4, 0, 0))
    with_cover = with_partners({"positive": [text(1.0, area=area)], "negative": [text(2.0), wide, narrow]})
    assert [float(one.inputs["context"][0, 0, 0]) for one in with_cover["negative"] if one.area == area] == [4.0]
    equal = with_partners({"positive": [text(1.0, area=area)], "negative": [text(2.0, area=area)]})
    assert [len(side) for side in equal.values()] == [1, 1]


def test_a_partner_is_sought_among_what_counts_at_the_level() -> None:
    """The positive's left half beside a negative that changes at level 1."""
    half = Area(4, 4, 0, 0)
    sides = {
        "positive": [text(9.0, area=half)],
        "negative": [text(2.0, last_sigma=1.0), text(4.0, first_sigma=0.9)],
    }
    for sigma, wanted in ((2.0, 2.0), (0.5, 4.0), (2.0, 2.0)):
        recorder = Recorder()
        ask = condition_sides(recorder, sides)
        clean = ask(torch.zeros(1, 4, 4, 8), torch.tensor(sigma), ["positive", "negative"])
        assert clean["negative"].eq(wanted).all()
        # For the half and for all of it, and nothing that does not count any more.
        shown = sorted(
            (side, float(each[0, 0]))
            for call in recorder.calls
            for side, each in zip(call.sides, call.inputs["context"])
        )
        assert shown == [("negative", wanted), ("negative", wanted), ("positive", 9.0)]


def test_an_equal_area_that_counts_at_another_time_is_no_partner() -> None:
    half = Area(4, 4, 0, 0)
    sides = {
        "positive": [text(9.0, area=half)],
        "negative": [text(2.0), text(5.0, area=half, last_sigma=1.0)],
    }
    recorder = Recorder()
    condition_sides(recorder, sides)(torch.zeros(1, 4, 4, 8), torch.tensor(0.5), ["positive", "negative"])
    assert [call.areas for call in recorder.calls] == [(half, half), (None,)]


def test_a_change_of_the_calls_reaches_the_network() -> None:
    recorder = Recorder()
    sides = condition_sides(recorder, {"positive": [text(3.0)]})
    doubled = sides(
        torch.zeros(1, 4, 2, 2),
        SIGMA,
        ["positive"],
        lambda call: Call({"context": call.inputs["context"] * 2}, call.sides),
    )
    assert doubled["positive"].eq(6).all()


def test_a_network_is_shown_scaled_latents_and_one_timestep_for_each() -> None:
    schedule = scaled_linear(0.00085, 0.012)
    shown: list[tuple[Tensor, Tensor]] = []

    def network(x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        shown.append((x, timesteps))
        return torch.ones_like(x)

    sigma = schedule.sigmas[700]
    x = torch.full((3, 4, 2, 2), 5.0)
    clean = denoiser_of(network, Epsilon(schedule))(x, sigma, Call({}))
    assert torch.allclose(clean, x - sigma)
    assert torch.allclose(shown[0][0], x / (sigma**2 + 1).sqrt())
    assert shown[0][1].tolist() == [700.0] * 3


def test_what_does_not_change_is_the_same_tensor_in_every_step() -> None:
    recorder = Recorder()
    sides = condition_sides(recorder, {"positive": [text(3.0), text(2.0, last_sigma=1.5)], "negative": [text(1.0)]})
    for sigma in (2.0, 1.6, 1.0, 0.5):
        sides(torch.rand(1, 4, 2, 2), torch.tensor(sigma), ["positive", "negative"])
    contexts = [call.inputs["context"] for call in recorder.calls]
    assert contexts[0] is contexts[1] is not contexts[2] is contexts[3]
    sides(torch.rand(2, 4, 2, 2), SIGMA, ["positive", "negative"])
    assert recorder.contexts[-1] == (6, 77, 8)


def test_a_gain_says_how_often_the_way_from_the_negative_counts() -> None:
    def denoise(x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        return torch.zeros_like(x) + call.inputs["context"][:, :1, :1, None]

    def one(value: float, **more: Any) -> Condition:
        return Condition({"context": torch.full((1, 1, 1), value)}, **more)

    x, sigma = torch.zeros(1, 4, 8, 8), torch.tensor(1.0)
    sides = {"positive": [one(5.0, gain=4.0), one(7.0, gain=-1.0)], "negative": [one(3.0, gain=9.0)]}
    asked: list[tuple[str, ...]] = []

    def noted(x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        asked.append(call.sides)
        return denoise(x, sigma, call)

    found = condition_sides(noted, sides)(x, sigma, ["positive"])
    # As if two entries with the weights 2 and -0.5: 3 + 2 (5 - 3) - 0.5 (7 - 3).
    assert list(found) == ["positive"] and found["positive"].eq(5).all()
    assert asked == [("positive", "positive", "negative")]

    left = torch.zeros(1, 8, 8)
    left[..., :4] = 1
    masked = {**sides, "positive": [one(5.0, gain=2.0, mask=left)]}
    found = condition_sides(denoise, masked)(x, sigma, ["positive", "negative"])["positive"]
    assert found[..., :4].eq(7).all() and found[..., 4:].eq(0).all()

    def elsewhere(x: Tensor, sigma: Tensor, names: Sequence[str], /, change: Any = None) -> dict[str, Tensor]:
        assert names == ["negative"]
        return {"negative": torch.full_like(x, 2.0)}

    by_another = condition_sides(denoise, sides, base=elsewhere)(x, sigma, ["positive"])
    assert list(by_another) == ["positive"] and by_another["positive"].eq(2 + 2 * (5 - 2) - 0.5 * (7 - 2)).all()

    alone = condition_sides(denoise, {"positive": sides["positive"]})(x, sigma, ["positive"])["positive"]
    torch.testing.assert_close(alone, torch.full_like(x, (4 * 5 - 7) / 3))


def test_conditions_with_other_networks_run_apart_and_those_of_one_follow_each_other() -> None:
    recorder = Recorder()
    sides = {
        "positive": [text(3.0, weight_hooks="a"), text(5.0), text(1.0, tokens=256, weight_hooks="a")],
        "negative": [text(1.0, weight_hooks="a")],
    }
    ask = condition_sides(recorder, sides, lambda hooks, level: hooks)
    clean = ask(torch.zeros(1, 4, 2, 2), SIGMA, ["positive", "negative"])
    assert [call.net for call in recorder.calls] == ["a", "a", None]
    assert [call.sides for call in recorder.calls] == [("positive", "negative"), ("positive",), ("positive",)]
    assert clean["positive"][0, 0, 0, 0] == 3


def test_which_network_is_asked_may_depend_on_the_level() -> None:
    recorder = Recorder()
    ask = condition_sides(
        recorder, {"positive": [text(1.0, weight_hooks=2.0), text(1.0)]}, lambda hooks, level: hooks == level
    )
    for level in (3.0, 2.0):
        ask(torch.zeros(1, 4, 2, 2), torch.tensor(level), ["positive"])
    assert [call.net for call in recorder.calls] == [False, True, False]


def test_a_default_counts_where_the_others_leave_room() -> None:
    mask = torch.zeros(1, 8, 8)
    mask[:, :, 2:4], mask[:, :, 4:] = 0.5, 1
    clean = guess(text(1.0, mask=mask), text(5.0, is_default=True, strength=0.2, mask=1 - mask))
    assert clean[0].tolist() == [5, 5, 3, 3, 1, 1, 1, 1]


def test_a_default_leaves_room_for_areas_and_may_have_one_itself() -> None:
    area, own = Area(8, 4, 0, 0), Area(4, 8, 0, 0)
    clean = guess(text(1.0, area=area, strength=3.0), text(5.0, is_default=True, area=own), text(2.0, is_default=True))
    assert clean[0, 5:].tolist() == [3.5] * 3  # both defaults
    assert clean[5, 5:].tolist() == [2] * 3
    assert clean[0, :3].tolist() == clean[5, :3].tolist() == [1] * 3


def test_a_default_is_not_evaluated_where_the_others_cover_all_at_that_level() -> None:
    recorder = Recorder()
    sides = {"positive": [text(1.0, first_sigma=2.0), text(5.0, is_default=True)], "negative": [text(0.0)]}
    ask = condition_sides(recorder, sides)
    early, late = (
        ask(torch.zeros(1, 4, 2, 2), torch.tensor(level), ["positive", "negative"])["positive"] for level in (3.0, 1.0)
    )
    assert (early.unique().item(), late.unique().item()) == (5, 1)
    assert [len(call.sides) for call in recorder.calls] == [2, 2]


def test_a_default_of_one_side_leaves_the_other_alone() -> None:
    sides = {"positive": [text(1.0), text(5.0, is_default=True)], "negative": [text(3.0, is_default=True)]}
    clean = condition_sides(Recorder(), sides)(torch.zeros(1, 4, 2, 2), SIGMA, ["positive", "negative"])
    assert (clean["positive"].unique().item(), clean["negative"].unique().item()) == (1, 3)


def test_what_a_side_leaves_out_is_told_once() -> None:
    told: list[str] = []
    half = torch.ones(1, 8, 8)
    half[..., 4:] = 0
    sides = {
        "positive": [text(3.0, mask=half)],
        "negative": [text(1.0, last_sigma=1.0), text(2.0, first_sigma=1.0, last_sigma=0.5)],
        "middle": [text(1.0, mask=torch.ones(1, 8, 8)), text(1.0, strength=0.0)],
    }
    guesses = condition_sides(Recorder(), sides, note=told.append)
    for level in (2.0, 1.5, 0.7, 0.4, 0.3):
        guesses(torch.zeros(1, 4, 8, 8), torch.tensor(level), list(sides))
    first, second = told
    assert first.startswith("positive: its texts leave 50% of the picture out")
    assert second.startswith("negative: none of its texts counts at noise level 0.4")


def test_a_text_of_no_strength_leaves_out_everything() -> None:
    told: list[str] = []
    guesses = condition_sides(Recorder(), {"positive": [text(3.0, strength=0.0)]}, note=told.append)
    guesses(torch.zeros(1, 4, 8, 8), SIGMA, ["positive"])
    assert "leave 100% of the picture out" in told[0]
