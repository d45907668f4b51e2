"""Differences as narrow products."""

import pytest
import torch

from heddle.adapters.extraction import low_rank_shapes, nearest_low_rank
from heddle.adapters.low_rank import LowRank


@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 3, 3)])
def test_the_full_rank_gives_the_difference_itself(shape: tuple[int, ...]) -> None:
    difference = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    up, down = nearest_low_rank(difference, 100)
    assert (tuple(up.shape), tuple(down.shape)) == low_rank_shapes(shape, 100)
    torch.testing.assert_close(LowRank(up, down).apply(torch.zeros(shape), 1.0), difference, atol=1e-5, rtol=1e-5)


def test_a_lower_rank_misses_just_the_smaller_singular_values() -> None:
    difference = torch.randn(8, 6, generator=torch.Generator().manual_seed(1))
    up, down = nearest_low_rank(difference, 2)
    missed = (difference - up @ down).norm() ** 2
    torch.testing.assert_close(missed, (torch.linalg.svdvals(difference)[2:] ** 2).sum())
