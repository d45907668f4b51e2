"""Masks and pictures for filling in."""

import pytest
import torch

from heddle.numerics.inpainting import grow, hide, mask_like


def test_a_mask_comes_to_the_pictures_size_softly():
    mask = torch.tensor([[0.0, 1.0]])
    fitted = mask_like(mask, torch.zeros(1, 2, 4, 3))
    assert fitted.shape == (1, 1, 2, 4)
    torch.testing.assert_close(fitted[0, 0, 0], torch.tensor([0, 0.25, 0.75, 1]))


def test_what_is_hidden_is_grey_and_the_rest_as_it_was():
    pixels = torch.rand(2, 2, 2, 4)
    before = pixels.clone()
    hidden = hide(pixels, torch.tensor([[[[0.0, 0.4], [0.6, 1.0]]]]))
    torch.testing.assert_close(hidden[:, 0], pixels[:, 0])
    assert hidden[:, 1, :, :3].eq(0.5).all()
    assert torch.equal(hidden[..., 3], pixels[..., 3])
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("cells", [1, 3, 6, 7])
def test_a_cell_grows_to_a_square_window(cells):
    mask = torch.zeros(1, 1, 21, 21)
    mask[..., 10, 10] = 0.7
    grown = grow(mask, cells)
    assert grown.shape == mask.shape
    assert grown.sum() == cells**2
    rows = grown[0, 0].any(1).nonzero()[:, 0]
    assert rows.tolist() == list(range(10 - (cells - 1) // 2, 10 + cells // 2 + 1))


def test_nothing_grows_by_no_cell():
    mask = torch.full((1, 1, 3, 3), 0.3)
    assert torch.equal(grow(mask, 0), mask)
    assert grow(mask, 3).eq(0).all()
