"""Pictures of floating-point numbers: OpenEXR, Radiance, PFM and TIFF, read, written and damaged."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from heddle.graph.errors import FileProblem
from heddle.media import pictures
from heddle.media.carriers import read_carried
from heddle.media.exr import encode_exr
from heddle.media.light import BT_709, BT_2020, srgb_of_light, to_bt_709
from heddle.media.pictures import MAX_PIXELS, read_picture
from heddle.media.planes import grey_tiff
from heddle.media.tiff import encode_tiff

FLOATS = np.random.default_rng(3).normal(0.5, 2, (37, 21, 4)).astype(np.float32)
FLOATS[..., 3] = np.clip(FLOATS[..., 3], 0, 1)


def by_ffmpeg(codec: str, values: NDArray[np.float32], pixels: str, **options: str) -> bytes:
    """A picture as FFmpeg writes it."""
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.height, encoder.width = values.shape[:2]
    encoder.pix_fmt, encoder.time_base, encoder.options = pixels, Fraction(1, 25), options
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format=pixels)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def chunky_tiff(values: NDArray[Any], order: Literal["<", ">"], predictor: int, tile: int = 0) -> bytes:
    """A TIFF of floats as other programs write them, by the letter of the specification."""
    height, width, channels = values.shape
    stored = values.astype(values.dtype.newbyteorder(order))
    across, down = (tile, tile) if tile else (width, 5)

    def packed(block: NDArray[Any]) -> bytes:
        if predictor == 2:
            words = block.view(block.dtype.str.replace("f", "u")).astype(f"u{block.itemsize}")
            words[:, 1:] -= words[:, :-1].copy()
            return words.astype(words.dtype.newbyteorder(order)).tobytes()
        if predictor == 3:
            rows = []
            for row in block.astype(block.dtype.newbyteorder(">")):
                apart = np.frombuffer(row.tobytes(), np.uint8).reshape(-1, block.itemsize).T.reshape(-1, channels)
                rows.append(np.concatenate([apart[:1], apart[1:] - apart[:-1]]).tobytes())
            return b"".join(rows)
        return block.tobytes()

    pieces = []
    for top in range(0, height, down):
        for left in range(0, width, across):
            block = stored[top : top + down, left : left + across]
            if tile:
                block = np.pad(block, ((0, down - block.shape[0]), (0, across - block.shape[1]), (0, 0)))
            pieces.append(zlib.compress(packed(np.ascontiguousarray(block))))
    fields: list[tuple[int, str, Any]] = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [8 * values.itemsize] * channels),
        (259, "H", [8]),
        (262, "H", [2]),
        (277, "H", [channels]),
        (317, "H", [predictor]),
        (339, "H", [3] * channels),
        (325 if tile else 279, "I", [len(piece) for piece in pieces]),
        *([(322, "I", [tile]), (323, "I", [tile])] if tile else [(278, "I", [down])]),
        *([(338, "H", [2])] if channels == 4 else []),
    ]
    return grey_tiff(fields, 324 if tile else 273, pieces, order)


def tiled_exr(light: NDArray[np.float32], tile: int) -> bytes:
    """An EXR in tiles, nothing packed; made of one in lines, whose header says otherwise."""
    height, width, _ = light.shape
    lines = encode_exr(light)
    end = lines.index(b"screenWindowWidth\0float\0") + 24 + 4 + 4
    header = lines[:end] + b"tiles\0tiledesc\0" + struct.pack("<iIIB", 9, tile, tile, 0) + b"\0"
    header = header[:4] + struct.pack("<I", 2 | 0x200 | 0x400) + header[8:]
    header = header.replace(b"compression\0compression\0\1\0\0\0\3", b"compression\0compression\0\1\0\0\0\0")
    blocks = []
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            block = light[top : top + tile, left : left + tile, ::-1].transpose(0, 2, 1)  # blue, green, red by line
            body = np.ascontiguousarray(block, "<f4").tobytes()
            blocks.append(struct.pack("<iiiii", left // tile, top // tile, 0, 0, len(body)) + body)
    first = len(header) + 8 * len(blocks)
    places = np.cumsum([first, *map(len, blocks)])[:-1]
    return header + places.astype("<u8").tobytes() + b"".join(blocks)


def values_of(data: bytes) -> NDArray[np.float32]:
    """[H, W, 3 or 4]."""
    picture = read_picture(data)
    assert picture.frames.dtype == np.float32
    alpha = picture.alpha_as_float()
    return picture.frames[0] if alpha is None else np.concatenate([picture.frames[0], alpha[0, ..., None]], axis=2)


class TestLight:
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_an_exr_comes_back_as_values_beyond_white_and_below_black(self, channels: int) -> None:
        light = FLOATS[..., -channels:]
        wanted = srgb_of_light(light[..., :3]) if channels > 1 else np.repeat(srgb_of_light(light), 3, axis=2)
        found = values_of(encode_exr(light))
        np.testing.assert_allclose(found[..., :3], wanted, rtol=1e-5, atol=1e-6)
        assert found.shape[2] == (4 if channels == 4 else 3)
        if channels == 4:
            np.testing.assert_array_equal(found[..., 3], light[..., 3])
            assert found.max() > 1.5 and found.min() < -0.5

    def test_halves_of_other_programs_are_read(self) -> None:
        light = np.abs(FLOATS[..., :3])
        data = by_ffmpeg("exr", light, "gbrpf32le", format="half", compression="zip16")
        np.testing.assert_allclose(values_of(data), srgb_of_light(light), rtol=1e-3)

    def test_tiles_are_read(self) -> None:
        np.testing.assert_allclose(values_of(WHOLE["tiled exr"]), srgb_of_light(FLOATS[..., :3]), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("format", ["gbrpf32le", "gbrpf32be", "grayf32le"])
    def test_a_floatmap_is_read_in_either_order_of_bytes(self, format: str) -> None:
        light = FLOATS[..., 0] if format.startswith("gray") else FLOATS[..., :3]
        found = values_of(by_ffmpeg("pfm", light, format))
        np.testing.assert_allclose(found[..., 0], srgb_of_light(FLOATS[..., 0]), rtol=1e-5, atol=1e-6)

    def test_radiance_is_read_to_its_eight_bits(self) -> None:
        light = np.abs(FLOATS[..., :3]) + np.float32(0.1)
        found = values_of(by_ffmpeg("hdr", light, "gbrpf32le"))
        assert np.abs(found - srgb_of_light(light)).max() < 0.05 and found.max() > 1.5

    def test_what_is_no_number_is_black_and_the_infinite_is_cut_off(self) -> None:
        light = np.array([[[np.nan] * 3, [np.inf] * 3, [-np.inf] * 3, [0.0] * 3]], np.float32)
        found = values_of(encode_exr(light))[0, :, 0]
        assert found[0] == found[2] == found[3] == 0 and 50 < found[1] < 200

    def test_other_primaries_become_those_of_srgb(self) -> None:
        white = np.ones((2, 2, 3), np.float32)
        np.testing.assert_allclose(values_of(encode_exr(white, primaries=BT_2020)), 1, atol=1e-5)
        green = np.array([[[0, 1, 0]]], np.float32)
        # ITU-R BT.2087-0 the other way: what BT.709 needs for the green of BT.2020
        wanted = srgb_of_light(np.array([-0.5876, 1.1329, -0.1006], np.float32))
        np.testing.assert_allclose(values_of(encode_exr(green, primaries=BT_2020))[0, 0], wanted, atol=2e-3)
        other_white = (*BT_709[:6], 0.3457, 0.3585)
        np.testing.assert_allclose(to_bt_709(white, other_white), 1, atol=1e-5)

    @pytest.mark.parametrize("primaries", [(0.0,) * 8, (0.3,) * 8, (float("nan"),) * 8])
    def test_primaries_that_are_none_are_explained(self, primaries: tuple[float, ...]) -> None:
        with pytest.raises(FileProblem, match=r"damaged"):
            read_picture(encode_exr(FLOATS[..., :3], primaries=primaries))

    def test_the_curve_of_srgb_has_the_points_that_its_standard_names(self) -> None:
        points = srgb_of_light(np.array([0, 0.0031308, 0.21404, 1, -1], dtype=np.float32))
        np.testing.assert_allclose(points, [0, 0.04045, 0.5, 1, -1], atol=1e-5)

    def test_an_exr_carries_texts_of_any_length(self) -> None:
        texts = {"prompt": '{"1": {"class_type": "ü"}}', "workflow": '{"nodes": []}', "k" * 60: "x" * 300_000}
        data = encode_exr(FLOATS, texts)
        carried = read_carried(data)
        assert carried.kind == "OpenEXR" and carried.texts == texts and carried.notes == ()
        assert values_of(data).shape == FLOATS.shape
        for length in (9, 60, 300, 200_000):
            assert len(read_carried(data[:length]).notes) == 1


class TestTiff:
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_floats_come_back_to_the_bit(self, channels: int) -> None:
        values = FLOATS[..., -channels:]
        data = encode_tiff(values, {"prompt": "{}"})
        found = values_of(data)
        np.testing.assert_array_equal(found, values if channels > 1 else np.repeat(values, 3, axis=2))
        assert read_carried(data).texts == {"prompt": "{}"}

    def test_grey_floats_are_read_by_pillow(self) -> None:
        with Image.open(io.BytesIO(encode_tiff(FLOATS[..., :1]))) as picture:
            np.testing.assert_array_equal(np.asarray(picture), FLOATS[..., 0])

    def test_many_strips_are_one_picture(self) -> None:
        values = np.random.default_rng(0).random((700, 400, 3), np.float32)
        np.testing.assert_array_equal(values_of(encode_tiff(values, level=1)), values)

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("predictor", [1, 2, 3])
    @pytest.mark.parametrize("tile", [0, 16])
    @pytest.mark.parametrize("dtype", [np.float32, np.float16])
    def test_those_of_other_programs_are_read(
        self, order: Literal["<", ">"], predictor: int, tile: int, dtype: type
    ) -> None:
        values = FLOATS.astype(dtype)
        np.testing.assert_array_equal(values_of(chunky_tiff(values, order, predictor, tile)), values.astype(np.float32))

    def test_values_beyond_white_are_kept_and_what_is_no_number_is_black(self) -> None:
        values = np.array([[[np.nan, 7, -2, 5], [np.inf, -np.inf, 0.5, np.nan]]], np.float32)
        assert values_of(encode_tiff(values)).tolist() == [[[0, 7, -2, 1], [65504, 0, 0.5, 0]]]
        grey = encode_tiff(np.array([[[np.nan], [3], [-1]]], np.float32))
        assert values_of(grey)[0, :, 0].tolist() == [0, 3, -1]


WHOLE = {
    "exr": encode_exr(FLOATS, {"prompt": "{}"}),
    "tiled exr": tiled_exr(FLOATS[..., :3], 16),
    "half exr": by_ffmpeg("exr", np.abs(FLOATS[..., :3]), "gbrpf32le", format="half"),
    "pfm": by_ffmpeg("pfm", FLOATS[..., :3], "gbrpf32le"),
    "hdr": by_ffmpeg("hdr", np.abs(FLOATS[..., :3]), "gbrpf32le"),
    "tiff": encode_tiff(FLOATS),
}


class TestRefusing:
    @pytest.mark.parametrize("kind", list(WHOLE))
    @pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.999])
    def test_a_part_of_a_file_is_refused(self, kind: str, share: float) -> None:
        data = WHOLE[kind]
        with pytest.raises(FileProblem, match=r"damaged or cut off|not a picture"):
            read_picture(data[: int(len(data) * share)])

    @pytest.mark.parametrize("kind", list(WHOLE))
    @given(st.data())
    @settings(max_examples=25, deadline=None)
    def test_damage_is_shown_or_explained_and_nothing_else(self, kind: str, data: st.DataObject) -> None:
        whole = bytearray(WHOLE[kind])
        for _ in range(data.draw(st.integers(1, 3))):
            whole[data.draw(st.integers(0, min(len(whole), 900) - 1))] = data.draw(st.integers(0, 255))
        try:
            assert read_picture(bytes(whole)).frames.ndim == 4
        except FileProblem:
            pass

    @pytest.mark.parametrize(
        "data",
        [
            b"PF\n30000 30000\n-1.0\n" + bytes(64),
            b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n" + bytes(64),
            WHOLE["exr"].replace(struct.pack("<iiii", 0, 0, 20, 36), struct.pack("<iiii", 0, 0, 29_999, 29_999)),
            encode_tiff(np.zeros((2, 2, 3), np.float32))
            .replace(struct.pack("<HHII", 256, 4, 1, 2), struct.pack("<HHII", 256, 4, 1, 30_000))
            .replace(struct.pack("<HHII", 257, 4, 1, 2), struct.pack("<HHII", 257, 4, 1, 30_000)),
        ],
        ids=["pfm", "hdr", "exr", "tiff"],
    )
    def test_a_huge_picture_is_refused_from_its_header(self, data: bytes) -> None:
        with pytest.raises(FileProblem, match=f"30,000 x 30,000 pixels, but at most {MAX_PIXELS:,}"):
            read_picture(data)

    @pytest.mark.parametrize(
        "data",
        [
            b"PF\n0 5\n-1.0\n",
            b"PF\nmany\n",
            b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-X 5 +Y 5\n" + bytes(99),
            b"\x76\x2f\x31\x01",
            b"\x76\x2f\x31\x01\x02\x10\x00\x00" + WHOLE["exr"][8:],
            WHOLE["exr"].replace(struct.pack("<iiii", 0, 0, 20, 36), struct.pack("<iiii", 5, 5, 0, 0)),
            WHOLE["exr"].replace(struct.pack("<iiii", 0, 0, 20, 36), struct.pack("<iiii", 0, 0, 20, 136)),
        ],
        ids=["no width", "no size", "turned", "a beginning", "parts", "inside out", "lines that are not there"],
    )
    def test_headers_that_make_no_sense_are_explained(self, data: bytes) -> None:
        with pytest.raises(FileProblem, match=r"damaged or cut off"):
            read_picture(data)

    def test_a_file_that_is_too_large_for_ffmpeg_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pictures, "MOST_FILE_BYTES", 500)
        with pytest.raises(FileProblem, match="more than 500 bytes"):
            read_picture(WHOLE["exr"])
