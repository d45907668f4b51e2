"""FreeU against its formulas."""

import pytest
import torch

from heddle.networks.free_u import free_u
from heddle.networks.hooks import StagePlace
from heddle.numerics.frequencies import scale_frequencies
from tests.oracles import diffusers

PLACE = StagePlace("output", 0)


def test_the_first_half_of_the_backbone_counts_more_and_the_skips_mean_less() -> None:
    x, skip = torch.randn(2, 8, 5, 6), torch.randn(2, 3, 5, 6)
    before = x.clone(), skip.clone()
    got, slower = free_u({8: (1.5, 0.2), 4: (9.0, 9.0)}, by_structure=False)(PLACE, x, skip)
    torch.testing.assert_close(got, torch.cat([x[:, :4] * 1.5, x[:, 4:]], 1))
    torch.testing.assert_close(slower, scale_frequencies(skip, 1, 0.2))
    assert torch.equal(x, before[0]) and torch.equal(skip, before[1])


def test_stages_of_other_widths_are_left_alone() -> None:
    x, skip = torch.randn(1, 6, 2, 2), torch.randn(1, 3, 2, 2)
    got, same = free_u({8: (1.5, 0.2)}, by_structure=False)(PLACE, x, skip)
    assert got is x and same is skip


def test_by_structure_the_factor_goes_from_one_to_all_of_it_in_each_picture() -> None:
    x = torch.randn(2, 8, 5, 6)
    got, _skip = free_u({8: (1.5, 1.0)}, by_structure=True)(PLACE, x, torch.randn(2, 8, 5, 6))
    factor = (got / x)[:, :4]
    for number in range(2):
        mean = x[number].mean(0)
        torch.testing.assert_close(factor[number].amax(), torch.tensor(1.5))
        torch.testing.assert_close(factor[number].amin(), torch.tensor(1.0))
        share = (mean - mean.min()) / (mean.max() - mean.min())
        torch.testing.assert_close(factor[number], (1 + 0.5 * share).expand(4, -1, -1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got[:, 4:], x[:, 4:])


def test_a_flat_picture_has_no_structure() -> None:
    x = torch.ones(1, 8, 3, 3)
    got, _skip = free_u({8: (1.5, 1.0)}, by_structure=True)(PLACE, x, x)
    torch.testing.assert_close(got, x)


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (16, 12)])
def test_diffusers_gives_the_same(size: tuple[int, int]) -> None:
    diffusers()
    from diffusers.utils.torch_utils import apply_freeu

    for number, factors in enumerate(((1.3, 0.9), (1.4, 0.2))):
        x, skip = torch.randn(2, 8, *size), torch.randn(2, 6, *size)
        wanted = apply_freeu(number, x.clone(), skip.clone(), b1=1.3, s1=0.9, b2=1.4, s2=0.2)
        torch.testing.assert_close(free_u({8: factors}, by_structure=False)(PLACE, x, skip), wanted)
