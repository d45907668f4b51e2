"""A mask becomes the alpha of a picture, and not one value of the picture is another one."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from heddle.graph.errors import FileProblem
from heddle.media import masked as module
from heddle.media.carriers import read_carried
from heddle.media.masked import alpha_of, masked_png
from heddle.media.pictures import encode_png, read_picture
from tests.heddle.media.carrier_files import TEXTS, own_text, packed_text, plain_text, png_chunk
from tests.heddle.media.deep_files import (
    animated,
    png_by_ffmpeg,
    random_deep,
    read_by_ffmpeg,
    tiff_by_ffmpeg,
    tiff_by_hand,
)

HEIGHT, WIDTH = 6, 7
RNG = np.random.default_rng(3)
MASK = RNG.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
DEEP = {channels: random_deep(HEIGHT, WIDTH, channels) for channels in (1, 2, 3, 4)}
BYTES = {channels: (values >> 8).astype(np.uint8) for channels, values in DEEP.items()}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def mask(path: Path, alpha: np.ndarray = MASK) -> bytes:
    @contextmanager
    def opened() -> Iterator[Image.Image]:
        with Image.open(path) as picture:
            yield picture

    with opened() as frame:
        return masked_png(path, frame, opened, alpha, 4)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, format, **options)
    return target.getvalue()


def pillows(values: np.ndarray, format: str = "PNG", **options: Any) -> bytes:
    return encoded(Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values), format, **options)


def palette() -> tuple[Image.Image, np.ndarray]:
    """A picture with a palette, and its colours [H, W, 3]."""
    places, colours = RNG.integers(0, 9, (HEIGHT, WIDTH), np.uint8), RNG.integers(0, 256, (9, 3), np.uint8)
    image = Image.fromarray(places).convert("P")
    image.putdata(places.ravel().tolist())
    image.putpalette(colours.ravel().tolist())
    return image, colours[places]


def kinds() -> dict[str, tuple[bytes, np.ndarray]]:
    """The bytes of a file of each kind, and its values without alpha: [H, W, 1 or 3]."""
    by_places, its_colours = palette()
    bits = Image.fromarray(MASK).convert("1")
    floats = RNG.random((HEIGHT, WIDTH, 1), np.float32)
    grey_key = png_chunk(b"tRNS", struct.pack(">H", int(DEEP[1][0, 0, 0])))
    key = png_chunk(b"tRNS", struct.pack(">HHH", *DEEP[3][0, 0].tolist()))
    frames = [Image.fromarray(BYTES[3]), Image.fromarray(BYTES[3][::-1].copy())]
    cmyk, photo = Image.fromarray(BYTES[4], "RGBA").convert("CMYK"), pillows(BYTES[3], "JPEG")

    def keyed(png: bytes, chunk: bytes) -> bytes:
        return png[:33] + chunk + png[33:]

    def as_read(data: bytes) -> np.ndarray:
        return read_picture(data).frames[0]

    return {
        "PNG, grey": (pillows(BYTES[1]), BYTES[1]),
        "PNG, grey and alpha": (pillows(BYTES[2]), BYTES[2][:, :, :1]),
        "PNG, RGB": (pillows(BYTES[3]), BYTES[3]),
        "PNG, RGBA": (pillows(BYTES[4]), BYTES[4][:, :, :3]),
        "PNG, 1 bit": (encoded(bits, "PNG"), np.asarray(bits, np.uint8)[:, :, None] * 255),
        "PNG, palette": (encoded(by_places, "PNG"), its_colours),
        "PNG, palette with a hole": (encoded(by_places, "PNG", transparency=4), its_colours),
        "PNG, palette with alpha": (encoded(by_places, "PNG", transparency=bytes(range(0, 90, 10))), its_colours),
        "PNG, 16 bits of grey": (encode_png(DEEP[1]), DEEP[1]),
        "PNG, 16 bits of grey and alpha": (encode_png(DEEP[2]), DEEP[2][:, :, :1]),
        "PNG, 16 bits of RGB": (encode_png(DEEP[3]), DEEP[3]),
        "PNG, 16 bits of RGBA": (encode_png(DEEP[4]), DEEP[4][:, :, :3]),
        "PNG, 16 bits of RGBA, interlaced": (png_by_ffmpeg(DEEP[4], is_interlaced=True), DEEP[4][:, :, :3]),
        "PNG, 16 bits of grey, one transparent": (keyed(encode_png(DEEP[1]), grey_key), DEEP[1]),
        "PNG, 16 bits of RGB, one transparent": (keyed(encode_png(DEEP[3]), key), DEEP[3]),
        "PNG, animated": (encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]), BYTES[3]),
        "PNG, animated, 16 bits": (animated(DEEP[4], DEEP[4][::-1]), DEEP[4][:, :, :3]),
        "TIFF, RGB": (pillows(BYTES[3], "TIFF"), BYTES[3]),
        "TIFF, 16 bits of grey": (tiff_by_hand(DEEP[1], order=">"), DEEP[1]),
        "TIFF, 16 bits of RGB": (tiff_by_ffmpeg(DEEP[3], "lzw"), DEEP[3]),
        "TIFF, 16 bits of RGBA": (tiff_by_hand(DEEP[4], extra=2), DEEP[4][:, :, :3]),
        "TIFF, 16 bits of RGB, channels apart": (tiff_by_hand(DEEP[3], planar=True), DEEP[3]),
        "TIFF, several pages": (tiff_by_hand(DEEP[3], DEEP[3][::-1]), DEEP[3]),
        "TIFF, float": (tiff_by_hand(floats), np.rint(floats * 65535).astype(np.uint16)),
        "TIFF, 32 bits": (tiff_by_hand(DEEP[1].astype(np.uint32)), DEEP[1]),
        "TIFF, CMYK": (encoded(cmyk, "TIFF"), np.asarray(cmyk.convert("RGB"))),
        "WebP": (pillows(BYTES[4], "WEBP", lossless=True, exact=True), BYTES[4][:, :, :3]),
        "GIF": (encoded(by_places, "GIF"), its_colours),
        "BMP": (pillows(BYTES[3], "BMP"), BYTES[3]),
        "JPEG": (photo, as_read(photo)),
        "JPEG, CMYK": (jpeg := encoded(cmyk, "JPEG"), as_read(jpeg)),
        "AVIF": (avif := pillows(BYTES[4], "AVIF"), as_read(avif)),
    }


KINDS = kinds()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture.any"


class TestValues:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_picture_keeps_its_values_and_gets_the_mask(self, kind: str, path: Path):
        data, colours = KINDS[kind]
        path.write_bytes(data)
        made = mask(path)
        deep = colours.dtype == np.uint16
        alpha = MASK.astype(np.uint16) * 257 if deep else MASK
        expected = np.dstack([colours, alpha])
        stored = read_by_ffmpeg(made) if deep else np.asarray(Image.open(io.BytesIO(made)))
        assert stored.dtype == expected.dtype
        np.testing.assert_array_equal(stored, expected)
        # Load Image reads the same, and of the original the same colours.
        picture, original = read_picture(made), read_picture(data)
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha[0], alpha)
        np.testing.assert_array_equal(picture.frames[0], np.broadcast_to(colours, (HEIGHT, WIDTH, 3)))
        if original.frames.dtype != np.float32:
            np.testing.assert_array_equal(picture.frames[0], original.frames[0])

    @given(
        hnp.arrays(
            st.sampled_from([np.uint8, np.uint16]),
            st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4])),
        ),
        st.integers(0, 1 << 30),
    )
    @settings(max_examples=60)
    def test_any_values_do(self, tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, seed: int):
        path = tmp_path_factory.mktemp("any") / "picture.png"
        path.write_bytes(encode_png(values))
        alpha = np.random.default_rng(seed).integers(0, 256, values.shape[:2], np.uint8)
        colours = values[:, :, : 1 if values.shape[2] < 3 else 3]
        picture = read_picture(mask(path, alpha))
        assert picture.alpha is not None and picture.frames.dtype == values.dtype
        np.testing.assert_array_equal(picture.frames[0], np.broadcast_to(colours, (*values.shape[:2], 3)))
        np.testing.assert_array_equal(picture.as_float().shape, (1, *values.shape[:2], 3))
        np.testing.assert_array_equal(picture.alpha[0], alpha.astype(np.uint16) * 257 if values.itemsize > 1 else alpha)
        # And again with another: the first leaves no trace.
        path.write_bytes(mask(path, alpha))
        assert mask(path, 255 - alpha) == mask(path, 255 - alpha)
        again = read_picture(mask(path, 255 - alpha))
        np.testing.assert_array_equal(again.frames, picture.frames)

    def test_a_mask_of_sixteen_bits_has_them_on_a_picture_of_sixteen(self, path: Path):
        alpha = random_deep(HEIGHT, WIDTH, 1, seed=9)[:, :, 0]
        path.write_bytes(encode_png(DEEP[3]))
        np.testing.assert_array_equal(read_by_ffmpeg(mask(path, alpha))[:, :, 3], alpha)
        path.write_bytes(encode_png(BYTES[3]))
        shallow = np.asarray(Image.open(io.BytesIO(mask(path, alpha))))[:, :, 3]
        assert np.abs(shallow * 257.0 - alpha).max() <= 128.5

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_the_opacity_of_a_mask_is_read_in_its_own_depth(self, channels: int):
        for values, opaque in ((BYTES[channels], 255), (DEEP[channels], 255)):
            png = encode_png(values)
            with Image.open(io.BytesIO(png)) as frame:
                alpha = alpha_of(frame, lambda png=png: Image.open(io.BytesIO(png)))
            wanted = values[:, :, -1] if channels in (2, 4) else np.full((HEIGHT, WIDTH), opaque)
            np.testing.assert_array_equal(alpha, wanted)


class TestTurned:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["PNG", "PNG, deep", "TIFF", "WEBP"])
    def test_a_turned_picture_is_masked_upright_and_not_turned_again(self, kind: str, orientation: int, path: Path):
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = orientation, "a camera"
        exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
        xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="%d" a="b"/></x:xmpmeta>' % orientation
        if kind == "PNG, deep":
            told = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
            png = encode_png(DEEP[3])
            data = png[:33] + told + png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + png[33:]
        else:
            info = PngInfo()
            info.add_itxt("XML:com.adobe.xmp", xmp.decode())
            options: dict[str, Any] = {
                "PNG": {"pnginfo": info},
                "WEBP": {"lossless": True, "xmp": xmp},
                "TIFF": {},
            }[kind]
            if kind == "TIFF":
                exif[700], exif[0x8769] = xmp, {0x9003: "2020:01:02 03:04:05"}
            data = pillows(BYTES[3], kind, exif=exif, **options)
        path.write_bytes(data)
        shown = read_picture(data)
        alpha = MASK if orientation < 5 else MASK.T
        masked = read_picture(made := mask(path, alpha))
        assert masked.alpha is not None
        np.testing.assert_array_equal(masked.frames, shown.frames)
        np.testing.assert_array_equal(
            masked.alpha[0] if masked.alpha.dtype == np.uint8 else masked.alpha[0] >> 8, alpha
        )
        with Image.open(io.BytesIO(made)) as picture:
            kept = picture.getexif()
            assert kept.get(0x0112, 1) == 1
            assert kept[0x010F] == "a camera" and kept.get_ifd(0x8769)[0x9003] == "2020:01:02 03:04:05"
            assert b'a="b"' in picture.info["xmp"]
        assert orientation == 1 or b"tiff:Orientation" not in made

    def test_exif_data_in_a_text_turns_it_no_second_time_either(self, path: Path):
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = 6, "a camera"
        data = exif.tobytes()
        text = f"\nexif\n{len(data):8}\n{data.hex()}\n"
        path.write_bytes(encode_png(DEEP[3], {"Raw profile type exif": text, "prompt": "{}"}))
        shown = read_picture(path)
        assert shown.frames.shape == (1, WIDTH, HEIGHT, 3)
        made = mask(path, MASK.T)
        np.testing.assert_array_equal(read_picture(made).frames, shown.frames)
        with Image.open(io.BytesIO(made)) as picture:
            assert dict(picture.getexif()) == {0x010F: "a camera"}
            assert read_carried(made).texts == {"prompt": "{}"}


class TestWhatIsSaid:
    def test_the_texts_of_a_png_stay_as_they_are(self, path: Path):
        png = encode_png(DEEP[3])
        first = (
            plain_text("prompt", TEXTS["prompt"]) + packed_text("note", "x" * 999) + png_chunk(b"gAMA", b"\0\0\xb1\x8f")
        )
        after = own_text("workflow", json.dumps({"nodes": []}))
        broken = bytearray(plain_text("broken", "text"))
        broken[-1] ^= 1
        path.write_bytes(
            png[:33] + first + png_chunk(b"bKGD", bytes(6)) + png[33:-12] + after + bytes(broken) + png[-12:]
        )
        carried = read_carried(made := mask(path))
        assert carried.texts == {"prompt": TEXTS["prompt"], "note": "x" * 999, "workflow": '{"nodes": []}'}
        assert first in made and b"bKGD" not in made and made.index(b"comf") < made.index(b"IDAT")

    @pytest.mark.parametrize("format", ["WEBP", "JPEG", "TIFF", "AVIF"])
    def test_the_workflow_in_other_files_goes_along(self, format: str, path: Path):
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = f"workflow:{TEXTS['workflow']}", f"prompt:{TEXTS['prompt']}"
        path.write_bytes(pillows(BYTES[3], format, exif=exif, icc_profile=SRGB))
        before = read_carried(path)
        made = mask(path)
        assert dict(read_carried(made).texts) == dict(before.texts) and len(before.values) == 2
        info = Image.open(io.BytesIO(made)).info
        assert json.loads(info["prompt"]) == before.values["prompt"] and info["icc_profile"] == SRGB

    def test_a_comment_of_a_gif_goes_along(self, path: Path):
        image, _ = palette()
        path.write_bytes(encoded(image, "GIF", comment=TEXTS["prompt"].encode()))
        assert read_carried(mask(path)).values == read_carried(path).values != {}

    @pytest.mark.parametrize(
        ("image", "format", "is_kept"),
        [
            (Image.fromarray(BYTES[3]), "PNG", True),
            (Image.fromarray(BYTES[3]), "JPEG", True),
            (Image.fromarray(BYTES[3]), "TIFF", True),
            (Image.fromarray(BYTES[3]).convert("CMYK"), "TIFF", False),  # the copy has other colours
            (Image.fromarray(BYTES[1][:, :, 0]), "TIFF", False),  # the copy is grey
        ],
    )
    def test_a_profile_is_kept_where_it_fits(self, image: Image.Image, format: str, is_kept: bool, path: Path):
        path.write_bytes(encoded(image, format, icc_profile=SRGB))
        assert ("icc_profile" in Image.open(io.BytesIO(mask(path))).info) == is_kept

    def test_exif_data_that_is_broken_keeps_no_picture_from_a_mask(self, path: Path):
        path.write_bytes(pillows(BYTES[3], "JPEG", exif=b"Exif\0\0no such thing"))
        np.testing.assert_array_equal(read_picture(mask(path)).frames, read_picture(path).frames)


class TestRefusing:
    def test_a_picture_larger_than_any_that_is_read_is_refused(self, path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(module, "MAX_PIXELS", HEIGHT * WIDTH - 1)
        path.write_bytes(encode_png(DEEP[3]))
        with pytest.raises(FileProblem, match="make it smaller"):
            mask(path)

    def test_a_mask_of_another_size_is_refused(self, path: Path):
        path.write_bytes(encode_png(DEEP[3]))
        with pytest.raises(FileProblem, match="the mask is 6x7 px, the picture 7x6 px"):
            mask(path, MASK.T)

    def test_rows_that_are_missing_are_not_taken_for_black(self, path: Path):
        png = encode_png(DEEP[4])
        head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT + 1, 16, 6, 0, 0, 0))
        path.write_bytes(png[:8] + head + png[33:])
        with pytest.raises(ValueError, match="rows are missing"):
            mask(path, np.zeros((HEIGHT + 1, WIDTH), np.uint8))

    @given(st.data())
    @settings(max_examples=120)
    def test_damage_is_masked_or_refused_and_nothing_else(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ):
        content = bytearray(KINDS[data.draw(st.sampled_from(sorted(KINDS)))][0])
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path = tmp_path_factory.mktemp("damaged") / "it.png"
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = mask(path)
        except (FileProblem, Image.DecompressionBombError, *module.DAMAGE):
            return
        assert zlib.crc32(made[-8:-4]) == int.from_bytes(made[-4:], "big")
