import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from PIL import Image

from heddle.graph.declare import spec_of
from heddle.graph.errors import Cancelled, FileProblem, ShapeError
from heddle.graph.results import Shown
from heddle.media.carriers import read_carried
from heddle.media.pictures import write_png
from nodes.image.files import load_image, preview_image, save_image
from tests.nodes.fake_context import FakeContext

PROMPT = {"9": {"class_type": "SaveImage", "inputs": {}}}
WORKFLOW = {"nodes": [], "version": 0.4}


def put_picture(path: Path, mode: str, colour: tuple[int, ...], size: tuple[int, int] = (6, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def shown(result: object) -> Shown:
    assert isinstance(result, Shown)
    return result


class TestLoadImage:
    def test_a_picture_becomes_an_image_and_an_empty_mask(self, tmp_path: Path):
        put_picture(tmp_path / "input/a.png", "RGB", (255, 51, 0))
        image, mask = load_image("a.png", FakeContext(tmp_path))
        assert image.shape == (1, 4, 6, 3) and image.dtype == torch.float32
        torch.testing.assert_close(image[0, 0, 0], torch.tensor([1.0, 0.2, 0.0]))
        assert mask.shape == (1, 64, 64) and mask.max() == 0

    def test_the_mask_is_where_the_picture_is_transparent(self, tmp_path: Path):
        put_picture(tmp_path / "input/a.png", "RGBA", (0, 0, 0, 51))
        _, mask = load_image("a.png", FakeContext(tmp_path))
        assert mask.shape == (1, 4, 6)
        torch.testing.assert_close(mask, torch.full((1, 4, 6), 0.8))

    def test_sixteen_bits_come_in_whole(self, tmp_path: Path):
        values = np.random.default_rng(0).integers(0, 1 << 16, (4, 6, 4), np.uint16)
        write_png(tmp_path / "input/a.png", values)
        image, mask = load_image("a.png", FakeContext(tmp_path))
        np.testing.assert_array_equal(np.rint(image[0].numpy() * 65535), values[:, :, :3])
        np.testing.assert_array_equal(np.rint((1 - mask[0].numpy()) * 65535), values[:, :, 3])

    def test_an_animation_becomes_a_batch(self, tmp_path: Path):
        frames = [Image.new("RGB", (6, 4), (shade, 0, 0)) for shade in (0, 128, 255)]
        (tmp_path / "input").mkdir()
        frames[0].save(tmp_path / "input/a.gif", save_all=True, append_images=frames[1:])
        image, mask = load_image("a.gif", FakeContext(tmp_path))
        assert image.shape == (3, 4, 6, 3) and mask.shape == (3, 64, 64)
        torch.testing.assert_close(image[:, 0, 0, 0], torch.tensor([0.0, 128 / 255, 1.0]))

    def test_a_result_can_be_loaded_by_its_place(self, tmp_path: Path):
        put_picture(tmp_path / "output/s/a.png", "RGB", (255, 255, 255))
        image, _ = load_image("s/a.png [output]", FakeContext(tmp_path))
        assert image.min() == 1

    @pytest.mark.parametrize("name", ["none.png", "../secret.png", "broken.png"])
    def test_what_cannot_be_loaded_is_named(self, tmp_path: Path, name: str):
        put_picture(tmp_path / "secret.png", "RGB", (0, 0, 0))
        (tmp_path / "input").mkdir()
        (tmp_path / "input/broken.png").write_bytes((tmp_path / "secret.png").read_bytes()[:44])
        with pytest.raises(FileProblem, match=name):
            load_image(name, FakeContext(tmp_path))


class TestSaveImage:
    def test_each_image_of_a_batch_is_a_numbered_file_that_carries_its_workflow(self, tmp_path: Path):
        images = torch.rand(2, 4, 6, 3, generator=torch.manual_seed(0))
        ctx = FakeContext(tmp_path)
        result = shown(save_image(images, "cats/a", prompt=PROMPT, extra_pnginfo={"workflow": WORKFLOW}, ctx=ctx))
        assert result.values[0] is images
        assert result.ui == {
            "images": [
                {"filename": "a_00001_.png", "subfolder": "cats", "type": "output"},
                {"filename": "a_00002_.png", "subfolder": "cats", "type": "output"},
            ]
        }
        found = read_carried(tmp_path / "output/cats/a_00002_.png").texts
        assert {key: json.loads(text) for key, text in found.items()} == {"prompt": PROMPT, "workflow": WORKFLOW}
        pixels = np.asarray(Image.open(tmp_path / "output/cats/a_00001_.png"))
        np.testing.assert_allclose(pixels / 255, images[0], atol=0.5 / 255 + 1e-6)
        assert ctx.steps == [(1, 2), (2, 2)]

    @given(hnp.arrays(np.uint8, (2, 3, 4)))
    @settings(max_examples=20)
    def test_a_loaded_picture_is_saved_unchanged(self, tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray):
        base = tmp_path_factory.mktemp("base")
        (base / "input").mkdir()
        Image.fromarray(pixels).save(base / "input/a.png")  # RGBA
        image, mask = load_image("a.png", FakeContext(base))
        save_image(torch.cat([image, 1 - mask[..., None]], -1), "b", ctx=FakeContext(base))
        np.testing.assert_array_equal(np.asarray(Image.open(base / "output/b_00001_.png")), pixels)

    def test_the_size_and_the_day_can_stand_in_the_name(self, tmp_path: Path):
        before = datetime.now().year
        result = shown(save_image(torch.zeros(1, 4, 6, 3), "%year%/%width%x%height%", ctx=FakeContext(tmp_path)))
        written = result.ui["images"][0]
        assert written["filename"] == "6x4_00001_.png"
        assert written["subfolder"] in (str(before), str(before + 1))

    @pytest.mark.parametrize("channels", [1, 4])
    def test_grey_and_transparent_images_are_written_too(self, tmp_path: Path, channels: int):
        save_image(torch.ones(1, 4, 6, channels), "a", ctx=FakeContext(tmp_path))
        assert Image.open(tmp_path / "output/a_00001_.png").mode == {1: "L", 4: "RGBA"}[channels]

    @pytest.mark.parametrize("shape", [(4, 6, 3), (1, 4, 6, 2), (1, 3, 4, 6)])
    def test_other_shapes_are_refused_before_anything_is_written(self, tmp_path: Path, shape: tuple[int, ...]):
        with pytest.raises(ShapeError, match="batch, height, width"):
            save_image(torch.zeros(shape), "a", ctx=FakeContext(tmp_path))
        assert not (tmp_path / "output").exists()

    def test_a_cancelled_batch_keeps_what_is_whole(self, tmp_path: Path):
        with pytest.raises(Cancelled):
            save_image(torch.zeros(5, 4, 6, 3), "a", ctx=FakeContext(tmp_path, cancel_after=2))
        assert sorted(p.name for p in (tmp_path / "output").iterdir()) == ["a_00001_.png", "a_00002_.png"]

    def test_many_are_written_in_their_order(self, tmp_path: Path):
        images = torch.rand(12, 64, 64, 3)
        images[:, 0, 0, 0] = torch.arange(12) / 255
        save_image(images, "a_%batch_num%", ctx=FakeContext(tmp_path))
        for number in range(12):
            pixels = np.asarray(Image.open(tmp_path / f"output/a_{number}_00001_.png"))
            assert pixels[0, 0, 0] == number

    def test_a_prefix_that_leaves_the_folder_is_refused(self, tmp_path: Path):
        with pytest.raises(FileProblem, match="filename_prefix"):
            save_image(torch.zeros(1, 4, 6, 3), "../a", ctx=FakeContext(tmp_path / "base"))
        assert list(tmp_path.rglob("*.png")) == []


class TestPreviewImage:
    def test_a_preview_lies_in_the_temp_folder_under_a_new_name_each_time(self, tmp_path: Path):
        images = torch.zeros(1, 4, 6, 3)
        results = [shown(preview_image(images, prompt=PROMPT, ctx=FakeContext(tmp_path))) for _ in range(2)]
        first, second = (result.ui["images"][0] for result in results)
        assert first["type"] == "temp" and first["filename"] != second["filename"]
        assert read_carried(tmp_path / "temp" / first["filename"]).values["prompt"] == PROMPT
        assert not (tmp_path / "output").exists()


def test_the_declarations_are_those_that_workflows_rely_on():
    load, save, preview = (spec_of(each) for each in (load_image, save_image, preview_image))
    assert (load.id, load.category, load.display_name) == ("LoadImage", "image", "Load Image")
    assert [(o.name, o.type) for o in load.outputs] == [("IMAGE", "IMAGE"), ("MASK", "MASK")]
    assert load.inputs[0].files == "input" and load.inputs[0].options["image_upload"] is True
    assert [i.name for i in save.inputs] == ["images", "filename_prefix", "prompt", "extra_pnginfo"]
    assert save.inputs[1].options["default"] == "ComfyUI"
    assert [(o.name, o.type) for o in save.outputs] == [("images", "IMAGE")]
    assert [i.section for i in preview.inputs] == ["required", "hidden", "hidden"]
    assert save.is_output and preview.is_output and not load.is_output
