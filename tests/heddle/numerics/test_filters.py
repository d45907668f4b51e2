"""Blending, blurring, sharpening, palettes and edges."""

import math

import numpy as np
import pytest
import torch

from heddle.numerics.blending import MODES, blend
from heddle.numerics.blurring import blur, sharpen
from heddle.numerics.colours import from_yuv, luma, to_yuv
from heddle.numerics.edges import canny
from heddle.numerics.quantizing import DITHERS, quantize

NAN = float("nan")


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


class TestBlend:
    def test_each_mode_of_two_greys(self):
        a, b = torch.full((1, 1, 1, 3), 0.2), torch.full((1, 1, 1, 3), 0.6)
        lit = ((16 * 0.2 - 12) * 0.2 + 4) * 0.2
        soft = 0.2 + 0.2 * (lit - 0.2)
        wanted = [0.6, 0.12, 0.68, 0.24, soft, 0.0]
        for (mode, _), value in zip(MODES.items(), wanted, strict=True):
            torch.testing.assert_close(blend(a, b, 1.0, mode), torch.full_like(a, value))
            assert torch.equal(blend(a, b, 0.0, mode), a)

    @pytest.mark.parametrize(("one", "other"), [(1, 3), (3, 1), (2, 3)])
    def test_the_shorter_batch_is_repeated(self, one: int, other: int):
        a, b = rand(one, 2, 2, 3), rand(other, 2, 2, 3, seed=1)
        got = blend(a, b, 0.5, "normal")
        torch.testing.assert_close(got, torch.stack([(a[i % one] + b[i % other]) / 2 for i in range(3)]))

    def test_an_alpha_of_the_second_is_left_out_and_a_missing_one_is_opaque(self):
        assert blend(rand(1, 4, 4, 3), rand(1, 4, 4, 4), 0.5, "normal").shape[-1] == 3
        assert blend(rand(1, 4, 4, 4), rand(1, 2, 2, 3), 1.0, "normal")[..., 3].min() == 1


class TestBlur:
    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (12, 10)])
    @pytest.mark.parametrize("radius", [1, 4, 31])
    def test_one_flat_colour_stays_that_colour_however_small_the_image(self, size: tuple[int, int], radius: int):
        image = torch.full((2, *size, 4), 0.3)
        torch.testing.assert_close(blur(image, radius, 1.0), image)
        torch.testing.assert_close(sharpen(image, radius, 1.0, 5.0), image)

    def test_a_point_becomes_the_curve(self):
        point = torch.zeros(1, 9, 9, 1)
        point[0, 4, 4] = 1
        weights = [math.exp(-((x / 2) ** 2) / (2 * 0.7**2)) for x in (-2, -1, 0, 1, 2)]
        line = torch.tensor(weights) / sum(weights)
        torch.testing.assert_close(blur(point, 2, 0.7)[0, 2:7, 2:7, 0], line[:, None] * line)

    def test_the_borders_are_mirrored_without_the_outermost_pixel(self):
        image = rand(1, 5, 6, 3)
        padded = torch.nn.functional.pad(image.movedim(-1, 1), (3, 3, 3, 3), mode="reflect").movedim(1, -1)
        torch.testing.assert_close(blur(image, 3, 2.0), blur(padded, 3, 2.0)[:, 3:-3, 3:-3])

    def test_sharpening_adds_ten_times_what_the_blur_takes_away(self):
        image = 0.45 + rand(1, 8, 8, 3) / 100
        torch.testing.assert_close(sharpen(image, 1, 1.0, 0.5), image + 5 * (image - blur(image, 1, 1.0)))


class TestQuantize:
    @pytest.mark.parametrize("dither", DITHERS)
    def test_no_more_colours_are_left_than_asked_for(self, dither: str):
        got = quantize(rand(2, 20, 30, 3), 7, dither)
        for image in got:
            assert 1 < len(torch.unique(image.reshape(-1, 3), dim=0)) <= 7

    def test_few_colours_stay_as_they_are(self):
        image = torch.tensor([0.0, 1.0])[torch.randint(2, (1, 8, 8, 3), generator=torch.Generator().manual_seed(1))]
        assert torch.equal(quantize(image, 256, "none"), image)

    def test_dots_show_a_grey_between_two_colours(self):
        ramp = torch.linspace(0, 1, 64).reshape(1, 1, 64, 1).expand(1, 64, 64, 3)
        flat, dots = quantize(ramp, 2, "none"), quantize(ramp, 2, "floyd-steinberg")
        coarse = slice(24, 40)

        def error(x: torch.Tensor) -> float:
            return float((x - ramp)[:, coarse, coarse].mean(dim=1).abs().mean())

        assert error(dots) < error(flat) / 2

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_an_alpha_stays_and_what_is_no_number_is_black(self, channels: int):
        image = rand(1, 4, 4, channels)
        image[0, 0, 0, 0] = NAN
        got = quantize(image, 4, "bayer-4")
        assert got.shape == image.shape and bool(got.isfinite().all())
        assert torch.equal(got[..., 3:], image[..., 3:])


class TestCanny:
    def test_a_square_gets_an_outline_one_pixel_thin_although_both_sides_of_it_are_as_steep(self):
        grey = torch.zeros(1, 30, 30)
        grey[:, 10:20, 10:20] = 1
        got = canny(grey, 0.2, 0.6)[0]
        assert set(got.unique().tolist()) == {0.0, 1.0}
        for line in (got, got.T):
            assert line[13:17].sum(dim=1).tolist() == [2.0] * 4
        assert got[11:19, 11:19].sum() == 0 and got[:9].sum() == 0

    def test_weak_edges_count_only_as_far_as_they_hang_together_with_strong_ones(self):
        step = torch.zeros(1, 20, 40)
        step[:, 10:] = torch.linspace(1, 0.1, 40)  # strong at the left, weak at the right
        along = canny(step, 0.2, 1.5)[0].sum(dim=0)
        assert along[2:-2].min() >= 1
        assert canny(step, 1.5, 1.5)[0, :, 20:].sum() == 0
        assert canny(step[..., 20:], 0.2, 1.5).sum() == 0

    def test_thresholds_the_wrong_way_round_leave_what_is_above_both(self):
        step = torch.zeros(1, 20, 40)
        step[:, 10:] = torch.linspace(1, 0.1, 40)
        assert torch.equal(canny(step, 1.5, 0.2), canny(step, 1.5, 1.5))

    @pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (3, 40)])
    def test_small_flat_and_broken_images_have_no_edges(self, size: tuple[int, int]):
        assert canny(torch.full((2, *size), 0.5), 0.1, 0.2).max() == 0
        assert canny(torch.full((1, *size), NAN), 0.1, 0.2).max() == 0


class TestYuv:
    def test_there_and_back(self):
        image = rand(2, 3, 4, 3)
        torch.testing.assert_close(from_yuv(*to_yuv(image)), image)

    def test_greys_have_no_difference_of_colour(self):
        y, u, v = to_yuv(torch.full((1, 1, 1, 3), 0.7))
        np.testing.assert_allclose([float(each) for each in (y, u, v)], [0.7, 0.5, 0.5], atol=1e-6)

    def test_brightness_of_a_grey_image_is_its_one_channel(self):
        assert torch.equal(luma(rand(1, 2, 2, 1)), rand(1, 2, 2, 1)[..., 0])
