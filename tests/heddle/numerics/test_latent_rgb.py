import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.numerics.latent_rgb import LARGEST_SCALE, LatentColours, fit_colours, latent_to_pixels

#: The first three channels are the colours, the fourth nothing.
PLAIN = LatentColours(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)))


def latent(*cells: tuple[float, float, float], channels: int = 4) -> torch.Tensor:
    """[1, C, 1, w]: cells beside each other, the channels after their three of no meaning."""
    found = torch.full((1, channels, 1, len(cells)), 9.0)
    found[0, :3, 0] = torch.tensor(cells).T
    return found


def test_a_cell_becomes_one_pixel_of_its_colour():
    pixels = latent_to_pixels(latent((-1, -1, -1), (1, -1, 0), (1, 1, 1)), PLAIN)
    assert pixels.dtype == torch.uint8
    assert pixels.tolist() == [[[0, 0, 0], [255, 0, 128], [255, 255, 255]]]


def test_colours_beyond_the_scale_are_its_ends_and_a_cell_that_is_not_finite_is_black():
    cells = latent((-7, 7, 1.001), (float("nan"), 1, 1), (1, float("inf"), 1), (1, 1, float("-inf")))
    assert latent_to_pixels(cells, PLAIN).tolist() == [[[0, 255, 255], *[[0, 0, 0]] * 3]]


def test_factors_are_by_channel_and_the_bias_is_added():
    colours = LatentColours(((0.5, 0.0, -0.5), (0.0, 0.25, 0.0)), bias=(-1.0, 0.0, 1.0))
    x = torch.tensor([2.0, -4.0]).view(1, 2, 1, 1)
    assert latent_to_pixels(x, colours).flatten().tolist() == [128, 0, 128]


def test_only_the_first_picture_of_a_batch_is_shown():
    batch = torch.cat([latent((1, 1, 1)), latent((-1, -1, -1))])
    assert latent_to_pixels(batch, PLAIN).flatten().tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("cells", "longest_px", "wanted"),
    [
        ((16, 16), 512, (128, 128)),  # 8 pixels a cell at most
        ((64, 64), 512, (512, 512)),
        ((64, 32), 256, (256, 128)),
        ((96, 128), 512, (384, 512)),
        ((100, 200), 50, (25, 50)),
        ((1, 300), 30, (1, 30)),
    ],
)
def test_the_longer_side_is_what_was_asked_for_but_no_more_than_eight_pixels_a_cell(cells, longest_px, wanted):
    pixels = latent_to_pixels(torch.zeros(1, 4, *cells), PLAIN, longest_px)
    assert tuple(pixels.shape) == (*wanted, 3)
    assert LARGEST_SCALE == 8


def test_blowing_up_keeps_the_places_of_colours_and_invents_none():
    pixels = latent_to_pixels(latent((1, -1, -1), (-1, -1, 1)), PLAIN, longest_px=16).float()
    assert pixels[:, :4].flatten(0, 1).mean(0).tolist() == [255, 0, 0]
    assert pixels[:, -4:].flatten(0, 1).mean(0).tolist() == [0, 0, 255]
    assert (pixels.sum(-1) - 255).abs().max() <= 1


def test_the_latent_may_be_of_any_floating_dtype_and_is_left_as_it_was():
    x = latent((1, -1, 0)).to(torch.bfloat16)
    before = x.clone()
    assert latent_to_pixels(x, PLAIN, 8).shape == (8, 8, 3)
    assert torch.equal(x, before)


@pytest.mark.parametrize("shape", [(1, 16, 2, 2), (4, 2, 2), (1, 4, 3, 2, 2), (0, 4, 2, 2)])
def test_a_latent_that_does_not_fit_the_map_is_refused(shape):
    with pytest.raises(ShapeError, match=r"latents \[B, 4, h, w\], found"):
        latent_to_pixels(torch.zeros(shape), PLAIN)


def test_a_linear_map_with_a_bias_is_found_again():
    chance = torch.Generator().manual_seed(0)
    factors, bias = torch.randn(4, 3, generator=chance), torch.randn(3, generator=chance)
    x = torch.randn(2, 4, 3, 5, generator=chance)
    fitted = fit_colours(x, torch.einsum("bchw,cr->brhw", x, factors) + bias[:, None, None])
    torch.testing.assert_close(torch.tensor(fitted.factors), factors)
    torch.testing.assert_close(torch.tensor(fitted.bias), bias)
