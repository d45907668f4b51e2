"""Batches and masks brought to size."""

import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.samplers.fitting import fit_batch, fit_channels, fit_mask


def test_a_batch_is_fitted_by_repeating_or_cutting() -> None:
    three = torch.arange(3)
    assert fit_batch(three, 5).tolist() == [0, 1, 2, 0, 1]
    assert fit_batch(three, 2).tolist() == [0, 1]
    assert fit_batch(three, 3) is three


def test_an_empty_latent_takes_any_number_of_channels_and_a_full_one_keeps_its_own() -> None:
    empty, full = torch.zeros(2, 4, 3, 5), torch.ones(2, 4, 3, 5)
    assert torch.equal(fit_channels(empty, 16), torch.zeros(2, 16, 3, 5))
    assert fit_channels(empty, 4) is empty
    assert fit_channels(full, 16) is full


@pytest.mark.parametrize("shape", [(64, 48), (1, 64, 48), (1, 1, 64, 48)])
def test_a_mask_in_pixels_is_brought_to_the_latent_without_rounding(shape: tuple[int, ...]) -> None:
    mask = torch.zeros(shape)
    mask[..., 20:] = 1
    fitted = fit_mask(mask, torch.zeros(3, 4, 8, 6))
    assert fitted.shape == (3, 1, 8, 6)
    assert 0 < float(fitted[0, 0, 0, 2]) < 1
    assert fitted[0, 0, 0, [0, 1, 3, 4, 5]].tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("shape", [(0, 8, 8), (1, 0, 0), (8,)])
def test_a_mask_of_nothing_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"the mask has shape .*, wanted is \[B, H, W\] with at least one mask"):
        fit_mask(torch.zeros(shape), torch.zeros(1, 4, 8, 8))


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ShapeError, match="an empty batch cannot be repeated to 2 items"):
        fit_batch(torch.zeros(0, 3), 2)
