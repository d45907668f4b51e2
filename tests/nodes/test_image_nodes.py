"""Nodes for images, masks and boxes: what reaches them over wires, files and widgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from heddle.graph.errors import FileProblem, GraphError, HeddleError, ShapeError
from heddle.graph.results import Shown
from heddle.graph.spec import NodeSpec
from heddle.numerics.curves import CurveInput
from heddle.numerics.image_layers import Layer, Layers
from nodes.catalogue import built_in
from nodes.image.comparing import compare_images
from nodes.image.compositing import composite_masked
from nodes.image.mask_files import load_mask, preview_mask
from nodes.image.painter import paint
from nodes.image.sizes import empty_image, image_size
from nodes.text.overlay import draw_text
from nodes.utilities.boxes import create_boxes
from nodes.utilities.tones import edit_curve, pick_colour
from tests.nodes.fake_context import FakeContext
from tests.nodes.test_image_graphs import RUN_HERE

RAN = {id: spec for id, spec in built_in().items() if spec.python_module in RUN_HERE}


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def called(spec: NodeSpec, images: torch.Tensor, masks: torch.Tensor, base: Path) -> Any:
    """A node with something on each input that must have it, and images and masks wherever they are taken."""
    given: dict[str, Any] = {"ctx": FakeContext(base)} if spec.takes_context else {}
    for each in spec.inputs:
        if each.type in ("IMAGE", "MASK"):
            given[each.name] = images if each.type == "IMAGE" else masks
        elif each.type == "COMFY_AUTOGROW_V3":
            given |= {f"{each.name}.mask0": masks, f"{each.name}.mask1": masks}
        elif each.type == "COMFY_DYNAMICCOMBO_V3":
            given[each.name] = "per_frame"
        elif each.type == "BOUNDING_BOX":
            given[each.name] = {"x": 0, "y": 0, "width": 5, "height": 5}
        elif each.type == "LAYERS":
            given[each.name] = Layers((Layer(images, masks, rotation=30),))
        elif each.name == "bboxes" and each.section == "required":
            given[each.name] = [[0, 0, 5, 5], [0, 0, 1, 1]]
        elif each.section == "required":
            choice = "red" if each.name == "channel" else each.choices[0] if each.choices else "a.png"
            given[each.name] = each.options.get("default", choice)
    assert spec.call is not None
    return spec.call(**given)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[:2, :3] = (255, 51, 0, 204)
    Image.fromarray(pixels).save(tmp_path / "input" / "a.png")
    Image.fromarray(pixels[..., :3]).save(tmp_path / "input" / "opaque.png")
    return tmp_path


class TestAll:
    @pytest.mark.parametrize("id", RAN)
    @pytest.mark.parametrize("channels", [1, 3, 4])
    @pytest.mark.parametrize("size", [(1, 1), (9, 7)])
    def test_every_number_of_channels_and_the_smallest_images_are_taken_and_left_as_they_are(
        self, id: str, channels: int, size: tuple[int, int], base: Path
    ) -> None:
        images, masks = rand(2, *size, channels), rand(3, *size, seed=1)
        before = images.clone(), masks.clone()
        answer = called(RAN[id], images, masks, base)
        values = answer.values if isinstance(answer, Shown) else answer
        assert torch.equal(images, before[0]) and torch.equal(masks, before[1])
        for output, value in zip(RAN[id].outputs, values, strict=True):
            if output.type in ("IMAGE", "MASK"):
                assert value.dtype == torch.float32 and value.ndim == (4 if output.type == "IMAGE" else 3)
                assert bool(value.isfinite().all())

    @pytest.mark.parametrize(
        "id", [id for id, spec in RAN.items() if {"IMAGE", "MASK"} & {i.type for i in spec.inputs}]
    )
    def test_an_empty_batch_is_refused_with_words_or_taken(self, id: str, base: Path) -> None:
        try:
            called(RAN[id], torch.zeros(0, 4, 4, 3), torch.zeros(0, 4, 4), base)
        except HeddleError as problem:
            assert "shape" in problem.message or "empty" in problem.message
        else:
            assert id in ("GetImageSize", "ImageCompare")


class TestMaskFiles:
    def test_alpha_is_white_where_the_picture_is_transparent(self, base: Path) -> None:
        mask = load_mask("a.png", "alpha", FakeContext(base))
        assert mask.shape == (1, 4, 6) and mask[0, 3, 5] == 1
        assert float(mask[0, 0, 0]) == pytest.approx(0.2)

    @pytest.mark.parametrize(("channel", "value"), [("red", 1.0), ("green", 0.2), ("blue", 0.0)])
    def test_a_colour_is_as_bright_as_it_is(self, base: Path, channel: str, value: float) -> None:
        mask = load_mask("a.png", channel, FakeContext(base))
        assert mask.shape == (1, 4, 6) and float(mask[0, 0, 0]) == pytest.approx(value)

    def test_what_has_no_alpha_gives_an_empty_mask_of_its_size(self, base: Path) -> None:
        mask = load_mask("opaque.png", "alpha", FakeContext(base))
        assert mask.shape == (1, 4, 6) and not mask.any()

    def test_what_lies_outside_of_the_folders_is_not_read(self, base: Path) -> None:
        Image.new("RGB", (2, 2)).save(base / "secret.png")
        with pytest.raises(FileProblem, match="secret"):
            load_mask("../secret.png", "red", FakeContext(base))

    def test_masks_are_shown_as_grey_pictures_and_passed_on(self, base: Path) -> None:
        masks = torch.stack([torch.zeros(2, 3), torch.full((2, 3), 0.2)])
        shown: Any = preview_mask(masks, ctx=FakeContext(base))
        assert shown.values[0] is masks
        files = [base / "temp" / each["filename"] for each in shown.ui["images"]]
        assert [Image.open(each).getpixel((0, 0)) for each in files] == [(0, 0, 0), (51, 51, 51)]


class TestImages:
    def test_an_empty_image_has_the_colour_of_its_number(self) -> None:
        image = empty_image(3, 2, 2, 0xFF8000)
        assert image.shape == (2, 2, 3, 3)
        torch.testing.assert_close(image[1, 1, 2], torch.tensor([1.0, 128 / 255, 0.0]))

    def test_sizes_are_given_and_said(self) -> None:
        ctx = FakeContext()
        assert image_size(rand(5, 4, 6, 3), ctx=ctx) == (6, 4, 5)
        assert ctx.notes == ["width: 6, height: 4, batch size: 5"]

    def test_two_images_are_shown_side_by_side_and_one_alone_too(self, base: Path) -> None:
        shown: Any = compare_images(None, image_a=rand(1, 4, 4, 3), image_b=rand(2, 4, 4, 3), ctx=FakeContext(base))
        assert shown.values == () and [len(shown.ui[side]) for side in ("a_images", "b_images")] == [1, 2]
        assert all((base / "temp" / each["filename"]).is_file() for each in shown.ui["b_images"])
        assert list(compare_images(None, image_b=rand(1, 4, 4, 3), ctx=FakeContext(base)).ui) == ["b_images"]

    def test_pasting_outside_is_told(self) -> None:
        ctx, onto = FakeContext(), rand(1, 4, 6, 3)
        assert torch.equal(composite_masked(onto, rand(1, 2, 2, 3), 6, 0, False, ctx=ctx), onto)
        assert ctx.notes == ["(6, 0) lies outside of the destination's 6 x 4, so nothing is put on"]

    def test_what_is_no_image_is_named(self) -> None:
        with pytest.raises(ShapeError, match=r"source: shape \[4, 4, 3\]"):
            composite_masked(rand(1, 4, 4, 3), rand(4, 4, 3), 0, 0, False, ctx=FakeContext())

    def test_a_text_that_cannot_be_shown_whole_is_told(self) -> None:
        ctx = FakeContext()
        draw_text(rand(1, 16, 16, 3), "a\U0010fffd", 50, "white", "top", "left", True, ctx)
        assert "\U0010fffd" in ctx.notes[0] and "longer than the image" in ctx.notes[1]
        with pytest.raises(GraphError, match="color is 'reddish'"):
            draw_text(rand(1, 16, 16, 3), "a", 50, "reddish", "top", "left", True, ctx)


class TestPainter:
    def test_without_anything_painted_the_ground_is_left(self, base: Path) -> None:
        image, mask = paint("", 64, 128, "#ff8000", ctx=FakeContext(base))
        assert image.shape == (1, 128, 64, 3) and mask.shape == (1, 128, 64) and not mask.any()
        torch.testing.assert_close(image[0, 0, 0], torch.tensor([1.0, 128 / 255, 0.0]))

    def test_what_is_painted_lies_over_every_image(self, base: Path) -> None:
        below = rand(2, 4, 6, 3)
        image, mask = paint("a.png", 64, 64, "#000000", image=below, ctx=FakeContext(base))
        torch.testing.assert_close(mask[0, :2, :3], torch.full((2, 3), 0.8))
        torch.testing.assert_close(image[:, 0, 0], 0.8 * torch.tensor([1.0, 0.2, 0.0]) + 0.2 * below[:, 0, 0])
        assert torch.equal(image[:, 2:], below[:, 2:]) and not mask[0, 2:].any()

    def test_a_painting_of_another_size_is_stretched(self, base: Path) -> None:
        image, mask = paint("a.png", 64, 64, "#000000", ctx=FakeContext(base))
        assert image.shape == (1, 64, 64, 3) and mask.shape == (1, 64, 64)
        assert float(mask[0, 10, 10]) == pytest.approx(0.8, abs=0.02) and mask[0, 60, 60] == 0

    def test_a_painting_that_is_gone_is_named(self, base: Path) -> None:
        with pytest.raises(FileProblem, match="gone"):
            paint("painter/gone.png [input]", 64, 64, "#000000", ctx=FakeContext(base))


class TestBoxes:
    BOX = {"x": 1, "y": 2, "width": 30, "height": 20}
    OTHER = {"x": 5, "y": 5, "width": 6, "height": 7, "label": "cat"}

    def made(self, base: Path, **given: Any) -> Any:
        state = given.pop("editor_state", [])
        return create_boxes(64, 96, state, **given, ctx=FakeContext(base))

    def test_drawn_boxes_come_out_with_what_is_written_to_them(self, base: Path) -> None:
        preview, boxes, elements = self.made(base, editor_state=[self.BOX, self.OTHER]).values
        assert preview.shape == (1, 96, 64, 3) and preview.any()
        assert elements == [self.BOX, self.OTHER]
        assert boxes == [self.BOX, {key: self.OTHER[key] for key in ("x", "y", "width", "height")}]

    @pytest.mark.parametrize(
        "incoming", [OTHER, [OTHER], [[OTHER]], [[OTHER], [BOX]], '[{"x":5,"y":5,"width":6,"height":7,"label":"cat"}]']
    )
    def test_boxes_from_elsewhere_take_their_place_until_they_were_taken_over(self, base: Path, incoming: Any) -> None:
        assert self.made(base, editor_state=[self.BOX], bboxes=incoming).values[2] == [self.OTHER]
        kept = self.made(base, editor_state=[self.BOX], bboxes=incoming, last_incoming=[self.OTHER])
        assert kept.values[2] == [self.BOX]

    @pytest.mark.parametrize("incoming", [[1, 2, 30, 20], [[1, 2, 30, 20]], "[[1, 2, 30, 20]]"])
    def test_four_numbers_are_a_box(self, base: Path, incoming: Any) -> None:
        assert self.made(base, bboxes=incoming).values[1] == [self.BOX]

    @pytest.mark.parametrize("incoming", ["no json", "[1, 2]", 7, [{"x": 1}], '{"a": [1]}'])
    def test_what_is_no_box_is_refused(self, base: Path, incoming: Any) -> None:
        with pytest.raises(GraphError, match="box"):
            self.made(base, bboxes=incoming)

    def test_they_are_shown_on_a_background_of_any_size(self, base: Path) -> None:
        preview = self.made(base, background=torch.full((2, 10, 10, 4), 0.5)).values[0]
        assert preview.shape == (1, 96, 64, 3) and bool((preview == 0.5).all())


class TestTones:
    @pytest.mark.parametrize(
        ("text", "number", "plain", "opacity"),
        [
            ("#ff8000", 0xFF8000, "#ff8000", 1.0),
            ("FF800033", 0xFF8000, "#ff8000", 0.2),
            ("#abc", 0xAABBCC, "#aabbcc", 1.0),
            (" red ", 0xFF0000, "#ff0000", 1.0),
        ],
    )
    def test_a_colour_is_a_number(self, text: str, number: int, plain: str, opacity: float) -> None:
        assert pick_colour(text) == (number, plain, pytest.approx(opacity))

    def test_what_is_no_colour_is_refused(self) -> None:
        with pytest.raises(GraphError, match="color is '#12345'"):
            pick_colour("#12345")

    def test_a_curve_carries_its_histogram_to_the_page(self) -> None:
        made: Any = edit_curve({"points": [[0, 0], [1, 0.5]]}, histogram=[1, 2])
        assert made.ui == {"histogram": [1, 2]} and isinstance(made.values[0], CurveInput)
        assert made.values[0].interp(1) == 0.5
