import pytest
import torch

from heddle.numerics.patches import cut_patches, fill_patches, join_patches


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(4, 6), (5, 3), (1, 1), (1, 8)])
@pytest.mark.parametrize("side", [1, 2])
def test_what_was_cut_is_joined_again(size, side):
    x = draw(2, 3, *size)
    torch.testing.assert_close(join_patches(cut_patches(x, side), size[0], size[1], side), x)


def test_a_token_has_its_channels_one_after_the_other():
    x = torch.arange(2 * 2 * 4).reshape(1, 2, 2, 4)
    assert cut_patches(x.float(), 2)[0].tolist() == [[0, 1, 4, 5, 8, 9, 12, 13], [2, 3, 6, 7, 10, 11, 14, 15]]


def test_channels_may_come_last_in_a_token():
    tokens = torch.tensor([[[1.0, 10, 2, 20, 3, 30, 4, 40]]])
    assert join_patches(tokens, 2, 2, 2, channels_last=True)[0].tolist() == [[[1, 2], [3, 4]], [[10, 20], [30, 40]]]
    x = draw(2, 3, 5, 4)
    torch.testing.assert_close(join_patches(cut_patches(x, 2, channels_last=True), 5, 4, 2, channels_last=True), x)


def test_incomplete_patches_are_filled_from_the_other_side():
    x = draw(1, 2, 3, 5)
    filled = fill_patches(x, 2)
    torch.testing.assert_close(filled[:, :, 3, :5], x[:, :, 0])
    torch.testing.assert_close(filled[:, :, :3, 5], x[:, :, :, 0])


def test_nothing_is_copied_where_nothing_is_missing():
    x = draw(1, 2, 4, 6)
    assert fill_patches(x, 2) is x
