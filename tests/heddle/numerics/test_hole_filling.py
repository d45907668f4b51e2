import pytest
import torch

from heddle.numerics.hole_filling import FILLS, fill


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("kind", FILLS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (33, 47)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_outside_the_mask_every_bit_stays(kind: str, size: tuple[int, int], channels: int):
    images, mask = rand(2, *size, channels), (rand(2, *size) > 0.6).float()
    images[0, 0, 0] = float("nan")
    mask[0, 0, 0] = 0
    got = fill(images, mask, kind)
    kept = mask == 0
    assert torch.equal(got[kept].view(torch.int32), images[kept].view(torch.int32))
    assert bool(got[~kept].isfinite().all())


def test_a_hole_in_one_colour_closes_with_that_colour():
    images = torch.tensor([0.2, 0.5, 0.9]).expand(1, 40, 50, 3).clone()
    mask = torch.zeros(1, 40, 50)
    mask[:, 5:35, 10:44] = 1
    holed = torch.where(mask[..., None] > 0, float("nan"), images)
    assert torch.allclose(fill(holed, mask, "blurred"), images, atol=1e-5)


def test_a_hole_goes_softly_from_what_is_left_to_what_is_right_of_it():
    images = torch.zeros(1, 32, 64, 1)
    images[:, :, 32:] = 1
    mask = torch.zeros(1, 32, 64)
    mask[:, :, 16:48] = 1
    row = fill(images, mask, "blurred")[0, 16, :, 0]
    assert bool((row.diff() >= -1e-6).all()) and row.diff().max() < 0.3
    assert row[17] < 0.3 and row[46] > 0.7


def test_an_image_hidden_whole_becomes_grey_and_a_grey_mask_mixes():
    images = rand(1, 9, 7, 3)
    assert bool((fill(images, torch.ones(1, 9, 7), "blurred") == 0.5).all())
    assert torch.allclose(fill(images, torch.full((1, 9, 7), 0.25), "black"), images * 0.75)


def test_near_a_thin_border_its_colour_counts_more_than_all_the_rest():
    images = torch.zeros(1, 32, 64, 1)
    images[:, :, 32:] = 1
    mask = torch.zeros(1, 32, 64)
    mask[:, :, 1:32] = 1
    row = fill(images, mask, "blurred")[0, 16, :, 0]
    assert row[8] < 0.1 and 0.05 < row[16] < 0.5
