import errno
import io
import json
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from heddle.graph.errors import FileProblem
from heddle.media import pictures
from heddle.media.carriers import read_carried
from heddle.media.pictures import (
    MAX_PIXELS,
    encode_jpeg,
    encode_png,
    read_picture,
    remaking_texts,
    to_bytes,
    write_png,
)
from heddle.media.png import profile_chunk

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def four_corners(mode: str = "RGB") -> Image.Image:
    """40 x 20 pixels: red, green above blue, white."""
    image = Image.new("RGB", (40, 20))
    for box, colour in (((0, 0), RED), ((20, 0), GREEN), ((0, 10), BLUE), ((20, 10), WHITE)):
        image.paste(colour, (*box, box[0] + 20, box[1] + 10))
    return image.convert(mode)


def in_mode(mode: str) -> Image.Image:
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(four_corners(), srgb, lab, outputMode="LAB")
        assert image is not None
        return image
    by_way_of = {"PA": "P", "LA": "L"}.get(mode, "RGB")
    return four_corners(by_way_of).convert(mode)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, format, **options)
    return target.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A header that claims a size, and almost no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


class TestReading:
    @pytest.mark.parametrize(
        ("format", "options", "tolerance"),
        [
            ("PNG", {}, 0),
            ("BMP", {}, 0),
            ("TIFF", {}, 0),
            ("TIFF", {"compression": "tiff_lzw"}, 0),
            ("WEBP", {"lossless": True}, 0),
            ("GIF", {}, 0),
            ("TGA", {}, 0),
            ("JPEG", {"quality": 95, "subsampling": 0}, 12),
            ("AVIF", {"quality": 95, "subsampling": "4:4:4"}, 12),
        ],
    )
    def test_every_format_shows_the_same_picture(self, format: str, options: dict[str, Any], tolerance: int):
        picture = read_picture(encoded(four_corners(), format, **options))
        assert picture.frames.shape == (1, 20, 40, 3) and picture.alpha is None
        seen = [picture.frames[0, y, x] for y, x in ((4, 8), (4, 32), (15, 8), (15, 32))]
        np.testing.assert_allclose(seen, [RED, GREEN, BLUE, WHITE], atol=tolerance)

    @given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]))))
    @settings(max_examples=60)
    def test_what_is_written_as_png_is_read_back_exactly(self, pixels: np.ndarray):
        picture = read_picture(encode_png(pixels))
        channels = pixels.shape[2]
        colour = pixels[:, :, :3] if channels > 1 else np.repeat(pixels, 3, axis=2)
        np.testing.assert_array_equal(picture.frames[0], colour)
        if channels == 4:
            assert picture.alpha is not None
            np.testing.assert_array_equal(picture.alpha[0], pixels[:, :, 3])
        else:
            assert picture.alpha is None

    @given(
        hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]))),
        st.dictionaries(st.sampled_from(["prompt", "a b"]), st.text(max_size=9).filter(lambda t: "\0" not in t)),
        st.integers(0, 9),
    )
    @settings(max_examples=60)
    def test_few_pixels_are_written_as_many_are(self, pixels: np.ndarray, texts: dict[str, str], level: int):
        small = encode_png(pixels, texts, level)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pictures, "_FEW_BYTES", 0)
            large = encode_png(pixels, texts, level)
        ours, pillows = Image.open(io.BytesIO(small)), Image.open(io.BytesIO(large))
        assert ours.mode == pillows.mode and ours.info == pillows.info
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(pillows))

    @given(hnp.arrays(np.uint8, (4, 5, 3)))
    @settings(max_examples=30)
    def test_bytes_survive_the_way_through_floats(self, pixels: np.ndarray):
        np.testing.assert_array_equal(to_bytes(read_picture(encode_png(pixels)).as_float()[0]), pixels)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_a_turned_photograph_stands_upright(self, orientation: int):
        turns = {
            1: None,
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,  # what undoes the camera's turn, done in advance
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }
        turn = turns[orientation]
        stored = four_corners() if turn is None else four_corners().transpose(turn)
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture = read_picture(encoded(stored, "PNG", exif=exif))
        np.testing.assert_array_equal(picture.frames[0], np.asarray(four_corners()))

    @pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB", "RGBA", "LA", "PA"])
    def test_every_colour_mode_becomes_rgb(self, mode: str):
        source = in_mode(mode)
        picture = read_picture(encoded(source, "TIFF" if mode in ("CMYK", "YCbCr", "LAB", "PA") else "PNG"))
        assert picture.frames.shape == (1, 20, 40, 3) and picture.frames.dtype == np.uint8
        assert (picture.alpha is not None) == (mode in ("RGBA", "LA", "PA"))
        assert picture.frames[0, 15, 32].min() > 250, "white stays white"

    def test_a_palette_may_have_a_hole(self):
        image = four_corners("P")
        red = image.getpixel((0, 0))
        picture = read_picture(encoded(image, "PNG", transparency=red))
        assert picture.alpha is not None
        assert picture.alpha[0, 0, 0] == 0 and picture.alpha[0, 0, 39] == 255

    def test_sixteen_bits_of_grey_are_kept(self):
        ramp = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16) + 3
        picture = read_picture(encoded(Image.fromarray(ramp), "PNG"))
        assert picture.frames.dtype == np.uint16
        np.testing.assert_array_equal(picture.frames[0, :, :, 1], ramp)
        np.testing.assert_allclose(picture.as_float()[0, :, :, 0], ramp / 65535, atol=1e-6)

    def test_an_animation_is_a_batch_with_holes_where_they_are(self):
        frames = [
            Image.new("RGBA", (8, 8), (*colour, alpha)) for colour, alpha in ((RED, 255), (GREEN, 0), (BLUE, 128))
        ]
        data = encoded(
            frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True, duration=50
        )
        picture = read_picture(data)
        assert picture.frames.shape == (3, 8, 8, 3)
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha[:, 0, 0], [255, 0, 128])

    def test_pages_of_another_size_are_left_out(self):
        pages = [Image.new("RGB", size, RED) for size in ((8, 8), (4, 4), (8, 8))]
        picture = read_picture(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
        assert picture.frames.shape == (2, 8, 8, 3)

    def test_another_colour_space_becomes_srgb(self):
        # Lab to sRGB is known: L = 53.6, a = 0, b = 0 is the middle grey 128.
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        same = read_picture(encoded(four_corners(), "PNG", icc_profile=profile))
        np.testing.assert_array_equal(same.frames[0], np.asarray(four_corners()))
        # The same profile with red and blue exchanged: its red must come out as blue.
        swapped = _with_swapped_primaries(profile)
        turned = read_picture(encoded(four_corners(), "PNG", icc_profile=swapped))
        assert turned.frames[0, 4, 8].tolist() == pytest.approx(BLUE, abs=3)
        assert turned.frames[0, 15, 32].tolist() == pytest.approx(WHITE, abs=3)

    def test_another_colour_space_of_sixteen_bits_becomes_srgb_too(self):
        swapped = _with_swapped_primaries(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        deep = np.asarray(four_corners()).astype(np.uint16) * 257
        turned = read_picture(encode_png(deep, chunks=profile_chunk(swapped)))
        assert turned.as_float()[0, 4, 8].tolist() == pytest.approx([0, 0, 1], abs=0.012)

    def test_a_broken_colour_profile_changes_nothing(self):
        picture = read_picture(encoded(four_corners(), "PNG", icc_profile=b"\0" * 200))
        np.testing.assert_array_equal(picture.frames[0], np.asarray(four_corners()))


def _with_swapped_primaries(profile: bytes) -> bytes:
    """An ICC profile whose rXYZ and bXYZ tags have changed places, under another name."""
    changed = bytearray(profile)
    count = int.from_bytes(profile[128:132], "big")
    for i in range(count):
        at = 132 + 12 * i
        swapped = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(profile[at : at + 4])
        if swapped:
            changed[at : at + 4] = swapped
    return bytes(changed).replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))


class TestRefusing:
    def test_a_huge_picture_is_refused_from_its_header(self):
        with pytest.raises(FileProblem, match=f"1,600,000,000 pixels, but at most {MAX_PIXELS:,}"):
            read_picture(png_of_size(40_000, 40_000), name="big.png")

    @pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # it comes too, before our refusal
    def test_a_picture_between_our_limit_and_the_librarys_is_refused_too(self):
        with pytest.raises(FileProblem, match="make it smaller"):
            read_picture(png_of_size(13_000, 13_000))

    def test_many_frames_count_together(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(pictures, "MAX_PIXELS", 200)
        frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE, WHITE)]
        data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        with pytest.raises(FileProblem, match="more than 3 frames"):
            read_picture(data)

    @pytest.mark.parametrize(
        ("data", "hint"),
        [
            (b"", "empty"),
            (b"hello, I am a text" * 9, "not a picture"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
            (b"\x89PNG\r\n\x1a\n", "PNG|damaged"),
            (png_of_size(64, 64), "damaged or cut off"),
            (png_of_size(0, 0), "not a picture|damaged"),
        ],
    )
    def test_what_is_no_picture_is_named_with_the_next_step(self, data: bytes, hint: str, tmp_path: Path):
        path = tmp_path / "it.png"
        path.write_bytes(data)
        with pytest.raises(FileProblem, match=hint) as caught:
            read_picture(path)
        assert caught.value.path == str(path)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path):
        with pytest.raises(FileProblem, match="no such file"):
            read_picture(tmp_path / "none.png")
        with pytest.raises(FileProblem, match="folder"):
            read_picture(tmp_path)

    @pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
    def test_half_a_file_is_refused(self, format: str):
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
        data = encoded(noise, format)
        with pytest.raises(FileProblem):
            read_picture(data[: len(data) // 2])

    @given(st.data())
    @settings(max_examples=150)
    @pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of the damage too
    def test_damage_is_shown_or_explained_and_nothing_else(self, data: st.DataObject):
        format = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "ICO", "TGA"]))
        content = bytearray(encoded(four_corners(), format))
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        try:
            picture = read_picture(bytes(content))
        except FileProblem:
            return
        assert picture.frames.ndim == 4 and picture.frames.shape[3] == 3


class TestWriting:
    PIXELS = np.zeros((4, 4, 3), np.uint8)

    def test_a_write_replaces_and_makes_folders(self, tmp_path: Path):
        path = tmp_path / "a/b/x.png"
        write_png(path, self.PIXELS)
        write_png(path, self.PIXELS + 9)
        assert read_picture(path).frames.max() == 9
        assert os.listdir(path.parent) == ["x.png"]

    @pytest.mark.parametrize(
        ("number", "hint"),
        [
            (errno.ENOSPC, "disk is full"),
            (errno.EFBIG, "of that size"),
            (errno.EROFS, "read-only"),
            (errno.EACCES, "output-directory"),
            (errno.EIO, "check the disk"),
        ],
    )
    @pytest.mark.parametrize("step", ["open", "fsync", "replace"])
    def test_a_failure_leaves_the_older_file_and_nothing_new(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str, step: str
    ):
        path = tmp_path / "x.png"
        path.write_bytes(b"older")

        def fail(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, step, fail)
        with pytest.raises(FileProblem, match=hint) as caught:
            write_png(path, self.PIXELS)
        monkeypatch.undo()
        assert caught.value.path == str(path)
        assert os.listdir(tmp_path) == ["x.png"] and path.read_bytes() == b"older"

    def test_a_file_in_the_place_of_a_folder_is_explained(self, tmp_path: Path):
        (tmp_path / "a").write_text("x")
        with pytest.raises(FileProblem, match="folder is needed"):
            write_png(tmp_path / "a/x.png", self.PIXELS)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may write anywhere")
    def test_a_folder_that_is_really_read_only_is_explained(self, tmp_path: Path):
        tmp_path.chmod(0o500)
        with pytest.raises(FileProblem, match="read-only"):
            write_png(tmp_path / "x.png", self.PIXELS)

    def test_values_that_are_no_numbers_become_black(self):
        values = np.array([[[math.nan, -1.0, 2.0], [math.inf, -math.inf, 0.5]]], np.float32)
        assert to_bytes(values).tolist() == [[[0, 0, 255], [255, 0, 128]]]


class TestMetadata:
    WORKFLOW = {"nodes": [{"title": "Grüße 日本 😀", "value": 1 << 60}], "version": 0.4}
    PIXELS = np.zeros((2, 2, 3), np.uint8)

    def test_a_picture_carries_what_can_remake_it(self, tmp_path: Path):
        texts = remaking_texts({"3": {"class_type": "KSampler"}}, {"workflow": self.WORKFLOW, "pack_note": [1]})
        write_png(tmp_path / "x.png", self.PIXELS, texts)
        found = read_carried(tmp_path / "x.png").texts
        assert list(found) == ["prompt", "workflow", "pack_note"]
        assert json.loads(found["workflow"]) == self.WORKFLOW
        assert Image.open(tmp_path / "x.png").info["workflow"] == texts["workflow"], "other programs read the same"

    def test_the_chunks_are_plain_text_ones(self):
        data = encode_png(self.PIXELS, remaking_texts({}, {"workflow": self.WORKFLOW}))
        assert b"tEXtprompt\0{}" in data and b"tEXtworkflow\0{" in data and b"iTXt" not in data

    def test_numbers_that_json_does_not_know_are_kept(self):
        text = read_carried(encode_png(self.PIXELS, remaking_texts({"a": math.nan, "b": -math.inf}, None))).texts[
            "prompt"
        ]
        assert math.isnan(json.loads(text)["a"]) and json.loads(text)["b"] == -math.inf

    @given(st.text(max_size=40).filter(lambda t: "\0" not in t))
    @settings(max_examples=60)
    def test_any_text_comes_back(self, text: str):
        assert read_carried(encode_png(self.PIXELS, {"parameters": text})).texts["parameters"] == text

    @pytest.mark.parametrize("key", ["", " ", "x" * 200, "schlüssel", "日本", "a\nb"])
    def test_an_odd_key_does_not_stop_the_picture(self, key: str):
        found = read_carried(encode_png(self.PIXELS, {key: "text"})).texts
        assert list(found.values()) == ["text"]


@pytest.mark.parametrize("shape", [(20, 40, 3), (20, 40)])
def test_a_jpeg_is_read_back_nearly_as_it_was(shape: tuple[int, ...]) -> None:
    pixels = np.linspace(0, 255, math.prod(shape)).astype(np.uint8).reshape(shape)
    read = read_picture(encode_jpeg(pixels))
    assert read.format == "JPEG"
    wanted = pixels if len(shape) == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
    assert np.abs(read.frames[0].astype(int) - wanted).mean() < 4


def test_a_lower_quality_makes_a_smaller_jpeg() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert len(encode_jpeg(pixels, quality=30)) < len(encode_jpeg(pixels, quality=90))
