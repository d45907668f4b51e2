from collections.abc import Callable

import pytest
import torch

from heddle.numerics.morphology import grow_masks, morph


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(5))


def by_hand(mask: torch.Tensor, is_near: Callable[[int, int], bool], pick: Callable[[list[float]], float]):
    """Each pixel as the largest or smallest of those that are near: written down as it is defined."""
    height, width = mask.shape
    rows = [
        [
            pick([float(mask[i, j]) for i in range(height) for j in range(width) if is_near(i - row, j - column)])
            for column in range(width)
        ]
        for row in range(height)
    ]
    return torch.tensor(rows)


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 40])
@pytest.mark.parametrize("size", [(7, 9), (1, 6), (6, 1), (1, 1)])
def test_masks_grow_into_diamonds_or_squares_and_shrink_the_same_way(steps: int, size: tuple[int, int]):
    mask = rand(2, *size)
    for is_tapered, is_near in (
        (True, lambda dy, dx: abs(dy) + abs(dx) <= steps),
        (False, lambda dy, dx: max(abs(dy), abs(dx)) <= steps),
    ):
        for sign, pick in ((1, max), (-1, min)):
            got = grow_masks(mask, sign * steps, is_tapered=is_tapered)
            assert torch.equal(got, torch.stack([by_hand(each, is_near, pick) for each in mask]))


def test_growing_far_costs_no_more_than_growing_a_little():
    assert grow_masks(torch.eye(64)[None], 16384, is_tapered=True).min() == 1
    assert grow_masks(torch.eye(64)[None], -16384, is_tapered=False).max() == 0


@pytest.mark.parametrize("side", [3, 4, 5, 999])
def test_the_window_of_an_even_side_reaches_further_up_and_left(side: int):
    image = rand(1, 6, 7, 2)
    before, after = side // 2, side - side // 2 - 1

    def is_near(dy: int, dx: int) -> bool:
        return -before <= dy <= after and -before <= dx <= after

    for operation, pick in (("dilate", max), ("erode", min)):
        got = morph(image, operation, side)
        for channel in range(2):
            assert torch.equal(got[0, ..., channel], by_hand(image[0, ..., channel], is_near, pick))


def test_the_other_operations_are_made_of_these_two():
    image = rand(2, 8, 9, 3)
    erode, dilate = (lambda x: morph(x, "erode", 3)), (lambda x: morph(x, "dilate", 3))
    assert torch.equal(morph(image, "open", 3), dilate(erode(image)))
    assert torch.equal(morph(image, "close", 3), erode(dilate(image)))
    assert torch.equal(morph(image, "gradient", 3), dilate(image) - erode(image))
    assert torch.equal(morph(image, "top_hat", 3), image - morph(image, "open", 3))
    assert torch.equal(morph(image, "bottom_hat", 3), morph(image, "close", 3) - image)


def test_opening_takes_specks_away_and_closing_fills_holes():
    speck = torch.zeros(1, 9, 9, 1)
    speck[0, 4, 4] = 1
    assert morph(speck, "open", 3).max() == 0
    assert morph(1 - speck, "close", 3).min() == 1
