"""Where windows lie and what they count, against lists made by hand; and noise that is shuffled over them."""

from __future__ import annotations

import itertools

import pytest
import torch

from heddle.samplers.free_noise import shuffle_noise
from heddle.samplers.window_schedules import SCHEDULES, WEIGHTS, Layout, ordered_halving
from heddle.samplers.windows import Window


def runs(*starts: int, size: int = 4) -> list[tuple[int, ...]]:
    return [tuple(range(start, start + size)) for start in starts]


def test_static_windows_follow_each_other_and_the_last_one_is_moved_back() -> None:
    layout = Layout(4, 1)
    assert SCHEDULES["standard_static"](layout, 10, 0) == runs(0, 3, 6)
    assert SCHEDULES["standard_static"](layout, 11, 5) == runs(0, 3, 6, 7)
    assert SCHEDULES["standard_static"](layout, 5, 0) == runs(0, 1)


def test_batched_windows_share_nothing_and_the_last_one_is_shorter() -> None:
    assert SCHEDULES["batched"](Layout(4, 3), 10, 0) == [*runs(0, 4), (8, 9)]
    assert SCHEDULES["batched"](Layout(4), 8, 0) == runs(0, 4)


def test_looped_windows_move_on_and_go_around() -> None:
    looped = SCHEDULES["looped_uniform"]
    assert looped(Layout(4, 2), 8, 0) == runs(0, 2, 4)
    assert looped(Layout(4, 2, is_closed=True), 8, 0) == [*runs(0, 2, 4), (6, 7, 0, 1)]
    assert looped(Layout(4, 2), 8, 1) == [(4, 5, 6, 7), (6, 7, 0, 1), (0, 1, 2, 3)]
    assert looped(Layout(4, 2, stride=2), 8, 0) == [*runs(0, 2, 4), (0, 2, 4, 6)]
    assert looped(Layout(4, 2, stride=2), 8, 1)[-1] == (5, 7, 1, 3)
    assert looped(Layout(4, 2, stride=9), 8, 0) == [*runs(0, 2, 4), (0, 2, 4, 6)]  # nothing further apart fits


def test_standard_uniform_windows_are_moved_back_from_the_end_and_are_there_once() -> None:
    uniform = SCHEDULES["standard_uniform"]
    assert uniform(Layout(4, 2), 8, 0) == runs(0, 2, 4)
    assert uniform(Layout(4, 2), 8, 1) == runs(4, 0)
    assert uniform(Layout(4, 2), 8, 2) == runs(2, 4, 0)  # (6, 7, 0, 1) gone, so the beginning has one of its own
    assert uniform(Layout(4, 2, stride=2), 8, 1) == [*runs(4, 0), (1, 3, 5, 7)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_place_is_in_a_window_and_in_each_once(name: str) -> None:
    lengths, sizes, strides = range(2, 20), (1, 2, 3, 5, 8), (1, 2, 4)
    for length, size, stride, step, is_closed in itertools.product(lengths, sizes, strides, range(6), (False, True)):
        for overlap in {0, 1, size // 2, size - 1} & set(range(size)):
            if length <= size:
                continue
            windows = SCHEDULES[name](Layout(size, overlap, stride, is_closed), length, step)
            assert {place for window in windows for place in window} == set(range(length)), (
                length,
                size,
                overlap,
                step,
            )
            for window in windows:
                assert len(set(window)) == len(window) <= size
                assert name == "looped_uniform" or list(window) == sorted(window)


def test_ordered_halving_fills_the_line_ever_finer() -> None:
    assert [ordered_halving(step) for step in range(8)] == [0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875]


def test_weights() -> None:
    inner, first, last, whole = range(3, 9), range(6), range(14, 20), (18, 19, 0, 1)
    assert WEIGHTS["pyramid"](inner, 20, 2) == [1, 2, 3, 3, 2, 1]
    assert WEIGHTS["pyramid"](range(5), 20, 2) == [1, 2, 3, 2, 1]
    assert WEIGHTS["flat"](inner, 20, 2) == [1] * 6
    assert WEIGHTS["relative"](range(3), 20, 2) == pytest.approx([0.01, 1, 0.01])
    # An index counts 1 - |index - middle| / (half the way from first to last + 0.005).
    assert WEIGHTS["relative"](inner, 20, 2)[1] == pytest.approx(1 - 1.5 / 2.505)
    assert WEIGHTS["relative"](range(1), 20, 0) == [1]
    linear = WEIGHTS["overlap-linear"]
    assert linear(inner, 20, 3) == pytest.approx([0, 0.5, 1, 1, 0.5, 0], abs=1e-5)
    assert linear(first, 20, 3) == pytest.approx([1, 1, 1, 1, 0.5, 0], abs=1e-5)
    assert linear(last, 20, 3) == pytest.approx([0, 0.5, 1, 1, 1, 1], abs=1e-5)
    assert linear(whole, 20, 3) == [1] * 4
    assert linear(inner, 20, 0) == [1] * 6
    assert linear((8, 9), 10, 3) == pytest.approx([0, 0.5], abs=1e-5)


@pytest.mark.parametrize("name", WEIGHTS)
def test_no_place_counts_nothing(name: str) -> None:
    for size, overlap in ((1, 0), (2, 1), (5, 4), (7, 3)):
        assert min(WEIGHTS[name](range(3, 3 + size), 20, overlap)) > 0


def test_shuffled_noise_has_each_stretch_of_the_window_before_it_once() -> None:
    noise = torch.randn(12, 2, 3, generator=torch.Generator().manual_seed(0))
    kept = noise.clone()
    found = shuffle_noise(noise, 5, 0, 4, 1)
    assert torch.equal(noise, kept)
    assert torch.equal(found[:4], noise[:4])
    order = [next(at for at in range(12) if torch.equal(noise[at], each)) for each in found]
    assert order[:4] == [0, 1, 2, 3]
    # Windows of 4 that share 1: places 4, 5, 6 have 0, 1, 2 in some order, 7, 8, 9 what is then at 3, 4, 5.
    assert sorted(order[4:7]) == [0, 1, 2]
    assert sorted(order[7:10]) == sorted(order[3:6])
    assert set(order[10:]) <= set(order[6:8])
    assert torch.equal(shuffle_noise(noise, 5, 0, 4, 1), found)
    assert not torch.equal(shuffle_noise(noise, 6, 0, 4, 1), found)
    assert torch.equal(shuffle_noise(noise, 5, 0, 12, 1), noise)
    columns = shuffle_noise(noise.movedim(0, 2), 5, 2, 4, 1)
    assert torch.equal(columns, found.movedim(0, 2))


def test_a_window_takes_what_lies_in_it_and_puts_it_back() -> None:
    latent = torch.arange(2 * 4 * 6 * 5.0).reshape(2, 4, 6, 5)
    rows, around = Window(2, (1, 2, 3), 6), Window(3, (4, 0, 1), 5)
    assert torch.equal(rows.of(latent), latent[:, :, 1:4])
    assert torch.equal(rows.of(latent[:, 0]), latent[:, 0, 1:4])  # a mask
    assert torch.equal(around.of(latent), latent[..., [4, 0, 1]])
    assert torch.equal(Window(0, (1, 0), 2).of(latent), latent[[1, 0]])
    assert torch.equal(Window(0, (1, 0), 2).of(latent[:1]), latent[:1])
    pixels = latent.repeat_interleave(2, 3).repeat_interleave(2, 2)
    assert torch.equal(around.of(pixels, 2), around.of(latent).repeat_interleave(2, 3).repeat_interleave(2, 2))
    assert torch.equal(rows.of(pixels, 2), rows.of(latent).repeat_interleave(2, 3).repeat_interleave(2, 2))
    whole = torch.zeros_like(latent)
    around.add(around.of(latent), whole)
    assert torch.equal(whole[..., [0, 1, 4]], latent[..., [0, 1, 4]]) and not whole[..., 2:4].any()
    ahead = Window(2, (0, 1, 2, 3), 6, ahead=1)
    assert torch.equal(ahead.asked(ahead.of(latent)), rows.of(latent))


def test_places_of_a_window_can_show_what_the_whole_has_there() -> None:
    window = Window(2, (3, 4, 5, 6), 10, ahead=1)
    assert window.shown((0, -1)) == (3, 0, 5, 9)
    assert window.shown((2, 3, -4)) == (3, 4, 5, 2)
    assert Window(2, (0, 1, 2), 3).shown((0, 1, -1)) == (0, 1, 2)


def test_a_window_knows_where_something_lies_in_it() -> None:
    unbroken, around = Window(2, (3, 4, 5), 10), Window(2, (8, 9, 0, 1), 10)
    assert list(unbroken.spans(4, 9)) == [(1, 3)]
    assert list(unbroken.spans(0, 3)) == []
    assert list(around.spans(1, 9)) == [(0, 1), (3, 4)]
    assert unbroken.place(4, 9) == (1, 6)
    assert unbroken.place(0, 2) == (-3, -1)
    assert around.place(0, 2) == (2, 4)
    assert around.place(4, 6) == (4, 6)
