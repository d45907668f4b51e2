"""The node that writes many kinds of files, and what files carry of their making."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heddle.graph.context import Context
from heddle.graph.declare import spec_of
from heddle.graph.errors import GraphError
from heddle.graph.results import Shown
from heddle.media.carriers import read_carried
from heddle.media.pictures import read_picture
from heddle.settings.options import HOUSE
from nodes.image.files import load_image, save_image
from nodes.image.mask_files import load_mask
from nodes.image.save_formats import save_formats
from nodes.metadata import texts_for
from tests.nodes.fake_context import FakeContext

CAPSULE = {"format": 1, "files": [{"kind": "checkpoints", "name": "a.safetensors", "sha256": "ab" * 32}]}
PROMPT: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["1", 1]}},
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0],
            "positive": ["2", 0],
            "negative": ["2", 0],
            "latent_image": ["9", 0],
            "seed": 5,
            "steps": 20,
            "cfg": 7.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1.0,
        },
    },
    "7": {"class_type": "HeddleSaveImage", "inputs": {"images": ["3", 0]}},
}
CHOICES: list[tuple[str, dict[str, Any]]] = [
    ("png", {"bit_depth": "8-bit", "compression": 4}),
    ("png", {"bit_depth": "16-bit", "compression": 0}),
    ("jpeg", {"quality": 95}),
    ("webp", {"lossless": True, "quality": 80}),
    ("webp", {"lossless": False, "quality": 95}),
    ("avif", {"quality": 95}),
    ("tiff", {"bit_depth": "8-bit"}),
    ("tiff", {"bit_depth": "16-bit"}),
    ("tiff", {"bit_depth": "32-bit float"}),
    ("exr", {}),
]


def house(base: Path) -> FakeContext:
    ctx = FakeContext(base)
    ctx.capsule = CAPSULE
    return ctx


def slope(batch: int = 1, channels: int = 3) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(33.0), indexing="ij")
    one = torch.stack([(rows + columns) / 60 + channel / 50 for channel in range(channels)], dim=-1)
    return one.expand(batch, -1, -1, -1)


def save(ctx: Context, base: Path, kind: str, how: dict[str, Any], images: torch.Tensor, **more: Any) -> list[Path]:
    call = spec_of(save_formats).call
    assert call is not None
    given: dict[str, Any] = {"format": kind, **{f"format.{key}": value for key, value in how.items()}}
    given |= {"prompt": PROMPT, "extra_pnginfo": {"workflow": {"nodes": [], "version": 0.4}}} | more
    result = call(images=images, filename_prefix="a", ctx=ctx, **given)
    assert isinstance(result, Shown)
    return [base / "output" / each["filename"] for each in result.ui["images"]]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("kind", "how"), CHOICES)
def test_each_format_writes_each_image_with_all_that_made_it(
    kind: str, how: dict[str, Any], channels: int, tmp_path: Path
) -> None:
    images = slope(2, channels)
    paths = save(house(tmp_path), tmp_path, kind, how, images, parameters=True)
    ending = {"jpeg": "jpg", "tiff": "tif"}.get(kind, kind)
    assert [path.name for path in paths] == [f"a_0000{n}_.{ending}" for n in (1, 2)]
    carried = read_carried(paths[1])
    assert carried.values["prompt"] == PROMPT and carried.values["heddle"] == CAPSULE
    assert "workflow" in carried.texts and "Model hash: ababababab" in carried.texts["parameters"]
    picture = read_picture(paths[1])
    assert (picture.frames.dtype == np.uint16) == (how.get("bit_depth") == "16-bit")
    wanted = images[1].expand(-1, -1, 3)[..., :3] if channels == 1 else images[1][..., :3]
    assert np.abs(picture.as_float()[0] - wanted.numpy()).max() < (0.05 if "quality" in how else 0.5 / 255 + 1e-6)


@pytest.mark.parametrize("workflow", [True, False])
@pytest.mark.parametrize("parameters", [True, False])
@pytest.mark.parametrize("capsule", [True, False])
def test_each_switch_leaves_its_own_part_out(workflow: bool, parameters: bool, capsule: bool, tmp_path: Path) -> None:
    switches = {"workflow": workflow, "parameters": parameters, "capsule": capsule}
    (path,) = save(house(tmp_path), tmp_path, "png", {"bit_depth": "8-bit", "compression": 4}, slope(), **switches)
    there = set(read_carried(path).texts)
    assert there == ({"prompt", "workflow"} if workflow else set()) | ({"parameters"} if parameters else set[str]()) | (
        {"heddle"} if capsule else set[str]()
    )


def test_a_graph_that_has_no_such_text_is_noted_and_saved_without(tmp_path: Path) -> None:
    ctx = house(tmp_path)
    loaded = {"1": {"class_type": "LoadImage", "inputs": {}}}
    how = {"bit_depth": "8-bit", "compression": 4}
    (path,) = save(ctx, tmp_path, "png", how, slope(), parameters=True, prompt=loaded)
    assert "parameters" not in read_carried(path).texts
    assert "no parameters are written" in ctx.notes[0]


def test_a_jpeg_whose_workflow_is_too_long_is_noted_and_can_still_be_made_again(tmp_path: Path) -> None:
    ctx = house(tmp_path)
    long = {"workflow": {"nodes": [], "version": 0.4, "extra": "x" * 70_000}}
    (path,) = save(ctx, tmp_path, "jpeg", {"quality": 90}, slope(), extra_pnginfo=long)
    assert read_carried(path).values["prompt"] == PROMPT
    assert ctx.notes == ["a JPEG has room for 64 KB of metadata, so it goes without workflow"]


@pytest.mark.parametrize(("kind", "how"), [("tiff", {"bit_depth": "32-bit float"}), ("exr", {})])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_floats_keep_what_lies_beyond_black_and_white(
    kind: str, how: dict[str, Any], channels: int, tmp_path: Path
) -> None:
    images = slope(1, channels) * 5 - 1
    images = images.clone()
    images[..., 3:].clamp_(0, 1)
    (path,) = save(house(tmp_path), tmp_path, kind, how, images)
    loaded, mask = load_image(f"{path.name} [output]", house(tmp_path))
    wanted = images.expand(-1, -1, -1, 3) if channels == 1 else images[..., :3]
    torch.testing.assert_close(loaded, wanted, atol=1e-5, rtol=1e-5)
    assert float(loaded.max()) > 2 and float(loaded.min()) < -0.5
    if channels == 4:
        torch.testing.assert_close(1 - mask, images[..., 3])
    shown = load_mask(f"{path.name} [output]", "red", house(tmp_path))
    assert float(shown.max()) == 1 and float(shown.min()) == 0, "a mask ends at 0 and 1"


def test_values_that_are_no_numbers_and_a_format_that_is_not_known(tmp_path: Path) -> None:
    (path,) = save(house(tmp_path), tmp_path, "tiff", {"bit_depth": "16-bit"}, torch.full((1, 2, 2, 3), float("nan")))
    assert not read_picture(path).frames.any()
    with pytest.raises(GraphError, match="format is 'bmp'"):
        save(house(tmp_path), tmp_path, "bmp", {}, slope())


def test_files_that_are_to_carry_nothing_carry_nothing(tmp_path: Path) -> None:
    ctx = house(tmp_path)
    ctx.writes_metadata = False
    how = {"bit_depth": "8-bit", "compression": 4}
    (path,) = save(ctx, tmp_path, "png", how, slope(), parameters=True)
    assert not read_carried(path).texts
    save_image(slope(), "b", prompt=PROMPT, extra_pnginfo={"workflow": {}}, ctx=ctx)
    assert not read_carried(tmp_path / "output" / "b_00001_.png").texts


def test_the_capsule_of_an_earlier_run_does_not_travel_on() -> None:
    ctx = FakeContext()
    texts = texts_for(PROMPT, {"workflow": {}, "heddle": {"torch": "old"}}, ctx)
    assert texts.keys() == {"prompt", "workflow"}
    ctx.capsule = CAPSULE
    assert json.loads(texts_for(PROMPT, {"heddle": {"torch": "old"}}, ctx)["heddle"]) == CAPSULE


def test_every_node_that_writes_what_made_a_file_goes_one_way() -> None:
    others = {
        path.relative_to(HOUSE).as_posix()
        for room in ("nodes", "comfy_api")
        for path in (HOUSE / room).rglob("*.py")
        if "remaking_texts(" in path.read_text(encoding="utf-8")
    }
    assert others == {"nodes/metadata.py"}, "use texts_for of nodes/metadata.py, which knows --disable-metadata"
