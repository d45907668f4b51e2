import pytest
import torch
from torch.nn.functional import conv2d

from heddle.numerics.latent_operations import compress_lengths, sharpen

LATENT = torch.randn(2, 4, 9, 12, generator=torch.Generator().manual_seed(5))


def test_sharpening_adds_ten_times_the_difference_from_the_mean_around() -> None:
    radius, sigma, strength = 2, 0.7, 0.3
    length = LATENT.norm(dim=1, keepdim=True)
    unit = LATENT / length
    place = torch.linspace(-1, 1, 2 * radius + 1)
    distance = place[:, None] ** 2 + place**2
    kernel = torch.exp(-distance / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(4, 1, -1, -1)
    mean = conv2d(torch.nn.functional.pad(unit, (radius,) * 4, mode="reflect"), kernel, groups=4)
    wanted = length * (unit + 10 * strength * (unit - mean))
    torch.testing.assert_close(sharpen(LATENT, radius, sigma, strength), wanted, atol=1e-4, rtol=1e-4)


def test_a_latent_of_one_direction_has_nothing_to_sharpen() -> None:
    same = torch.ones(1, 4, 8, 8) * (1 + torch.rand(1, 1, 8, 8))
    torch.testing.assert_close(sharpen(same, 3, 1.0, 2.0), same, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (5, 3)])
def test_latents_smaller_than_the_kernel_are_sharpened_too(size: tuple[int, int]) -> None:
    latent = torch.randn(1, 4, *size)
    changed = sharpen(latent, 9, 1.0, 0.1)
    assert changed.shape == latent.shape and changed.isfinite().all()


def test_times_are_sharpened_each_alone() -> None:
    video = torch.stack([LATENT, LATENT * 2 + 1], dim=2)
    torch.testing.assert_close(sharpen(video, 3, 1.0, 0.2)[:, :, 1], sharpen(LATENT * 2 + 1, 3, 1.0, 0.2))


def test_lengths_are_compressed_below_their_top_and_directions_kept() -> None:
    changed = compress_lengths(LATENT, 0.4)
    length, found = LATENT.norm(dim=1), changed.norm(dim=1)
    for each, short, mean, spread in zip(found, length, length.mean((1, 2)), length.std((1, 2)), strict=True):
        top = 0.4 * (mean + 5 * spread)
        torch.testing.assert_close(each, short / (1 + short / top), atol=1e-5, rtol=1e-5)
        assert bool((each < top).all())
    torch.testing.assert_close(torch.cosine_similarity(changed, LATENT), torch.ones(2, 9, 12))
    assert compress_lengths(LATENT, 0.0).eq(0).all()


def test_a_latent_of_one_cell_and_one_of_zeros_stay_finite() -> None:
    assert compress_lengths(torch.ones(1, 4, 1, 1), 1.0).isfinite().all()
    assert compress_lengths(torch.zeros(1, 4, 3, 3), 1.0).eq(0).all()
