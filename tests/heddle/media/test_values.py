"""Sixteen bits come in and go out to the last one; FFmpeg wrote them, or reads them again."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from heddle.graph.errors import FileProblem, ShapeError
from heddle.media.pictures import Picture, encode_png, read_picture
from heddle.media.values import in_depth
from tests.heddle.media.carrier_files import png_chunk
from tests.heddle.media.deep_files import (
    animated,
    png_by_ffmpeg,
    random_deep,
    read_by_ffmpeg,
    tiff_by_ffmpeg,
    tiff_by_hand,
)

DEEP = hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4])))


def expect_values(picture: Picture, values: np.ndarray) -> None:
    channels = values.shape[2]
    colours = values[:, :, :3] if channels > 2 else np.repeat(values[:, :, :1], 3, axis=2)
    assert picture.frames.dtype == values.dtype
    np.testing.assert_array_equal(picture.frames[0], colours)
    if channels in (2, 4):
        assert picture.alpha is not None and picture.alpha.dtype == values.dtype
        np.testing.assert_array_equal(picture.alpha[0], values[:, :, -1])
    else:
        assert picture.alpha is None


def after_head(png: bytes, *chunks: bytes) -> bytes:
    return png[:33] + b"".join(chunks) + png[33:]


class TestPng:
    @given(DEEP, st.integers(0, 9))
    @settings(max_examples=60)
    def test_what_is_written_is_read_back_here_and_elsewhere(self, values: np.ndarray, level: int):
        png = encode_png(values, {"prompt": "{}"}, level)
        expect_values(read_picture(png), values)
        np.testing.assert_array_equal(read_by_ffmpeg(png), values)
        assert Image.open(io.BytesIO(png)).info["prompt"] == "{}"

    def test_a_large_one_is_written_in_several_strips(self):
        values = random_deep(300, 700, 4)
        np.testing.assert_array_equal(read_by_ffmpeg(encode_png(values, level=1)), values)

    @pytest.mark.parametrize("is_interlaced", [False, True])
    @pytest.mark.parametrize("filtering", ["none", "sub", "up", "avg", "paeth", "mixed"])
    def test_every_filter_is_undone(self, filtering: str, is_interlaced: bool):
        for channels in (1, 2, 3, 4):
            values = random_deep(11, 13, channels)
            expect_values(read_picture(png_by_ffmpeg(values, filtering, is_interlaced=is_interlaced)), values)

    def test_one_colour_may_be_said_to_be_transparent(self):
        values = random_deep(6, 5, 3)
        values[2, 3] = (1000, 2000, 60000)
        values[2, 4] = (1001, 2000, 60000)  # the same in its upper bytes
        expected = np.dstack([values, np.full((6, 5), 65535, np.uint16)])
        expected[2, 3, 3] = 0
        key = png_chunk(b"tRNS", struct.pack(">HHH", 1000, 2000, 60000))
        expect_values(read_picture(after_head(encode_png(values), key)), expected)
        grey = values[:, :, :1]
        key = png_chunk(b"tRNS", struct.pack(">H", 1000))
        expect_values(read_picture(after_head(encode_png(grey), key)), expected[:, :, [0, 3]])

    @pytest.mark.parametrize("orientation", [3, 6])
    def test_a_turned_picture_stands_upright_in_all_bits(self, orientation: int):
        values = random_deep(4, 6, 4)
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = np.rot90(values, 2 if orientation == 3 else 1)
        png = after_head(encode_png(stored), png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
        expect_values(read_picture(png), values)

    def test_a_profile_of_srgb_changes_nothing(self):
        values = random_deep(4, 6, 3)
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        same = after_head(encode_png(values), png_chunk(b"iCCP", b"x\0\0" + zlib.compress(srgb)))
        expect_values(read_picture(same), values)

    def test_an_animation_has_its_first_frame_in_all_bits_and_the_others_in_eight(self):
        frames = [random_deep(6, 5, 4, seed) | np.array([0, 0, 0, 0xFFFF], np.uint16) for seed in (0, 1)]
        picture = read_picture(animated(*frames))
        assert picture.frames.dtype == np.uint16 and len(picture.frames) == 2
        np.testing.assert_array_equal(picture.frames[0], frames[0][:, :, :3])
        np.testing.assert_array_equal(picture.frames[1], (frames[1][:, :, :3] >> 8) * 257)

    @pytest.mark.parametrize("shape", [(0, 4, 3), (4, 0), (0, 0, 1)])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_no_pixels_are_no_picture(self, shape: tuple[int, ...], dtype: type):
        with pytest.raises(ShapeError, match="no pixels"):
            encode_png(np.zeros(shape, dtype))


class TestDamage:
    def test_half_a_file_is_refused(self):
        for channels in (1, 2, 3, 4):
            png = png_by_ffmpeg(random_deep(40, 40, channels))
            with pytest.raises(FileProblem, match="damaged or cut off"):
                read_picture(png[: len(png) // 2])

    @pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # it comes too, before our refusal
    def test_a_size_that_lies_is_refused(self):
        png = encode_png(random_deep(8, 8, 4))
        for width, height, said in ((8, 80, "damaged"), (40_000, 40_000, "pixels"), (12_000, 12_000, "pixels")):
            head = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
            with pytest.raises(FileProblem, match=said):
                read_picture(png[:8] + png_chunk(b"IHDR", head) + png[33:])

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("is_interlaced", [False, True])
    def test_rows_that_are_missing_are_not_taken_for_black(self, channels: int, is_interlaced: bool):
        png = png_by_ffmpeg(random_deep(9, 9, channels) * 0, is_interlaced=is_interlaced)
        assert not read_picture(png).frames.any()
        for taller in (10, 90):
            head = bytearray(png[16:29])
            head[4:8] = struct.pack(">I", taller)
            with pytest.raises(FileProblem, match="damaged or cut off"):
                read_picture(png[:8] + png_chunk(b"IHDR", bytes(head)) + png[33:])

    @given(st.data())
    @settings(max_examples=120)
    @pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of the damage too
    def test_damage_is_shown_or_explained_and_nothing_else(self, data: st.DataObject):
        values = random_deep(6, 5, data.draw(st.sampled_from([1, 2, 3, 4])))
        is_tiff = values.shape[2] > 2 and data.draw(st.booleans())
        content = bytearray(tiff_by_ffmpeg(values, "lzw") if is_tiff else encode_png(values))
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        try:
            picture = read_picture(bytes(content))
        except FileProblem:
            return
        assert picture.frames.ndim == 4 and picture.frames.shape[3] == 3


class TestTiff:
    @pytest.mark.parametrize("compression", ["raw", "packbits", "lzw", "deflate"])
    @pytest.mark.parametrize("channels", [3, 4])
    def test_sixteen_bits_of_colour_are_kept(self, compression: str, channels: int):
        values = random_deep(37, 23, channels)
        expect_values(read_picture(tiff_by_ffmpeg(values, compression)), values)

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_in_either_order_of_bytes(self, order: Literal["<", ">"]):
        values = random_deep(5, 7, 4)
        expect_values(read_picture(tiff_by_hand(values[:, :, :3], order=order)), values[:, :, :3])
        expect_values(read_picture(tiff_by_hand(values, order=order, extra=2)), values)
        expect_values(read_picture(tiff_by_hand(values, order=order, extra=0)), values[:, :, :3])

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_channels_may_lie_apart(self, order: Literal["<", ">"]):
        values = random_deep(5, 7, 4)
        first, second = values[:, :, :3], random_deep(5, 7, 3, seed=1)
        expect_values(read_picture(tiff_by_hand(first, order=order, planar=True)), first)
        expect_values(read_picture(tiff_by_hand(values, order=order, planar=True, extra=2)), values)
        expect_values(read_picture(tiff_by_hand(values, order=order, planar=True, extra=0)), first)
        pages = read_picture(tiff_by_hand(first, second, order=order, planar=True))
        np.testing.assert_array_equal(pages.frames, [first, second])
        cut = tiff_by_hand(first, order=order, planar=True)
        with pytest.raises(FileProblem, match="damaged"):
            read_picture(cut.replace(struct.pack(f"{order}3I", 70, 70, 70), struct.pack(f"{order}3I", 70, 70, 7000)))

    def test_packed_channels_may_lie_apart(self):
        values = random_deep(5, 7, 3)
        packed = tiff_by_hand(values, planar=True, compress=True)
        assert len(packed) != len(tiff_by_hand(values, planar=True))
        expect_values(read_picture(packed), values)

    def test_colours_stored_times_their_alpha_are_divided_by_it(self):
        values = random_deep(5, 7, 4)
        values[0, 0, 3], values[0, 1, 3] = 0, 65535
        times = values.astype(np.float64) * (values[:, :, 3:] / 65535)
        times[:, :, 3] = values[:, :, 3]
        picture = read_picture(tiff_by_hand(np.rint(times).astype(np.uint16), extra=1))
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha[0], values[:, :, 3])
        np.testing.assert_array_equal(picture.frames[0, 0, 1], values[0, 1, :3])
        seen = np.abs(picture.frames[0] - values[:, :, :3].astype(np.float64)) * (values[:, :, 3:] / 65535)
        assert seen[values[:, :, 3] > 0].max() <= 1

    def test_pages_of_several_depths_share_the_deepest(self):
        pages = random_deep(6, 5, 3), random_deep(6, 5, 3, seed=1), (random_deep(6, 5, 3, seed=2) >> 8).astype(np.uint8)
        picture = read_picture(tiff_by_hand(*pages, random_deep(2, 2, 3)))
        assert picture.frames.dtype == np.uint16 and len(picture.frames) == 3
        np.testing.assert_array_equal(picture.frames[1], pages[1])
        np.testing.assert_array_equal(picture.frames[2], pages[2].astype(np.uint16) * 257)

    def test_floats_stay_floats_also_beyond_black_and_white(self):
        values = np.array([[[0.25], [2.0], [-1.0], [np.nan]]], np.float32)
        picture = read_picture(tiff_by_hand(values))
        np.testing.assert_array_equal(picture.frames[0, 0, :, 0], np.array([0.25, 2, -1, 0], np.float32))


class TestDepths:
    def test_every_eight_bits_survive_the_way_through_sixteen(self):
        values = np.arange(256, dtype=np.uint8)
        deep = in_depth(values, np.uint16)
        np.testing.assert_array_equal(in_depth(deep, np.uint8), values)
        np.testing.assert_array_equal(in_depth(deep, np.float32), in_depth(values, np.float32))

    def test_every_sixteen_bits_survive_the_way_through_floats(self):
        values = np.arange(65536).astype(np.uint16)
        np.testing.assert_array_equal(in_depth(in_depth(values, np.float32), np.uint16), values)
