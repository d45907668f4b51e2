"""Images in files of other kinds than plain PNG."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from heddle.graph.declare import spec_of
from heddle.graph.errors import Cancelled, FileProblem, GraphError, ShapeError
from heddle.graph.results import Shown
from heddle.media.carriers import read_carried
from heddle.media.exr import encode_exr
from heddle.media.pictures import read_picture
from heddle.media.svg import with_metadata
from heddle.numerics.transfer import light_of_hlg, light_of_srgb
from nodes.image.more_files import (
    load_result,
    save_advanced,
    save_animated_webp,
    save_apng,
    save_svg,
    send_images,
)
from tests.nodes.fake_context import FakeContext

PROMPT = {"9": {"class_type": "SaveImage", "inputs": {"text": "ünïcode ]]> <b>"}}}
WORKFLOW = {"nodes": [], "version": 0.4}
REMAKING: dict[str, Any] = {"prompt": PROMPT, "extra_pnginfo": {"workflow": WORKFLOW}}


def ramp(batch: int = 1, channels: int = 3) -> torch.Tensor:
    """Values that all differ, so that no two frames are one."""
    count = batch * 20 * 33 * channels
    return (torch.arange(count, dtype=torch.float32) / count).view(batch, 20, 33, channels)


def files_of(result: Any, base: Path) -> list[Path]:
    assert isinstance(result, Shown)
    return [base / "output" / each["subfolder"] / each["filename"] for each in result.ui["images"]]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_of_16_bits_keeps_all_its_levels_and_its_workflow(channels: int, tmp_path: Path) -> None:
    images = ramp(2, channels)
    call = spec_of(save_advanced).call
    assert call is not None
    chosen = {"format": "png", "format.bit_depth": "16-bit"}
    result = call(images=images, filename_prefix="deep/a", **chosen, **REMAKING, ctx=FakeContext(tmp_path))
    first, second = files_of(result, tmp_path)
    assert (first.name, second.name) == ("a_00001_.png", "a_00002_.png")
    picture = read_picture(second)
    assert picture.frames.dtype == np.uint16
    wanted = images[1].numpy()[..., :3] if channels > 1 else images[1].expand(-1, -1, 3).numpy()
    np.testing.assert_allclose(picture.as_float()[0], wanted, atol=0.51 / 65535)
    assert read_carried(second).values == {"prompt": PROMPT, "workflow": WORKFLOW}


def decoded_exr(data: bytes) -> np.ndarray[Any, Any]:
    """As FFmpeg reads it: [H, W, channels] of red, green, blue and alpha."""
    codec: Any = av.CodecContext.create("exr", "r")
    (frame,) = codec.decode(av.Packet(data))
    planes = [np.frombuffer(plane, np.float32).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]
    order = (2, 0, 1, 3)[: len(planes)] if len(planes) > 1 else (0,)  # planes are green, blue, red, alpha
    return np.stack([planes[place] for place in order], axis=-1)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(1, 1), (16, 5), (17, 40), (50, 3)])
def test_an_exr_is_read_by_others_with_every_value(size: tuple[int, int], channels: int) -> None:
    pixels = np.random.default_rng(1).normal(0, 9, (*size, channels)).astype(np.float32)
    np.testing.assert_array_equal(decoded_exr(encode_exr(pixels, {"prompt": "{}" * 500})), pixels)
    flat = np.full((*size, channels), 0.25, np.float32)
    np.testing.assert_array_equal(decoded_exr(encode_exr(flat)), flat)


@pytest.mark.parametrize("space", ["sRGB", "HDR", "linear"])
def test_an_exr_holds_light(space: str, tmp_path: Path) -> None:
    images = ramp(1, 4) * 1.5
    way = {"format": "exr", "bit_depth": "32-bit float", "input_color_space": space}
    (path,) = files_of(save_advanced(images, "a", way, **REMAKING, ctx=FakeContext(tmp_path)), tmp_path)
    turn = {"sRGB": light_of_srgb, "HDR": light_of_hlg, "linear": torch.clone}[space]
    data = path.read_bytes()
    assert path.name == "a_00001_.exr"
    np.testing.assert_allclose(decoded_exr(data)[..., :3], turn(images[0, ..., :3]).numpy(), rtol=1e-6)
    np.testing.assert_array_equal(decoded_exr(data)[..., 3], images[0, ..., 3].numpy())
    assert json.dumps(WORKFLOW).encode() in data and b"workflow\0string\0" in data


def test_curves_of_light_have_the_points_that_their_standards_name() -> None:
    points = light_of_srgb(torch.tensor([0.0, 0.04045, 0.5, 1.0])).tolist()
    assert points == pytest.approx([0, 0.0031308, 0.21404, 1], abs=1e-5)
    assert light_of_hlg(torch.tensor([0.0, 0.5, 1.0])).tolist() == pytest.approx([0, 1 / 12, 1], abs=1e-6)
    assert float(light_of_srgb(torch.tensor(-0.5))) == -float(light_of_srgb(torch.tensor(0.5)))


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="png, exr are known"):
        save_advanced(ramp(), "a", {"format": "psd"}, ctx=FakeContext(tmp_path))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_animated_png_has_all_frames_their_time_and_its_workflow(channels: int, tmp_path: Path) -> None:
    images = ramp(3, channels)
    result = save_apng(images, "a", 8.0, 4, **REMAKING, ctx=FakeContext(tmp_path))
    (path,) = files_of(result, tmp_path)
    assert isinstance(result, Shown) and result.ui["animated"] == (True,) and path.name == "a_00001_.png"
    with Image.open(path) as opened:
        assert (getattr(opened, "n_frames", 1), opened.info["duration"]) == (3, 125)
    got = read_picture(path).as_float()
    np.testing.assert_allclose(got, images[..., :3].expand(-1, -1, -1, 3).numpy(), atol=0.51 / 255)
    assert read_carried(path).values == {"prompt": PROMPT, "workflow": WORKFLOW}


@pytest.mark.parametrize("method", ["default", "fastest", "slowest"])
def test_an_animated_webp_has_all_frames_their_time_and_its_workflow(method: str, tmp_path: Path) -> None:
    images = ramp(3)
    result = save_animated_webp(images, "a", 20.0, True, 80, method, **REMAKING, ctx=FakeContext(tmp_path))
    (path,) = files_of(result, tmp_path)
    with Image.open(path) as opened:
        assert (getattr(opened, "n_frames", 1), path.name) == (3, "a_00001_.webp")
    np.testing.assert_allclose(read_picture(path).as_float(), images.numpy(), atol=0.51 / 255)
    assert read_carried(path).values == {"prompt": PROMPT, "workflow": WORKFLOW}


def test_a_webp_with_loss_is_smaller_and_one_image_is_a_picture(tmp_path: Path) -> None:
    noise = torch.rand(1, 64, 64, 3)
    sizes = [
        files_of(save_animated_webp(noise, "a", 6.0, *way, "default", ctx=FakeContext(tmp_path)), tmp_path)[0]
        for way in ((True, 80), (False, 80), (False, 5))
    ]
    lossless, good, poor = (path.stat().st_size for path in sizes)
    assert lossless > good > poor
    assert len(read_picture(sizes[0]).frames) == 1


def test_an_animation_of_nothing_and_a_cancelled_one_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="no images"):
        save_apng(torch.zeros(0, 4, 4, 3), "a", 6.0, 4, ctx=FakeContext(tmp_path))
    with pytest.raises(Cancelled):
        save_apng(ramp(2), "a", 6.0, 4, ctx=FakeContext(tmp_path, cancel_after=0))
    with pytest.raises(ShapeError):
        save_apng(torch.zeros(1, 4, 4, 2), "a", 6.0, 4, ctx=FakeContext(tmp_path))
    assert list(tmp_path.rglob("*.*")) == []


def test_images_are_sent_and_no_file_is_written(tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path)
    assert send_images(ramp(2), ctx) == ()
    assert [format for _, format in ctx.sent] == ["png", "png"] and ctx.steps == [(1, 2), (2, 2)]
    np.testing.assert_allclose(read_picture(ctx.sent[1][0]).as_float()[0], ramp(2)[1].numpy(), atol=0.51 / 255)
    assert list(tmp_path.rglob("*.*")) == []
    fingerprint = spec_of(send_images).fingerprint
    assert fingerprint is not None and fingerprint() != fingerprint()


def test_a_result_is_loaded_by_its_place(tmp_path: Path) -> None:
    files_of(save_advanced(ramp(), "a", {"format": "png", "bit_depth": "8-bit"}, ctx=FakeContext(tmp_path)), tmp_path)
    image, _ = load_result("a_00001_.png [output]", FakeContext(tmp_path))
    torch.testing.assert_close(image, ramp(), atol=0.51 / 255, rtol=0)


class Drawings:
    def __init__(self, *drawings: bytes) -> None:
        self.data = [io.BytesIO(each) for each in drawings]


def test_drawings_are_written_with_their_workflow_one_file_each(tmp_path: Path) -> None:
    drawings = Drawings(b'<?xml version="1.0"?>\n<svg width="1" title="a>b"><g/></svg>', b"<svg></svg>")
    first, second = files_of(save_svg(drawings, "svg/a", **REMAKING, ctx=FakeContext(tmp_path)), tmp_path)
    assert (first.name, second.name, first.parent.name) == ("a_00001_.svg", "a_00002_.svg", "svg")
    text = first.read_text()
    assert text.startswith('<?xml version="1.0"?>\n<svg width="1" title="a>b"><metadata>')
    assert text.endswith("</metadata><g/></svg>")
    assert read_carried(first).values == read_carried(second).values == {"prompt": PROMPT, "workflow": WORKFLOW}
    assert drawings.data[0].tell() == 0
    (plain,) = files_of(save_svg("<svg/>", "b", ctx=FakeContext(tmp_path)), tmp_path)
    assert plain.read_text() == "<svg/>"


@pytest.mark.parametrize("content", [b"", b"\x89PNG\xff", b"<html></html>", b"<svgs>"])
def test_what_is_no_drawing_is_refused(content: bytes) -> None:
    with pytest.raises(FileProblem, match="no SVG drawing"):
        with_metadata(content, {})


def test_what_is_neither_text_nor_stream_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="svg holds int"):
        save_svg([3], "a", ctx=FakeContext(tmp_path))
