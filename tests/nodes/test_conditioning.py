"""Conditionings combined, mixed and put in their place."""

from __future__ import annotations

import pytest
import torch

from heddle.graph.errors import GraphError, ShapeError
from nodes.conditioning.combining import average, combine, concat, multiply, zero_out
from nodes.conditioning.places import set_area, set_area_in_shares, set_mask, set_range, set_strength
from tests.nodes.fake_context import FakeContext


def entry(value: float, tokens: int = 77, **more):
    return [torch.full((1, tokens, 8), value), {"pooled_output": torch.full((1, 8), value), **more}]


def test_both_sides_of_a_combination_keep_their_options() -> None:
    whole = combine([entry(1.0, strength=2.0)], [entry(3.0)])
    assert [float(states[0, 0, 0]) for states, _more in whole] == [1, 3]
    assert [more.get("strength") for _states, more in whole] == [2.0, None]


def test_a_text_is_appended_to_each_other_one() -> None:
    ctx = FakeContext()
    joined = concat([entry(1.0), entry(2.0)], [entry(3.0, tokens=154), entry(4.0)], ctx)
    assert [states.shape[1] for states, _more in joined] == [231, 231]
    assert float(joined[1][0][0, 76, 0]) == 2
    assert float(joined[1][0][0, 77, 0]) == 3
    assert ctx.notes == ["conditioning_from holds 2 texts, of which only the first is used"]


def test_an_average_fills_a_shorter_text_with_nothing_and_cuts_a_longer_one() -> None:
    ctx = FakeContext()
    mixed = average([entry(4.0, tokens=154)], [entry(8.0)], 0.75, ctx)[0]
    assert mixed[0].shape[1] == 154
    assert float(mixed[0][0, 0, 0]) == 4 * 0.75 + 8 * 0.25
    assert float(mixed[0][0, 100, 0]) == 4 * 0.75
    assert float(mixed[1]["pooled_output"][0, 0]) == 5
    assert average([entry(4.0)], [entry(8.0, tokens=154)], 0.5, ctx)[0][0].shape[1] == 77


def test_an_average_of_texts_of_which_one_has_no_pooled_output() -> None:
    bare = [[torch.zeros(1, 77, 8), {}]]
    ctx = FakeContext()
    assert float(average(bare, [entry(8.0)], 0.5, ctx)[0][1]["pooled_output"][0, 0]) == 8
    assert float(average([entry(4.0)], bare, 0.5, ctx)[0][1]["pooled_output"][0, 0]) == 4
    assert average(bare, bare, 0.5, ctx)[0][1] == {}


@pytest.mark.parametrize("join", [concat, lambda to, other, ctx: average(to, other, 0.5, ctx)])
def test_texts_of_other_models_are_not_joined(join) -> None:
    wide = [[torch.ones(1, 77, 16), {}]]
    with pytest.raises(ShapeError, match="its text is 16 wide, but conditioning_to's 8; encode both with the CLIP of"):
        join([entry(1.0)], wide, FakeContext())
    with pytest.raises(GraphError, match="conditioning_from: it holds no text"):
        join([entry(1.0)], [], FakeContext())


def test_what_was_pooled_by_other_models_is_not_averaged() -> None:
    other = entry(1.0, pooled_output=torch.ones(1, 16))
    with pytest.raises(ShapeError, match="its pooled text is 16 wide, but conditioning_to's 8"):
        average([entry(1.0)], [other], 0.5, FakeContext())
    assert concat([entry(1.0)], [other], FakeContext())[0][1]["pooled_output"].shape == (1, 8)


def test_a_text_is_appended_to_each_of_a_batch() -> None:
    joined = concat([[torch.zeros(2, 3, 8), {}]], [entry(1.0, tokens=4)], FakeContext())
    assert joined[0][0].shape == (2, 7, 8)
    assert joined[0][0][:, 3:].eq(1).all()


def test_zeros_and_multiples_leave_what_they_were_made_from() -> None:
    given = [entry(2.0, strength=3.0)]
    zero, double = zero_out(given)[0], multiply(given, 2.0)[0]
    assert zero[0].eq(0).all()
    assert zero[1]["pooled_output"].eq(0).all()
    assert double[0].eq(4).all()
    assert double[1]["pooled_output"].eq(4).all()
    assert zero[1]["strength"] == double[1]["strength"] == 3.0
    assert given[0][0].eq(2).all()
    assert given[0][1]["pooled_output"].eq(2).all()


def test_places_are_written_as_programs_know_them() -> None:
    given = [entry(1.0)]
    assert set_area(given, 64, 128, 8, 16, 0.5)[0][1]["area"] == (16, 8, 2, 1)
    assert set_area_in_shares(given, 0.5, 0.25, 0.1, 0.2, 1.0)[0][1]["area"] == ("percentage", 0.25, 0.5, 0.2, 0.1)
    assert set_strength(given, 0.4)[0][1]["strength"] == 0.4
    more = set_mask(given, torch.ones(8, 8), 0.7, "mask bounds")[0][1]
    assert more["mask"].shape == (1, 8, 8)
    assert (more["mask_strength"], more["set_area_to_bounds"]) == (0.7, True)
    more = set_range(given, 0.25, 0.75)[0][1]
    assert (more["start_percent"], more["end_percent"]) == (0.25, 0.75)
    assert set(given[0][1]) == {"pooled_output"}
