import pytest
import torch

from heddle.numerics.compositing import PORTER_DUFF, composite, join_alpha, paste, split_alpha, with_channels_of


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


class TestPaste:
    @pytest.mark.parametrize(("x", "y"), [(0, 0), (2, 1), (5, 4), (-2, -1), (-9, 0), (7, 0), (0, 99)])
    def test_every_cell_is_the_sources_where_it_lies_and_else_as_it_was(self, x: int, y: int):
        onto, put = rand(2, 3, 6, 7), rand(2, 3, 3, 4, seed=1)
        got = paste(onto, put, x, y)
        for row in range(6):
            for column in range(7):
                is_covered = 0 <= row - y < 3 and 0 <= column - x < 4
                wanted = put[..., row - y, column - x] if is_covered else onto[..., row, column]
                assert torch.equal(got[..., row, column], wanted)

    def test_a_mask_mixes_and_where_it_is_black_nothing_changes_to_the_bit(self):
        onto, put = rand(1, 3, 4, 4), torch.full((1, 3, 4, 4), float("nan"))
        mask = torch.zeros(1, 4, 4)
        assert torch.equal(paste(onto, put, 0, 0, mask), onto)
        mask[:, 1, 2] = 0.25
        got = paste(onto, rand(1, 3, 4, 4, seed=2), 0, 0, mask)
        torch.testing.assert_close(got[..., 1, 2], 0.75 * onto[..., 1, 2] + 0.25 * rand(1, 3, 4, 4, seed=2)[..., 1, 2])
        got[..., 1, 2] = onto[..., 1, 2]
        assert torch.equal(got, onto)

    def test_a_mask_of_another_size_is_stretched_over_the_source_not_over_what_is_seen_of_it(self):
        mask = torch.cat([torch.zeros(1, 1, 4), torch.ones(1, 1, 4)], dim=2)
        got = paste(torch.zeros(1, 1, 2, 4), torch.ones(1, 1, 2, 4), 2, 0, mask)
        assert float(got.max()) < 0.3  # only the left half of the source is seen, where the mask is black

    @pytest.mark.parametrize(("onto", "put", "masks"), [(3, 1, 1), (3, 2, 2), (1, 3, 2), (2, 2, 5)])
    def test_the_destination_gives_the_batch(self, onto: int, put: int, masks: int):
        a, b, m = rand(onto, 1, 2, 2), rand(put, 1, 2, 2, seed=1), rand(masks, 2, 2, seed=2)
        got = paste(a, b, 0, 0, m)
        wanted = [torch.lerp(a[i], b[i % put], m[i % masks]) for i in range(onto)]
        torch.testing.assert_close(got, torch.stack(wanted))

    def test_a_source_can_be_stretched_over_all(self):
        assert torch.equal(
            paste(torch.zeros(1, 1, 4, 6), torch.ones(1, 1, 1, 1), 0, 0, None, True), torch.ones(1, 1, 4, 6)
        )

    def test_frames_share_a_mask(self):
        got = paste(torch.zeros(1, 2, 3, 2, 2), torch.ones(1, 2, 3, 2, 2), 0, 0, torch.full((1, 2, 2), 0.5))
        assert torch.equal(got, torch.full_like(got, 0.5))

    def test_nothing_is_changed_in_place(self):
        onto, put, mask = rand(1, 1, 3, 3), rand(1, 1, 3, 3, seed=1), rand(1, 3, 3, seed=2)
        before = [each.clone() for each in (onto, put, mask)]
        paste(onto, put, 1, 1, mask)
        assert all(map(torch.equal, (onto, put, mask), before))


class TestChannels:
    def test_an_alpha_too_much_is_left_out_and_one_too_few_is_opaque(self):
        three, four = rand(1, 2, 2, 3), rand(1, 2, 2, 4)
        assert torch.equal(with_channels_of(four, three), four[..., :3])
        assert torch.equal(with_channels_of(three, four), torch.cat([three, torch.ones(1, 2, 2, 1)], -1))

    def test_a_grey_image_has_its_brightness_in_each_colour_and_the_other_way_round(self):
        grey, colour = rand(1, 2, 2, 1), rand(1, 2, 2, 4)
        assert torch.equal(with_channels_of(grey, colour)[..., :3], grey.expand(1, 2, 2, 3))
        torch.testing.assert_close(with_channels_of(grey.expand(1, 2, 2, 3), grey), grey)

    def test_splitting_and_joining_are_inverse(self):
        image = rand(2, 3, 4, 4)
        assert torch.equal(join_alpha(*split_alpha(image)), image) or torch.allclose(
            join_alpha(*split_alpha(image)), image
        )

    def test_what_has_no_alpha_is_opaque(self):
        colours, mask = split_alpha(rand(2, 3, 4, 3))
        assert torch.equal(colours, rand(2, 3, 4, 3)) and mask.shape == (2, 3, 4) and mask.max() == 0

    def test_the_shorter_batch_is_repeated(self):
        assert join_alpha(rand(1, 3, 4, 3), rand(3, 3, 4)).shape == (3, 3, 4, 4)
        assert join_alpha(rand(3, 3, 4, 3), rand(2, 6, 8)).shape == (3, 3, 4, 4)


class TestPorterDuff:
    def test_opaque_pictures_are_put_on_as_the_names_say(self):
        a, b, opaque = rand(1, 2, 3, 3), rand(1, 2, 3, 3, seed=1), torch.zeros(1, 2, 3)
        zero = torch.zeros_like(a)
        wanted = {
            "ADD": (a + b).clamp(0, 1), "CLEAR": zero, "DARKEN": torch.minimum(a, b), "DST": b, "DST_ATOP": b,
            "DST_IN": b, "DST_OUT": zero, "DST_OVER": b, "LIGHTEN": torch.maximum(a, b), "MULTIPLY": a * b,
            "OVERLAY": torch.where(b < 0.5, 2 * a * b, 1 - 2 * (1 - a) * (1 - b)), "SCREEN": 1 - (1 - a) * (1 - b),
            "SRC": a, "SRC_ATOP": a, "SRC_IN": a, "SRC_OUT": zero, "SRC_OVER": a, "XOR": zero,
        }  # fmt: skip
        gone = {"CLEAR", "DST_OUT", "SRC_OUT", "XOR"}
        assert set(wanted) == set(PORTER_DUFF)
        for mode, colour in wanted.items():
            image, mask = composite(a, opaque, b, opaque, mode)
            torch.testing.assert_close(image, colour)
            assert bool((mask == (mode in gone)).all())

    def test_half_a_picture_over_another_is_their_mean(self):
        a, b = torch.ones(1, 1, 1, 3), torch.zeros(1, 1, 1, 3)
        image, mask = composite(a, torch.full((1, 1, 1), 0.5), b, torch.zeros(1, 1, 1), "SRC_OVER")
        assert image.flatten().tolist() == [0.5] * 3 and mask.item() == 0

    def test_sizes_follow_the_destination_and_the_shortest_batch_counts(self):
        image, mask = composite(rand(3, 4, 4, 4), rand(2, 2, 2), rand(5, 6, 8, 3), rand(4, 3, 3), "SRC_OVER")
        assert image.shape == (2, 6, 8, 3) and mask.shape == (2, 6, 8)
        assert image.min() >= 0 and image.max() <= 1
