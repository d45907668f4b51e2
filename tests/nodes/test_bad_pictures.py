"""Pictures that people have by mistake or by malice, through every node that reads or writes them.

Either it is the obvious right thing, or an error of the house says what is wrong; nothing outside of the folders is
touched.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from heddle.graph.errors import FileProblem, GraphError, HeddleError, ShapeError
from heddle.media.png import SIGNATURE, chunk
from nodes.image.datasets import save_folder
from nodes.image.files import load_image, preview_image, save_image
from nodes.image.mask_files import load_mask
from nodes.image.more_files import load_result, save_advanced, save_animated_webp, save_apng
from nodes.image.save_formats import save_formats
from tests.nodes.fake_context import FakeContext

Load = Callable[[str, FakeContext], Tensor]


LOADS: dict[str, Load] = {
    "LoadImage": lambda name, ctx: load_image(name, ctx)[0],
    "LoadImageMask": lambda name, ctx: load_mask(name, "red", ctx)[..., None],
    "LoadImageOutput": lambda name, ctx: load_result(f"{name} [output]", ctx)[0],
}


@pytest.fixture(params=list(LOADS))
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Load:
    """Reads a picture that `put` put into place."""
    (tmp_path / "base/input").mkdir(parents=True)
    (tmp_path / "base/output").symlink_to(tmp_path / "base/input")
    return LOADS[request.param]


def put(tmp_path: Path, name: str, data: bytes) -> FakeContext:
    (tmp_path / "base/input" / name).write_bytes(data)
    return FakeContext(tmp_path / "base")


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def png_that_says(width: int, height: int, more: bytes = b"") -> bytes:
    """A PNG with the data of one pixel."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), more, chunk(b"IDAT", zlib.compress(bytes(4))), chunk(b"IEND", b""))
    return SIGNATURE + b"".join(parts)


def with_size(data: bytes, kind: str, side: int) -> bytes:
    """A file of 16 x 16 pixels that says it has `side` x `side`."""
    changed = bytearray(data)
    match kind:
        case "GIF":
            changed[6:10] = struct.pack("<HH", side, side)
            place = data.index(b"\x2c\0\0\0\0") + 5
            changed[place : place + 4] = struct.pack("<HH", side, side)
        case "BMP":
            changed[18:26] = struct.pack("<ii", side, side)
        case "JPEG":
            place = data.index(b"\xff\xc0") + 5
            changed[place : place + 4] = struct.pack(">HH", side, side)
        case "TIFF":
            for tag in (256, 257):
                place = data.index(struct.pack("<H", tag) + b"\4\0\1\0\0\0") + 8
                changed[place : place + 4] = struct.pack("<I", side)
    return bytes(changed)


SMALL = Image.fromarray(np.arange(768, dtype=np.uint32).astype(np.uint8).reshape(16, 16, 3))
TIFF = encoded(SMALL, "TIFF")


class TestReading:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "TGA"])
    def test_a_picture_of_one_pixel_is_one(self, kind: str, load: Load, tmp_path: Path) -> None:
        ctx = put(tmp_path, f"a.{kind.lower()}", encoded(Image.new("RGB", (1, 1), (255, 255, 255)), kind))
        image = load(f"a.{kind.lower()}", ctx)
        assert image.shape[:3] == (1, 1, 1) and float(image.min()) > 0.95

    @pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "JPEG", "TIFF"])
    def test_thirty_thousand_pixels_a_side_are_refused_from_the_header(
        self, kind: str, load: Load, tmp_path: Path
    ) -> None:
        side = 30_000
        data = png_that_says(side, side) if kind == "PNG" else with_size(encoded(SMALL, kind), kind, side)
        with pytest.raises(FileProblem, match=r"a\.bin.*: (30,000 x 30,000|900,000,000) pixels, but"):
            load("a.bin", put(tmp_path, "a.bin", data))

    def test_a_file_of_nothing_is_said_to_be_empty(self, load: Load, tmp_path: Path) -> None:
        with pytest.raises(FileProblem, match=r"a\.png.*: the file is empty"):
            load("a.png", put(tmp_path, "a.png", b""))

    def test_the_content_says_what_a_file_is_and_not_its_name(self, load: Load, tmp_path: Path) -> None:
        image = load("a.jpg", put(tmp_path, "a.jpg", encoded(SMALL, "PNG")))
        assert float(image[0, 0, 1, 0]) == pytest.approx(3 / 255)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"PK\3\4" + bytes(60), "not a picture"),
            (b"GIF89a" + bytes(3), "not a picture|damaged"),
            (png_that_says(64, 64), "damaged or cut off"),
            (encoded(SMALL, "JPEG")[:-40], "damaged or cut off"),
            (with_size(encoded(SMALL, "JPEG"), "JPEG", 900), "^ok$"),  # what it lacks is grey, as in every program
            (with_size(encoded(SMALL, "BMP"), "BMP", 900), "damaged or cut off"),
            (with_size(TIFF, "TIFF", 900), "damaged or cut off"),
            (TIFF[:8] + b"\xff" * 300 + TIFF[308:], "damaged|not a picture|^ok$"),
            (encoded(SMALL, "WEBP")[:60], "damaged or cut off|not a picture"),
            (encoded(SMALL, "AVIF")[:200], "damaged or cut off|not a picture"),
        ],
    )
    def test_files_that_lie_are_explained(self, data: bytes, words: str, load: Load, tmp_path: Path) -> None:
        try:
            load("a.png", put(tmp_path, "a.png", data))
        except FileProblem as problem:
            assert problem.message.startswith("a.png"), problem.message
            assert any(each in problem.message for each in words.split("|")), problem.message
        else:
            assert "^ok$" in words, "what is damaged outside of what is needed may be read"

    @pytest.mark.parametrize(
        "more",
        [
            chunk(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(200 << 20), 9)),
            chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(200 << 20), 9)),
            chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(bytes(200 << 20), 9)),
        ],
        ids=["text", "profile", "international text"],
    )
    def test_what_unpacks_to_too_much_is_not_unpacked(self, more: bytes, load: Load, tmp_path: Path) -> None:
        try:
            assert load("a.png", put(tmp_path, "a.png", png_that_says(1, 1, more))).shape[:3] == (1, 1, 1)
        except FileProblem as problem:
            assert problem.message.startswith("a.png")

    def test_pixels_that_are_no_numbers_are_black(self, load: Load, tmp_path: Path) -> None:
        values = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
        image = load("a.tif", put(tmp_path, "a.tif", encoded(Image.fromarray(values), "TIFF")))
        assert image[0, 0, :, 0].isfinite().all() and float(image[0, 0, 0, 0]) == 0 and float(image[0, 0, 3, 0]) == 0.5

    @pytest.mark.parametrize(
        "name", ["../a.png", "b/../../a.png", "/etc/hostname", "C:\\a.png", "\\\\host\\a.png", "a\0.png", "..", "", "."]
    )
    def test_names_that_lead_out_are_refused(self, name: str, load: Load, tmp_path: Path) -> None:
        ctx = put(tmp_path, "b.png", encoded(SMALL, "PNG"))
        (tmp_path / "a.png").write_bytes(encoded(SMALL, "PNG"))
        with pytest.raises(HeddleError):
            load(name, ctx)

    @pytest.mark.parametrize("name", ["a" * 300 + ".png", "ü" * 150 + ".png", "/".join(["b" * 200] * 30), "a\nb.png"])
    def test_names_that_no_disk_has_are_not_there(self, name: str, load: Load, tmp_path: Path) -> None:
        with pytest.raises(HeddleError):
            load(name, put(tmp_path, "b.png", encoded(SMALL, "PNG")))

    @pytest.mark.parametrize(
        "name", ["صورة.png", "🦊👩‍🔬.png", "שלום עולם.png", "日本.png", "a\u202egnp.png", "-rf.png"]
    )
    def test_names_in_any_writing_are_found(self, name: str, load: Load, tmp_path: Path) -> None:
        assert load(name, put(tmp_path, name, encoded(SMALL, "PNG"))).shape[1:3] == (16, 16)


Save = Callable[[Tensor, str, FakeContext], Any]


def formats(kind: str, **how: Any) -> Save:
    return lambda images, name, ctx: save_formats(images, name, {"format": kind, **how}, ctx=ctx)


SAVES: dict[str, Save] = {
    "SaveImage": lambda images, name, ctx: save_image(images, name, ctx=ctx),
    "png": formats("png", bit_depth="16-bit", compression=4),
    "jpeg": formats("jpeg", quality=90),
    "webp": formats("webp", lossless=True, quality=80),
    "avif": formats("avif", quality=80),
    "tiff": formats("tiff", bit_depth="8-bit"),
    "tiff 16": formats("tiff", bit_depth="16-bit"),
    "png 16": lambda images, name, ctx: save_advanced(images, name, {"format": "png", "bit_depth": "16-bit"}, ctx=ctx),
    "tiff of floats": formats("tiff", bit_depth="32-bit float"),
    "exr by format": formats("exr"),
    "exr": lambda images, name, ctx: save_advanced(
        images, name, {"format": "exr", "input_color_space": "linear"}, ctx=ctx
    ),
    "apng": lambda images, name, ctx: save_apng(images, name, 6.0, 4, ctx=ctx),
    "animated webp": lambda images, name, ctx: save_animated_webp(images, name, 6.0, True, 80, "fastest", ctx=ctx),
    "folder": lambda images, name, ctx: save_folder([images], ["set"], [name], ["overwrite"], ctx=ctx),
}
ANIMATED = ("apng", "animated webp")


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", list(SAVES))
class TestWriting:
    def test_one_pixel_is_written(self, kind: str, tmp_path: Path) -> None:
        SAVES[kind](torch.ones(1, 1, 1, 3), "a", FakeContext(tmp_path))
        (path,) = files_in(tmp_path)
        if path.suffix != ".exr" and kind != "tiff of floats":
            with Image.open(path) as picture:
                assert picture.size == (1, 1)

    @pytest.mark.parametrize("shape", [(1, 2, 30_000, 3), (1, 30_000, 2, 3)])
    def test_thirty_thousand_pixels_are_written_or_refused_in_words(
        self, kind: str, shape: tuple[int, ...], tmp_path: Path
    ) -> None:
        if "webp" in kind:
            with pytest.raises(ShapeError, match="cannot be written as WEBP"):
                SAVES[kind](torch.zeros(shape), "a", FakeContext(tmp_path))
            assert files_in(tmp_path) == []
            return
        SAVES[kind](torch.zeros(shape), "a", FakeContext(tmp_path))
        assert len(files_in(tmp_path)) == 1

    @pytest.mark.parametrize("shape", [(1, 0, 5, 3), (1, 5, 0, 3), (2, 0, 0, 3)])
    def test_images_without_pixels_are_refused(self, kind: str, shape: tuple[int, ...], tmp_path: Path) -> None:
        with pytest.raises(ShapeError):
            SAVES[kind](torch.zeros(shape), "a", FakeContext(tmp_path))
        assert files_in(tmp_path) == []

    def test_an_empty_batch_writes_nothing(self, kind: str, tmp_path: Path) -> None:
        if kind in ANIMATED:
            with pytest.raises(GraphError, match="there are no images"):
                SAVES[kind](torch.zeros(0, 4, 4, 3), "a", FakeContext(tmp_path))
        else:
            SAVES[kind](torch.zeros(0, 4, 4, 3), "a", FakeContext(tmp_path))
        assert files_in(tmp_path) == []

    def test_pixels_that_are_no_numbers_or_too_much_are_written(self, kind: str, tmp_path: Path) -> None:
        image = torch.tensor([float("nan"), float("inf"), -float("inf"), 2.0]).reshape(1, 1, 4, 1).expand(1, 4, 4, 3)
        SAVES[kind](image, "a", FakeContext(tmp_path))
        (path,) = files_in(tmp_path)
        if path.suffix != ".exr" and kind != "tiff of floats":
            with Image.open(path) as picture:
                shades = np.asarray(picture.convert("RGB"))[0, :, 0]
            # lossy ones ring at such an edge
            assert shades[0] < 60 and shades[1] > 195 and shades[2] < 60 and shades[3] > 195

    @pytest.mark.parametrize("name", ["../a", "b/../../a", "/etc/a", "C:\\a", "\\\\host\\a"])
    def test_names_that_lead_out_are_refused(self, kind: str, name: str, tmp_path: Path) -> None:
        base = tmp_path / "base"
        with pytest.raises(FileProblem):
            SAVES[kind](torch.ones(1, 2, 2, 3), name, FakeContext(base))
        assert files_in(tmp_path) == []

    @pytest.mark.parametrize(
        "name",
        ["a" * 300, "ü" * 150, "a\0b\nc\x7f", "صورة", "🦊" * 100, "a\u202eb", "שלום", "", " ", "con", "a."],
        ids=["long", "umlauts", "controls", "arabic", "foxes", "turned", "hebrew", "none", "blank", "device", "dot"],
    )
    def test_any_other_name_is_made_one_that_disks_take(self, kind: str, name: str, tmp_path: Path) -> None:
        if kind == "folder" and (len(name.encode()) > 255 or "\0" in name):
            with pytest.raises(FileProblem, match=r"shorten it|control characters"):
                SAVES[kind](torch.ones(1, 2, 2, 3), name, FakeContext(tmp_path))
            assert files_in(tmp_path) == []
            return
        SAVES[kind](torch.ones(1, 2, 2, 3), name, FakeContext(tmp_path))
        (path,) = files_in(tmp_path)
        assert (tmp_path / "output") in path.parents and len(path.name.encode()) <= 255
        assert not any(ord(letter) < 32 or letter in "\x7f\u202e" for letter in path.name)


def test_previews_take_what_saving_takes(tmp_path: Path) -> None:
    preview_image(torch.full((2, 1, 1, 3), float("nan")), ctx=FakeContext(tmp_path))
    assert len(files_in(tmp_path / "temp")) == 2
    with pytest.raises(ShapeError):
        preview_image(torch.zeros(1, 0, 3, 3), ctx=FakeContext(tmp_path))
