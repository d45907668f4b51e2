"""Parts cut out around masks and put back: of pictures of any size, with masks anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError, ShapeError
from heddle.numerics.inpaint_crops import MOST_PARTS, CropRules, cut_out, stitch_back
from heddle.numerics.sizes import bytes_of
from heddle.numerics.stored_values import to_bytes

PLAIN = CropRules(0, 0, 1.0, 0, 0, 0, 1, are_parts_apart=False)
RULES = [
    PLAIN,
    CropRules(4, 16, 1.0, 32, 96, 96, 8, are_parts_apart=False),
    CropRules(0, 6, 2.5, 0, 0, 0, 64, are_parts_apart=True),
    CropRules(2, 3, 1.5, 4, 0, 64, 8, are_parts_apart=True),
    CropRules(-1, 2, 1.0, 1, 200, 24, 1, are_parts_apart=False),
]
SIZES = [(1, 1), (1, 50), (7, 9), (64, 64), (61, 83)]


def rand(*shape: int, seed: int = 5) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def mask_of(height: int, width: int, *boxes: tuple[int, int, int, int]) -> Tensor:
    mask = torch.zeros(1, height, width)
    for top, left, bottom, right in boxes:
        mask[:, top:bottom, left:right] = 1
    return mask


def bits(tensor: Tensor) -> Tensor:
    return tensor.view(torch.int32)


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("where", ["corner", "other corner", "middle", "full", "scattered", "empty"])
def test_where_nothing_shows_every_bit_stays(rules: CropRules, size: tuple[int, int], channels: int, where: str):
    height, width = size
    images = rand(2, height, width, channels)
    images[:, height // 3, width // 3] = float("nan")
    boxes = {
        "corner": [(0, 0, 5, 4)],
        "other corner": [(height - 1, width - 1, height, width)],
        "middle": [(height // 2, width // 2, height // 2 + 6, width // 2 + 3)],
        "full": [(0, 0, height, width)],
        "scattered": [(0, 0, 1, 1), (height - 1, 0, height, 1), (height // 2, width - 2, height // 2 + 1, width)],
        "empty": [],
    }[where]
    masks = mask_of(height, width, *boxes)
    before = images.clone(), masks.clone()
    done = cut_out(images, masks, rules)
    count = len(done.places.crops)
    assert done.images.shape == (count, done.places.height, done.places.width, channels)
    assert done.masks.shape == done.soft_masks.shape == done.images.shape[:3]
    assert all(side % rules.multiple == 0 for side in done.images.shape[1:3])
    got = stitch_back(done.places, torch.full((count, *done.images.shape[1:3], 3), 2.0))
    assert got.shape == images.shape
    far = torch.ones(height, width, dtype=torch.bool)
    for top, left, bottom, right in boxes:
        reach = max(0, rules.grow_px) + rules.fade_px
        far[max(0, top - reach) : bottom + reach, max(0, left - reach) : right + reach] = False
    assert torch.equal(bits(got[:, far]), bits(images[:, far]))
    failed = stitch_back(done.places, torch.full_like(done.images, float("nan")))
    assert torch.equal(bits(failed[:, far]), bits(images[:, far])), "what a model failed to draw spoils nothing else"
    if rules.grow_px >= 0:
        assert bool((got[:, masks[0] > 0] >= 1).all())
    assert torch.equal(bits(images), bits(before[0])) and torch.equal(masks, before[1])


@pytest.mark.parametrize("multiple", [1, 8, 64])
def test_at_its_own_size_a_part_is_the_picture_to_the_bit(multiple: int):
    images = rand(1, 61, 83, 3)
    done = cut_out(images, mask_of(61, 83, (10, 20, 30, 29)), replace(PLAIN, context_px=3, multiple=multiple))
    (crop,) = done.places.crops
    assert torch.equal(crop.place.of(done.images), crop.box.of(images))
    assert torch.equal(stitch_back(done.places, done.images), images)
    if multiple == 1:
        assert (crop.box.left, crop.box.top, crop.box.right, crop.box.bottom) == (17, 7, 32, 33)


def test_context_is_a_factor_and_pixels_and_ends_with_the_picture():
    mask = mask_of(100, 100, (40, 40, 60, 50))
    wide = cut_out(rand(1, 100, 100, 3), mask, replace(PLAIN, context=2.0, context_px=5)).places
    assert (wide.width, wide.height) == (2 * 10 + 10, 2 * 20 + 10)
    edge = cut_out(rand(1, 100, 100, 3), mask_of(100, 100, (0, 0, 20, 10)), replace(PLAIN, context_px=7)).places
    assert (edge.width, edge.height) == (17, 27)


def test_more_is_cut_out_rather_than_stretched():
    done = cut_out(rand(1, 200, 300, 3), mask_of(200, 300, (90, 90, 110, 150)), replace(PLAIN, width=128, height=128))
    (crop,) = done.places.crops
    assert (crop.box.width, crop.box.height) == (60, 60) and done.images.shape == (1, 128, 128, 3)
    tall = cut_out(rand(1, 200, 300, 3), mask_of(200, 300, (90, 90, 110, 150)), replace(PLAIN, height=40, multiple=16))
    assert tall.images.shape == (1, 48, 128, 3)


def test_a_part_larger_than_its_picture_goes_on_with_the_outermost_pixels():
    images = rand(1, 10, 30, 3)
    done = cut_out(images, torch.ones(1, 10, 30), replace(PLAIN, multiple=32))
    assert done.images.shape == (1, 32, 32, 3)
    assert torch.equal(done.images[0, :11, 1:31], images[0, :1].expand(11, -1, -1))
    assert torch.equal(stitch_back(done.places, done.images), images)


def test_parts_apart_are_each_cut_out_and_all_put_back():
    images = rand(1, 80, 80, 3)
    mask = mask_of(80, 80, (2, 3, 12, 10), (50, 60, 70, 75), (30, 0, 34, 4))
    together = cut_out(images, mask, PLAIN)
    assert len(together.images) == 1 and (together.places.width, together.places.height) == (75, 68)
    apart = cut_out(images, mask, replace(PLAIN, are_parts_apart=True))
    assert apart.images.shape == (3, 20, 15, 3)
    assert apart.masks.sum(dim=(1, 2)).sort().values.tolist() == [16, 70, 300]
    colours = torch.tensor([0.0, 0.5, 1.0])[:, None, None, None].expand(3, 20, 15, 3)
    got = stitch_back(apart.places, colours)
    assert torch.equal(got[:, mask[0] == 0], images[:, mask[0] == 0])
    assert sorted({float(value) for value in got[:, mask[0] == 1].flatten()}) == [0.0, 0.5, 1.0]


def test_what_fades_together_is_one_part_and_specks_are_refused():
    mask = mask_of(20, 40, (5, 5, 10, 10), (5, 14, 10, 20))
    rules = replace(PLAIN, are_parts_apart=True)
    assert len(cut_out(rand(1, 20, 40, 3), mask, rules).images) == 2
    assert len(cut_out(rand(1, 20, 40, 3), mask, replace(rules, fade_px=3)).images) == 1
    specks = torch.zeros(1, 40, 40)
    specks[:, ::2, ::2] = 1
    with pytest.raises(GraphError, match=rf"400 parts.* {MOST_PARTS} "):
        cut_out(rand(1, 40, 40, 3), specks, rules)


def test_masks_of_a_batch_belong_to_its_pictures_and_several_to_one_picture():
    images = rand(3, 40, 40, 3)
    masks = torch.cat([mask_of(40, 40, (at, at, at + 5, at + 5)) for at in (0, 10, 20)])
    assert [each.picture for each in cut_out(images, masks, PLAIN).places.crops] == [0, 1, 2]
    assert [each.picture for each in cut_out(images, masks[:1], PLAIN).places.crops] == [0, 1, 2]
    one = cut_out(images[:1], masks, PLAIN)
    assert [each.picture for each in one.places.crops] == [0, 0, 0]
    got = stitch_back(one.places, torch.zeros(3, 5, 5, 3))
    assert len(got) == 1 and torch.equal(got[0] == 0, (masks.sum(dim=0) > 0)[..., None].expand(-1, -1, 3))


def test_an_empty_mask_among_others_gives_no_part():
    masks = torch.cat([mask_of(40, 40), mask_of(40, 40, (3, 3, 9, 9))])
    images = rand(2, 40, 40, 3)
    done = cut_out(images, masks, PLAIN)
    assert done.empty_masks == 1 and [each.picture for each in done.places.crops] == [1]
    assert torch.equal(stitch_back(done.places, torch.zeros(1, 6, 6, 3))[0], images[0])


def test_variants_of_each_part_give_variants_of_the_pictures():
    images = rand(2, 40, 40, 3)
    done = cut_out(images, mask_of(40, 40, (3, 3, 9, 9)), PLAIN)
    drawn = torch.arange(6.0)[:, None, None, None].expand(6, 6, 6, 3)
    got = stitch_back(done.places, drawn)
    assert got[:, 5, 5, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.equal(got[4, 20:], images[0, 20:]) and torch.equal(got[5, 20:], images[1, 20:])
    for wrong in (torch.zeros(3, 6, 6, 3), torch.zeros(1, 6, 6, 3)):
        with pytest.raises(ShapeError, match="2 parts"):
            stitch_back(done.places, wrong)


def test_what_was_drawn_at_another_size_is_brought_back():
    images = rand(1, 40, 40, 3)
    done = cut_out(images, mask_of(40, 40, (3, 3, 19, 11)), replace(PLAIN, multiple=8))
    for scale in (0.5, 2, 3):
        size = (round(done.places.height * scale), round(done.places.width * scale))
        got = stitch_back(done.places, torch.full((1, *size, 3), 0.25))
        assert torch.allclose(got[0, 3:19, 3:11], torch.tensor(0.25)) and torch.equal(got[0, 19:], images[0, 19:])


def test_what_is_drawn_into_a_transparent_picture_is_opaque_where_it_shows():
    images = torch.zeros(1, 20, 20, 4)
    done = cut_out(images, mask_of(20, 20, (5, 5, 10, 10)), PLAIN)
    got = stitch_back(done.places, torch.ones(1, 5, 5, 3))
    assert bool((got[0, 5:10, 5:10] == 1).all()) and float(got.sum()) == 5 * 5 * 4


def test_around_the_mask_the_new_fades_into_the_old():
    done = cut_out(torch.zeros(1, 20, 60, 1), mask_of(20, 60, (0, 20, 20, 30)), replace(PLAIN, fade_px=8))
    row = stitch_back(done.places, torch.ones(1, *done.images.shape[1:]))[0, 10, :, 0]
    assert row[20:30].min() == 1 and row[:12].max() == 0 and row[38:].max() == 0
    assert torch.allclose(row[30:38], 1 - (torch.arange(8) + 0.5) / 8)
    assert torch.allclose(done.soft_masks[0, 10], row[12:38]) and done.masks[0, 10].sum() == 10


def test_the_cache_counts_the_pictures_that_a_place_keeps_and_writes_none_to_disk():
    places = cut_out(rand(1, 50, 40, 3), mask_of(50, 40, (3, 3, 13, 9)), PLAIN).places
    assert 4 * (50 * 40 * 3 + 10 * 6) <= bytes_of(places) < 4 * (50 * 40 * 3 + 10 * 6) + 4096
    assert to_bytes(places) is None
