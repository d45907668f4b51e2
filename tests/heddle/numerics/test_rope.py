import math

import torch

from heddle.numerics.rope import PlaceScaling, grid_places, rotate, rotate_halves, turns


def test_each_pair_turns_by_its_own_share_of_the_place():
    by = turns(torch.tensor([[3.0], [0.5]]), [4])
    for row, place in enumerate((3.0, 0.5)):
        for pair, angle in enumerate((place, place / 100)):
            torch.testing.assert_close(by[row, pair], torch.tensor([math.cos(angle), math.sin(angle)]))


def test_axes_turn_shares_of_their_own():
    places = torch.tensor([[2.0, 5.0]])
    both = turns(places, [4, 6], theta=50)
    torch.testing.assert_close(both[:, :2], turns(places[:, :1], [4], theta=50))
    torch.testing.assert_close(both[:, 2:], turns(places[:, 1:], [6], theta=50))


def test_a_quarter_turn_swaps_a_pair():
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 1, 4)
    by = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    assert rotate(x, by).flatten().tolist() == [-2.0, 1.0, 3.0, 4.0]


def test_likeness_depends_on_the_distance_alone():
    q, k = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(0))

    def likeness(one: float, other: float) -> torch.Tensor:
        return (rotate(q, turns(torch.tensor([[one]]), [8])) * rotate(k, turns(torch.tensor([[other]]), [8]))).sum()

    torch.testing.assert_close(likeness(3, 7), likeness(103, 107), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(likeness(3, 7), likeness(7, 3))


def test_places_may_differ_within_a_batch_and_heads_turn_alike():
    x = torch.randn(2, 3, 2, 4, generator=torch.Generator().manual_seed(1))
    places = torch.rand(2, 3, 1) * 9
    found = rotate(x, turns(places, [4]))
    for item in range(2):
        for head in range(2):
            alone = rotate(x[item : item + 1, :, head : head + 1], turns(places[item], [4]))
            torch.testing.assert_close(found[item : item + 1, :, head : head + 1], alone)


def test_half_precision_is_turned_in_full_and_given_back_in_half():
    x = torch.randn(1, 4, 1, 64, generator=torch.Generator().manual_seed(1)).bfloat16()
    by = turns(torch.arange(4.0)[:, None] * 1000, [64])
    found = rotate(x, by)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, rotate(x.float(), by).bfloat16())


def test_a_grid_is_counted_row_by_row_from_its_first_place():
    assert grid_places(2, 3, (1, 10, 20)).tolist() == [
        [1, 10, 20], [1, 10, 21], [1, 10, 22], [1, 11, 20], [1, 11, 21], [1, 11, 22]
    ]  # fmt: skip


def test_pairs_may_lie_half_a_head_apart():
    x = torch.randn(2, 3, 2, 8, generator=torch.Generator().manual_seed(2))
    by = turns(torch.rand(3, 1) * 9, [8])
    beside = x.unflatten(-1, (2, 4)).transpose(-1, -2).flatten(-2)
    wanted = rotate(beside, by).unflatten(-1, (4, 2)).transpose(-1, -2).flatten(-2)
    torch.testing.assert_close(rotate_halves(x, by), wanted)
    assert rotate_halves(x.bfloat16(), by).dtype == torch.bfloat16


def test_places_are_stretched_and_moved_axis_by_axis():
    scaling = PlaceScaling((5.0, 0.5, 2.0), (0.25, 1.0, -1.0))
    assert grid_places(2, 3, (1, 10, 20), scaling=scaling).tolist() == [
        [5.25, 6, 39], [5.25, 6, 41], [5.25, 6, 43], [5.25, 6.5, 39], [5.25, 6.5, 41], [5.25, 6.5, 43]
    ]  # fmt: skip
