import pytest
import torch

from heddle.numerics.soft_masks import SIDES, grow_softly, plain, soften


def disc(side: int, radius: float) -> torch.Tensor:
    places = torch.arange(side) - side // 2
    return ((places[:, None] ** 2 + places**2) <= radius**2).float()[None]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("fade", [1, 4, 7])
def test_a_border_fades_along_a_straight_line_and_ends_for_certain(side: str, fade: int):
    half = torch.zeros(1, 3, 60)
    half[..., 30:] = 1
    got = soften(half, 0, fade, side)[0, 1]
    way = torch.arange(60) - 29.5  # from the border, which lies between two pixels
    assert torch.allclose(got, ((way + fade * SIDES[side]) / fade).clamp(0, 1))
    assert got[: 30 - fade].max() == 0 and got[30 + fade :].min() == 1


def test_white_grows_round_and_shrinks_by_as_much():
    for grow in (-5, 0, 9):
        assert torch.equal(soften(disc(61, 12.0), grow, 0), disc(61, 12.0 + grow)) or grow
        area = float(soften(disc(61, 12.0), grow, 0).sum())
        assert area == pytest.approx(torch.pi * (12.0 + grow) ** 2, rel=0.15)


def test_at_the_sides_of_the_picture_nothing_fades():
    corner = torch.zeros(1, 20, 20)
    corner[:, :6, :6] = 1
    got = soften(corner, 0, 4, "inside")[0]
    assert got[0, 0] == 1 and got[0, 5] == pytest.approx(0.125)
    assert torch.equal(got, got.T)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (5, 7)])
@pytest.mark.parametrize("side", SIDES)
def test_full_and_empty_masks_stay(size: tuple[int, int], side: str):
    both = torch.stack([torch.zeros(size), torch.ones(size)])
    for grow in (-3, 0, 3):
        assert torch.equal(soften(both, grow, 5, side), both)
    assert torch.equal(grow_softly(both, 4), both)


def test_a_mask_that_shrinks_away_is_empty():
    assert soften(disc(30, 4.0), -9, 3).max() == 0


def test_growing_keeps_greys():
    grey = torch.full((1, 9, 9), 0.25)
    grey[0, 4, 4] = 1
    got = grow_softly(grey, 1)
    assert got.unique().tolist() == [0.25, 1] and (got == 1).sum() == 9
    assert grow_softly(grey, -1).max() == 0
    assert torch.equal(grow_softly(grey, 0), grey)


def test_what_is_no_number_and_what_lies_outside_of_the_range_is_mended():
    odd = torch.tensor([[float("nan"), 2.0, -1.0, 0.5]])
    assert plain(odd).tolist() == [[[0, 1, 0, 0.5]]]
