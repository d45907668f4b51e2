import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.numerics.masks import (
    OPERATIONS,
    channel_of,
    combine_masks,
    crop_mask,
    feather,
    join_masks,
    mask_of_colour,
)


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


class TestCombine:
    def test_each_operation_acts_where_the_source_lies_and_nowhere_else(self):
        onto, put = torch.full((1, 3, 4), 0.6), torch.full((1, 2, 2), 0.7)
        wanted = {"multiply": 0.42, "add": 1.0, "subtract": 0.0, "and": 1.0, "or": 1.0, "xor": 0.0}
        for operation in OPERATIONS:
            got = combine_masks(onto, put, 1, 1, operation)
            torch.testing.assert_close(got[:, 1:3, 1:3], torch.full((1, 2, 2), wanted[operation]))
            got[:, 1:3, 1:3] = 0.6
            assert torch.equal(got, onto)

    def test_a_half_counts_as_no(self):
        assert combine_masks(torch.tensor([[0.5, 0.51]]), torch.ones(1, 2), 0, 0, "and").tolist() == [[[0.0, 1.0]]]

    def test_what_reaches_over_the_border_is_cut(self):
        got = combine_masks(torch.zeros(1, 3, 3), torch.ones(1, 3, 3), 2, 1, "add")
        assert got[0].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 1]]

    def test_a_source_wholly_outside_changes_nothing(self):
        onto = rand(1, 3, 3)
        assert torch.equal(combine_masks(onto, torch.ones(1, 3, 3), 3, 9, "add"), onto)

    @pytest.mark.parametrize(("one", "other"), [(1, 3), (3, 1), (2, 3)])
    def test_the_shorter_batch_is_repeated(self, one: int, other: int):
        a, b = rand(one, 2, 2), rand(other, 2, 2)
        got = combine_masks(a, b, 0, 0, "multiply")
        wanted = [a[i % one] * b[i % other] for i in range(3)]
        torch.testing.assert_close(got, torch.stack(wanted))

    def test_neither_mask_is_changed(self):
        onto, put = rand(1, 3, 3), rand(1, 2, 2)
        before = onto.clone(), put.clone()
        combine_masks(onto, put, 0, 0, "subtract")
        assert torch.equal(onto, before[0]) and torch.equal(put, before[1])


class TestCrop:
    def test_a_part_that_reaches_over_the_border_is_smaller(self):
        mask = rand(2, 5, 6)
        assert torch.equal(crop_mask(mask, 4, 3, 10, 10), mask[:, 3:, 4:])

    def test_a_part_outside_is_refused_with_its_place(self):
        with pytest.raises(ShapeError, match=r"6 x 5 has nothing at \(6, 0\)"):
            crop_mask(rand(1, 5, 6), 6, 0, 2, 2)

    def test_a_mask_without_a_batch_is_one(self):
        assert crop_mask(rand(5, 6), 0, 0, 2, 3).shape == (1, 3, 2)


class TestFeather:
    def test_left_and_top_rise_in_equal_steps(self):
        got = feather(torch.ones(1, 4, 5), 4, 0, 0, 0)
        torch.testing.assert_close(got[0, 0], torch.tensor([0.25, 0.5, 0.75, 1.0, 1.0]))
        assert torch.equal(feather(torch.ones(1, 5, 4), 0, 4, 0, 0), got.mT)

    def test_right_and_bottom_count_from_the_first_column_backwards(self):
        got = feather(torch.ones(1, 4, 5), 0, 0, 4, 0)
        torch.testing.assert_close(got[0, 0], torch.tensor([0.25, 1.0, 1.0, 0.75, 0.5]))
        assert torch.equal(feather(torch.ones(1, 5, 4), 0, 0, 0, 4), got.mT)

    def test_more_than_there_is_fades_over_all_of_it(self):
        assert torch.equal(feather(torch.ones(1, 1, 4), 900, 0, 0, 0), feather(torch.ones(1, 1, 4), 4, 0, 0, 0))


class TestChannels:
    def test_a_channel_is_what_it_is_called(self):
        image = rand(2, 3, 4, 4)
        for at, name in enumerate(("red", "green", "blue", "alpha")):
            assert torch.equal(channel_of(image, name), image[..., at])

    def test_a_channel_that_is_not_there_is_refused(self):
        with pytest.raises(ShapeError, match="no channel alpha, only red, green, blue"):
            channel_of(rand(1, 2, 2, 3), "alpha")

    def test_a_colour_is_found_in_eight_bits(self):
        image = torch.tensor([[[[1.0, 0.5, 0.0], [1.0, 0.5, 0.01], [float("nan"), 0.0, 0.0], [2.0, -1.0, 0.0]]]])
        assert mask_of_colour(image, 0xFF8000).tolist() == [[[1, 0, 0, 0]]]
        assert mask_of_colour(image, 0xFF0000).tolist() == [[[0, 0, 0, 1]]]
        assert mask_of_colour(image, 0).tolist() == [[[0, 0, 1, 0]]]


class TestJoin:
    def test_masks_of_one_size_stand_behind_each_other(self):
        a, b = rand(2, 3, 4), rand(1, 3, 4) / 2
        assert torch.equal(join_masks([a, b]), torch.cat([a, b]))

    def test_another_size_is_cut_and_resized_to_the_first(self):
        wide = torch.cat([torch.zeros(1, 4, 2), torch.ones(1, 4, 4), torch.zeros(1, 4, 2)], dim=2)
        got = join_masks([torch.zeros(1, 2, 2), wide])
        assert got.shape == (2, 2, 2) and got[1].min() == 1

    def test_an_empty_one_is_refused(self):
        with pytest.raises(ShapeError, match=r"shape \[0, 4, 4\]"):
            join_masks([rand(1, 4, 4), torch.zeros(0, 4, 4)])
