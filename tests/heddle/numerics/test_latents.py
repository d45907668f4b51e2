"""Latents cut, turned and put together."""

from __future__ import annotations

import operator

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.numerics.latents import (
    combine,
    concatenate,
    crop,
    cut,
    cut_to_batch,
    fit_latent,
    interpolate,
    paste_feathered,
    rotate,
)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.manual_seed(seed))


def test_a_second_latent_is_cut_to_the_first_s_shape_and_repeated() -> None:
    first, second = drawn(3, 4, 8, 8), drawn(2, 4, 8, 16, seed=1)
    middle = second[..., 4:12]
    torch.testing.assert_close(combine(first, second, operator.add), first + middle[[0, 1, 0]])


def test_latents_of_two_families_are_refused_by_their_channels() -> None:
    with pytest.raises(ShapeError, match=r"has 4 channels .* the other 16"):
        fit_latent(drawn(1, 16, 8, 8), drawn(1, 4, 8, 8))
    with pytest.raises(ShapeError, match="4 x 3"):
        combine(drawn(1, 4, 3, 8, 8), drawn(1, 4, 8, 8), operator.add)


def test_interpolation_ends_at_both_and_keeps_lengths_between_them_in_every_batch() -> None:
    first, second = drawn(3, 4, 5, 6), drawn(3, 4, 5, 6, seed=1)
    torch.testing.assert_close(interpolate(first, second, 1.0), first)
    torch.testing.assert_close(interpolate(first, second, 0.0), second)
    lengths = 0.25 * first.norm(dim=1) + 0.75 * second.norm(dim=1)
    torch.testing.assert_close(interpolate(first, second, 0.25).norm(dim=1), lengths)
    torch.testing.assert_close(interpolate(first, second, 0.25)[1:2], interpolate(first[1:2], second[1:2], 0.25))


def test_interpolation_meets_cells_without_a_direction() -> None:
    nothing, something = torch.zeros(1, 4, 2, 2), drawn(1, 4, 2, 2)
    assert interpolate(nothing, nothing, 0.5).eq(0).all()
    torch.testing.assert_close(interpolate(nothing, something, 0.5), something / 2)
    assert interpolate(something, -something, 0.5).isfinite().all()


@pytest.mark.parametrize(("axis", "dim"), [("x", 4), ("y", 3), ("t", 2)])
def test_latents_are_put_side_by_side_the_second_repeated(axis: str, dim: int) -> None:
    first, second = drawn(2, 4, 2, 3, 5), drawn(1, 4, 2, 3, 5, seed=1)
    assert concatenate(first, second, axis).equal(torch.cat([first, second.repeat(2, 1, 1, 1, 1)], dim))
    assert concatenate(first, second, f"-{axis}").equal(torch.cat([second.repeat(2, 1, 1, 1, 1), first], dim))


def test_lengths_may_differ_along_the_axis_alone() -> None:
    assert concatenate(drawn(1, 4, 3, 5), drawn(1, 4, 3, 2), "x").shape == (1, 4, 3, 7)
    with pytest.raises(ShapeError, match=r"do not fit along y"):
        concatenate(drawn(1, 4, 3, 5), drawn(1, 4, 3, 2), "-y")
    with pytest.raises(ShapeError, match=r"do not fit along t"):
        concatenate(drawn(1, 4, 3, 5), drawn(1, 4, 2, 3, 5), "t")


@pytest.mark.parametrize(
    ("index", "amount", "wanted"),
    [(1, 2, [1, 2]), (0, 99, [0, 1, 2, 3, 4]), (9, 3, [4]), (-2, 1, [3]), (-2, 9, [3, 4]), (-99, 2, [0, 1])],
)
def test_a_strip_is_taken_from_where_there_is_one(index: int, amount: int, wanted: list[int]) -> None:
    latent = drawn(1, 4, 3, 5)
    assert cut(latent, "x", index, amount).equal(latent[..., wanted])
    assert cut(latent.mT, "y", index, amount).equal(latent[..., wanted].mT)
    frames = drawn(1, 4, 5, 2, 2)
    assert cut(frames, "t", index, amount).equal(frames[:, :, wanted])


def test_parts_become_a_batch_and_a_shorter_rest_is_left_out() -> None:
    frames = drawn(2, 4, 5, 2, 3)
    made = cut_to_batch(frames, "t", 2)
    assert made.equal(torch.stack([frames[0, :, :2], frames[0, :, 2:4], frames[1, :, :2], frames[1, :, 2:4]]))
    assert cut_to_batch(frames, "t", 99).equal(frames)
    picture = drawn(1, 4, 4, 6)
    assert cut_to_batch(picture, "x", 3).equal(torch.cat([picture[..., :3], picture[..., 3:]]))
    assert cut_to_batch(picture, "y", 4).equal(picture)
    assert cut_to_batch(picture, "t", 1) is picture


def test_a_crop_stays_inside_and_is_smaller_where_the_latent_ends() -> None:
    latent = drawn(1, 4, 12, 16)
    assert crop(latent, 3, 2, 8, 9).equal(latent[..., 2:11, 3:11])
    assert crop(latent, 99, 99, 8, 8).equal(latent[..., 4:, 8:])
    assert crop(latent, 6, 0, 64, 64).equal(latent[..., :, 6:])
    small = drawn(1, 4, 3, 4)
    assert crop(small, 5, 5, 8, 8).equal(small)


def test_quarters_turn_clockwise_and_four_of_them_change_nothing() -> None:
    latent = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    assert rotate(latent, 1)[0, 0].tolist() == [[3, 1], [4, 2]]
    assert rotate(latent, 2)[0, 0].tolist() == [[4, 3], [2, 1]]
    assert rotate(rotate(latent, 3), 1).equal(latent)
    assert rotate(drawn(1, 4, 2, 3, 5), 1).shape == (1, 4, 2, 5, 3)


def test_what_is_pasted_fades_at_sides_that_are_not_on_the_border() -> None:
    made = paste_feathered(torch.zeros(1, 1, 6, 8), torch.ones(1, 1, 4, 5), 3, 0, 2)[0, 0]
    assert made[:, :3].eq(0).all() and made[4:].eq(0).all()
    # the left and the lower side fade, the upper and the right one are on the border
    assert made[0, 3:].tolist() == [0.5, 1, 1, 1, 1]
    assert made[:, 7].tolist() == [1, 1, 1, 0.5, 0, 0]
    assert made[3, 3] == 0.25


def test_a_feather_wider_than_what_is_pasted_never_gets_whole() -> None:
    made = paste_feathered(torch.zeros(1, 1, 9, 9), torch.ones(1, 1, 2, 2), 3, 3, 4)[0, 0, 3:5, 3:5]
    assert made.eq((0.25 * 0.5) ** 2).all()


def test_what_is_pasted_is_cut_repeated_and_leaves_the_old_latent_alone() -> None:
    under, over = drawn(3, 4, 6, 6), drawn(2, 4, 6, 6, seed=1)
    before = under.clone()
    made = paste_feathered(under, over, 2, 4, 0)
    assert under.equal(before) and made[..., :4, :].equal(under[..., :4, :])
    assert made[..., 4:, 2:].equal(over[[0, 1, 0]][..., :2, :4])
    assert paste_feathered(under, over, 99, 0, 1).equal(under)
    frames = paste_feathered(torch.zeros(1, 4, 2, 6, 6), torch.ones(1, 4, 2, 3, 3), 0, 0, 1)
    assert frames.sum() == 4 * 2 * 9
    with pytest.raises(ShapeError, match="channels"):
        paste_feathered(under, drawn(1, 16, 2, 2), 0, 0, 0)
