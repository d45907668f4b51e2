"""Images cut, turned, extended and resized, against what can be counted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.declare import spec_of
from heddle.graph.errors import GraphError
from nodes.image.crop import crop, crop_boxes, crop_center, crop_mask, crop_random, crop_region
from nodes.image.extend import pad_for_outpainting, stitch_images
from nodes.image.resize import resize_and_pad, resize_any, resize_longer, resize_shorter
from nodes.image.scale import scale_by, scale_to_longer, scale_to_pixels
from nodes.image.turn import flip, rotate
from tests.nodes.fake_context import FakeContext


def numbered(batch: int = 1, height: int = 6, width: int = 8, channels: int = 3) -> Tensor:
    """Every value another one."""
    count = batch * height * width * channels
    return (torch.arange(count, dtype=torch.float32) / count).view(batch, height, width, channels)


def size(image: Tensor) -> tuple[int, int]:
    return image.shape[2], image.shape[1]


def test_a_crop_is_moved_onto_the_image_and_cut_at_its_end() -> None:
    image = numbered()
    assert torch.equal(crop(image, 3, 2, 1, 4), image[:, 4:6, 1:4])
    assert torch.equal(crop(image, 100, 100, 7, 50), image[:, 5:, 7:])
    box = {"x": -5, "y": 2, "width": 3, "height": 0}
    assert torch.equal(crop_region(image, box), image[:, 2:3, :3])
    assert torch.equal(crop_region(image, {"x": 1.0, "y": 4, "width": 3, "height": 2}), crop(image, 3, 2, 1, 4))


@pytest.mark.parametrize("box", [None, {"x": 1}, {"x": "a", "y": 0, "width": 1, "height": 1}, [1, 2, 3, 4]])
def test_what_is_no_box_is_refused_with_what_is_wanted(box: Any) -> None:
    with pytest.raises(GraphError, match="x, y, width and height"):
        crop_region(numbered(), box)


def test_a_crop_is_a_copy_that_does_not_keep_the_whole_image_in_memory() -> None:
    part = crop(torch.zeros(1, 100, 100, 3), 2, 2, 0, 0)
    assert part.untyped_storage().nbytes() == 2 * 2 * 3 * 4


def test_the_middle_is_cut_evenly_and_a_short_side_stays_whole() -> None:
    image = numbered(2, 7, 9)
    assert torch.equal(crop_center(image, 3, 3), image[:, 2:5, 3:6])
    assert torch.equal(crop_center(image, 100, 3), image[:, 2:5])


def test_a_random_crop_follows_its_seed_and_reaches_every_place() -> None:
    image = numbered()
    assert torch.equal(crop_random(image, 3, 2, 2**64 - 1), crop_random(image, 3, 2, 2**64 - 1))
    corners = {float(crop_random(image, 7, 5, seed)[0, 0, 0, 0]) for seed in range(40)}
    assert corners == {float(image[0, y, x, 0]) for y in (0, 1) for x in (0, 1)}
    assert torch.equal(crop_random(image, 8, 6, 3), image)


def test_boxes_are_cut_image_by_image_all_of_one_image_together() -> None:
    images = torch.zeros(3, 40, 60, 3)
    images[0, 10:20, 30:50] = 1
    images[2, 0:5, 0:5] = 1
    left, right = ({"x": x, "y": 10, "width": 10, "height": 10} for x in (30, 40))
    ctx = FakeContext()
    cut = crop_boxes(
        images, [[left, right], [], [{"x": 0, "y": 0, "width": 5, "height": 5}]], 64, 64, 0, "stretch", ctx
    )
    assert cut.shape == (2, 64, 64, 3)
    assert bool((cut == 1).all())
    assert "1 of 3 images" in ctx.notes[0]


def test_a_box_for_all_may_lie_partly_outside_and_keeps_its_aspect_between_stripes() -> None:
    images = torch.ones(2, 40, 60, 3)
    cut = crop_boxes(images, {"x": 40, "y": -10, "width": 40, "height": 20}, 64, 64, 0, "pad", FakeContext())
    assert cut.shape == (2, 64, 64, 3)
    assert cut[:, :, :, 0].sum() == 2 * 64 * 32  # of the box 20 x 10 pixels are left
    padded = crop_boxes(images, {"x": 20, "y": 10, "width": 10, "height": 10}, 64, 64, 100, "stretch", FakeContext())
    assert torch.equal(padded, torch.ones_like(padded))


def test_without_any_box_images_stay_whole_and_that_is_said() -> None:
    for none in ([], [[], []], [[{"x": 900, "y": 0, "width": 5, "height": 5}]]):
        ctx = FakeContext()
        assert crop_boxes(torch.rand(2, 9, 9, 3), none, 64, 72, 0, "stretch", ctx).shape == (2, 72, 64, 3)
        assert "kept whole" in ctx.notes[0]


def test_what_a_mask_shows_is_cut_out_onto_a_colour_without_being_stretched() -> None:
    image = torch.ones(1, 100, 200, 3)
    mask = torch.zeros(1, 100, 200)
    mask[0, 40:60, 100:140] = 1  # 40 x 20
    made = crop_mask(image, mask, 128, 128, 1.0, 0, "#0000ff", FakeContext())
    shown = made[0, :, :, 0] > 0.5
    assert made.shape == (1, 128, 128, 3)
    assert int(shown.any(dim=0).sum()) == pytest.approx(128, abs=2)
    assert int(shown.any(dim=1).sum()) == pytest.approx(64, abs=2)
    assert made[0, 0, 0].tolist() == [0, 0, 1]
    wider = crop_mask(image, mask, 128, 128, 2.0, 0, "#0000ff", FakeContext())[0, :, :, 0] > 0.5
    assert int(wider.any(dim=0).sum()) == pytest.approx(64, abs=2)
    grown = crop_mask(image, mask, 128, 128, 2.0, 10, "black", FakeContext())[0, :, :, 0] > 0.5
    assert int(grown.any(dim=1).sum()) == pytest.approx(64 * 40 / 60, abs=2)


def test_a_cut_out_at_the_edge_of_the_image_has_the_colour_beyond_it() -> None:
    mask = torch.zeros(1, 64, 64)
    mask[0, :8, :64] = 1
    made = crop_mask(torch.ones(1, 64, 64, 4), mask, 64, 64, 1.0, 0, "#ff0000", FakeContext())
    assert made[0, 0, 0].tolist() == [1, 0, 0, 1]
    assert made[0, 32, 32].tolist() == [1, 1, 1, 1]


def test_empty_masks_and_masks_of_another_size_are_told() -> None:
    image, ctx = torch.rand(2, 64, 64, 3), FakeContext()
    made = crop_mask(image, torch.zeros(1, 16, 16), 64, 64, 1.0, 0, "#000000", ctx)
    torch.testing.assert_close(made, image, atol=1e-5, rtol=0)
    assert any("16 x 16" in note for note in ctx.notes) and any("empty" in note for note in ctx.notes)
    with pytest.raises(GraphError, match="#ff8800"):
        crop_mask(image, torch.zeros(1, 64, 64), 64, 64, 1.0, 0, "purplish", FakeContext())


def test_a_shrunk_mask_shows_less() -> None:
    mask = torch.zeros(1, 64, 64)
    mask[0, 10:50, 10:50] = 1
    made = crop_mask(torch.ones(1, 64, 64, 1), mask, 64, 64, 2.0, -10, "#000000", FakeContext())
    assert float(made.mean()) == pytest.approx(0.25, abs=0.02)


def test_a_rotation_is_clockwise_and_four_of_them_are_none() -> None:
    image = numbered()
    turned = rotate(image, "90 degrees")
    assert size(turned) == (6, 8)
    assert torch.equal(turned[0, 0, -1], image[0, 0, 0])
    assert torch.equal(rotate(turned, "270 degrees"), rotate(image, "none"))
    assert torch.equal(rotate(turned, "90 degrees"), rotate(image, "180 degrees"))


def test_flips_mirror_one_axis() -> None:
    image = numbered()
    assert torch.equal(flip(image, "x-axis: vertically")[0, 0], image[0, -1])
    assert torch.equal(flip(image, "y-axis: horizontally")[0, :, 0], image[0, :, -1])


def test_outpainting_masks_what_is_new_and_fades_only_towards_it() -> None:
    image = numbered(2, 40, 50)
    board, mask = pad_for_outpainting(image, 8, 0, 16, 0, 10)
    assert size(board) == (74, 40) and mask.shape == (1, 40, 74)
    assert torch.equal(board[:, :, 8:58], image)
    assert bool((board[:, :, :8] == 0.5).all()) and bool((mask[:, :, :8] == 1).all())
    inside = mask[0, :, 8:58]
    assert torch.equal(inside, inside[:1].expand(40, 50)), "no fading at top and bottom, where nothing was added"
    assert inside[0, :3].tolist() == pytest.approx([1.0, 0.81, 0.64])
    assert bool((inside[0, 10:40] == 0).all())


def test_a_fade_that_does_not_fit_is_left_out() -> None:
    _, mask = pad_for_outpainting(numbered(), 8, 8, 8, 8, 3)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    board, mask = pad_for_outpainting(numbered(), 0, 0, 0, 0, 2)
    assert torch.equal(board, numbered()) and not bool(mask.any())


def test_stitched_images_match_in_one_side_or_lie_in_stripes() -> None:
    first, second = torch.zeros(1, 10, 20, 3), torch.ones(2, 5, 5, 3)
    assert size(stitch_images(first, "right", True, 0, "white", image2=second)) == (30, 10)
    below = stitch_images(first, "down", True, 3, "red", image2=second)
    assert below.shape == (2, 10 + 4 + 20, 20, 3)
    assert below[0, 11, 5].tolist() == [1, 0, 0]
    striped = stitch_images(first, "left", False, 0, "blue", image2=second)
    assert size(striped) == (25, 10)
    assert striped[0, :, 0, 0].tolist() == [0, 0, 1, 1, 1, 1, 1, 0, 0, 0]
    assert striped[0, 0, 0].tolist() == [0, 0, 1]
    assert stitch_images(first, "up", True, 0, "white") is first


def test_stitched_images_may_differ_in_channels_and_then_have_an_alpha() -> None:
    made = stitch_images(torch.zeros(1, 4, 4, 3), "right", True, 2, "green", image2=torch.full((1, 4, 4, 4), 0.5))
    assert made[0, 0, :, 3].tolist() == pytest.approx([1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5], abs=1 / 255)
    grey = stitch_images(torch.full((1, 4, 4, 1), 0.5), "right", True, 0, "green", image2=torch.zeros(1, 4, 4, 3))
    assert grey[0, 0, 0].tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    "width,height,wanted", [(20, 10, (16, 8)), (10, 20, (8, 16)), (16, 16, (16, 16)), (400, 1, (16, 1))]
)
def test_a_padded_image_keeps_its_aspect_and_is_filled_up(width: int, height: int, wanted: tuple[int, int]) -> None:
    made = resize_and_pad(torch.full((2, height, width, 3), 0.5), 16, 16, "white", "bilinear")
    assert made.shape == (2, 16, 16, 3)
    assert int((made[0, :, :, 0] != 1).sum()) == wanted[0] * wanted[1]


def test_sizes_keep_the_aspect() -> None:
    image = numbered(1, 30, 50)
    assert size(scale_by(image, "area", 0.01)) == (1, 1)
    assert size(scale_by(image, "area", 1.5)) == (75, 45)
    assert size(scale_to_longer(image, "area", 100)) == (100, 60)
    assert size(scale_to_longer(image.transpose(1, 2), "area", 100)) == (60, 100)
    assert torch.equal(scale_to_longer(image, "area", 0), image)
    assert size(scale_to_longer(numbered(1, 1, 400), "area", 8)) == (8, 1)
    assert size(scale_to_pixels(image, "area", 0.01, 64)) == (128, 64)
    assert size(resize_shorter(image, 60)) == (100, 60)
    assert size(resize_longer(image, 100)) == (100, 60)


WAYS: list[tuple[dict[str, Any], tuple[int, int]]] = [
    ({"resize_type": "scale dimensions", "width": 20, "height": 30, "crop": "center"}, (20, 30)),
    ({"resize_type": "scale dimensions", "width": 0, "height": 60}, (100, 60)),
    ({"resize_type": "scale by multiplier", "multiplier": 0.5}, (25, 15)),
    ({"resize_type": "scale longer dimension", "longer_size": 100}, (100, 60)),
    ({"resize_type": "scale shorter dimension", "shorter_size": 60}, (100, 60)),
    ({"resize_type": "scale width", "width": 100}, (100, 60)),
    ({"resize_type": "scale height", "height": 15}, (25, 15)),
    ({"resize_type": "scale total pixels", "megapixels": 0.01}, (132, 79)),
    ({"resize_type": "match size", "match": torch.zeros(1, 11, 12)}, (12, 11)),
    ({"resize_type": "match size", "match": torch.zeros(1, 11, 12, 3), "crop": "disabled"}, (12, 11)),
    ({"resize_type": "scale to multiple", "multiple": 16}, (48, 16)),
    ({"resize_type": "scale to multiple", "multiple": 40}, (40, 30)),
]


@pytest.mark.parametrize(("way", "wanted"), WAYS, ids=lambda each: str(each)[:60])
def test_images_and_masks_are_resized_in_every_way(way: dict[str, Any], wanted: tuple[int, int]) -> None:
    call = spec_of(resize_any).call
    assert call is not None
    for method in ("area", "lanczos"):
        image, mask = (
            call(input=given, resize_type=way, scale_method=method)[0]
            for given in (torch.full((2, 30, 50, 3), 0.5), torch.full((2, 30, 50), 0.5))
        )
        assert image.shape == (2, wanted[1], wanted[0], 3)
        assert mask.shape == (2, wanted[1], wanted[0])
        torch.testing.assert_close(mask, torch.full_like(mask, 0.5), atol=1 / 255, rtol=0)


def test_every_way_was_tried() -> None:
    declared = spec_of(resize_any).inputs[1].options["options"]
    assert {each["key"] for each in declared} == {way["resize_type"] for way, _ in WAYS}


def test_a_multiple_cuts_and_does_not_stretch() -> None:
    circle = (torch.hypot(torch.arange(60.0)[:, None] - 29.5, torch.arange(100.0) - 49.5) < 20).float()
    way = {"resize_type": "scale to multiple", "multiple": 32}
    made = resize_any(circle[None], way, "area")[0]
    assert made.shape == (32, 96)
    rows, columns = made.max(dim=1)[0] > 0.5, made.max(dim=0)[0] > 0.5
    assert int(columns.sum()) == pytest.approx(40 * 96 / 100, abs=2)
    assert int(rows.sum()) == 32


def test_a_size_to_match_without_anything_to_match_is_refused() -> None:
    with pytest.raises(GraphError, match="link an image or a mask"):
        resize_any(numbered(), {"resize_type": "match size", "match": None, "crop": "center"}, "area")


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_an_empty_batch_stays_empty(method: str) -> None:
    assert scale_by(torch.zeros(0, 4, 4, 3), method, 2.0).shape == (0, 8, 8, 3)
    assert stitch_images(torch.zeros(0, 4, 4, 3), "up", True, 0, "white", image2=torch.zeros(0, 4, 4, 3)).shape[0] == 0


def test_what_comes_in_stays_as_it_was() -> None:
    image = numbered(1, 30, 50)
    before = image.clone()
    stitch_images(image, "right", False, 2, "red", image2=image[:, :5])
    pad_for_outpainting(image, 8, 8, 8, 8, 4)
    crop_mask(image, torch.ones(1, 30, 50), 64, 64, 1.0, 3, "#fff", FakeContext())
    crop(image, 5, 5, 0, 0).zero_()
    assert torch.equal(image, before)
