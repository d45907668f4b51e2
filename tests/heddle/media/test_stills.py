"""Pictures of all kinds that carry what made them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from heddle.graph.errors import ShapeError
from heddle.media.carriers import read_carried
from heddle.media.exif_texts import exif_of, fitting_jpeg
from heddle.media.pictures import read_picture
from heddle.media.stills import encode_avif, encode_jpeg_with, encode_webp
from heddle.media.tiff import encode_tiff

PARAMETERS = "a cät 😀 日本\nNegative prompt: x\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x768"
TEXTS = {
    "prompt": json.dumps({"1": {"class_type": "A", "inputs": {}}}),
    "workflow": json.dumps({"nodes": [], "version": 0.4}),
    "heddle": json.dumps({"format": 1}),
    "parameters": PARAMETERS,
}


def smooth(channels: int, dtype: Any = np.uint8) -> np.ndarray:
    """A slope, which every format keeps well, odd in both sizes."""
    top = int(np.iinfo(dtype).max)
    rows, columns = np.mgrid[0:37, 0:53]
    return np.stack([(rows + columns * (n + 1)) * top // 300 for n in range(channels)], axis=2).astype(dtype)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["JPEG", "WebP", "lossless WebP", "AVIF", "TIFF"])
def test_each_kind_carries_every_text_and_shows_the_picture(kind: str, channels: int) -> None:
    pixels = smooth(channels)
    data = {
        "JPEG": lambda: encode_jpeg_with(pixels, TEXTS, 95),
        "WebP": lambda: encode_webp(pixels, TEXTS, 95, is_lossless=False),
        "lossless WebP": lambda: encode_webp(pixels, TEXTS, 50, is_lossless=True),
        "AVIF": lambda: encode_avif(pixels, TEXTS, 95),
        "TIFF": lambda: encode_tiff(pixels, TEXTS),
    }[kind]()
    carried = read_carried(data)
    assert carried.kind == kind.removeprefix("lossless ") and not carried.notes
    assert {key: carried.texts[key] for key in TEXTS} == TEXTS
    picture = read_picture(data)
    colours = np.repeat(pixels, 3, axis=2) if channels == 1 else pixels[:, :, :3]
    apart = np.abs(picture.frames[0].astype(int) - colours).max()
    assert apart == 0 if kind in ("lossless WebP", "TIFF") else apart <= 12
    assert (picture.alpha is not None) == (channels == 4 and kind != "JPEG")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_tiff_of_16_bits_keeps_all_its_levels(channels: int) -> None:
    pixels = smooth(channels, np.uint16)
    picture = read_picture(encode_tiff(pixels))
    assert picture.frames.dtype == np.uint16
    assert (picture.frames[0] == (pixels[:, :, :3] if channels > 1 else np.repeat(pixels, 3, axis=2))).all()
    if channels == 4:
        assert picture.alpha is not None and (picture.alpha[0] == pixels[:, :, 3]).all()


def test_a_tiff_of_many_strips_and_one_of_a_single_pixel_are_whole() -> None:
    large = np.arange(900 * 700 * 3, dtype=np.uint32).astype(np.uint8).reshape(900, 700, 3)
    assert (read_picture(encode_tiff(large)).frames[0] == large).all()
    assert (read_picture(encode_tiff(large[:1, :1])).frames[0] == large[:1, :1]).all()


def test_pillow_finds_the_comment_where_other_programs_look() -> None:
    with Image.open(io.BytesIO(encode_jpeg_with(smooth(3), {"parameters": PARAMETERS}, 90))) as picture:
        comment = picture.getexif().get_ifd(0x8769)[0x9286]
    assert comment == b"UNICODE\0" + PARAMETERS.encode("utf-16-be")


def test_a_jpeg_goes_without_the_longest_text_when_all_are_too_much() -> None:
    long = TEXTS | {"workflow": "x" * 70_000}
    assert fitting_jpeg(long).keys() == TEXTS.keys() - {"workflow"}
    assert fitting_jpeg(TEXTS) == TEXTS
    just = TEXTS | {"workflow": "x" * (65_533 - len(exif_of(TEXTS | {"workflow": ""})) - 1)}
    for texts, fits in ((just, True), (just | {"workflow": just["workflow"] + "xxxx"}, False)):
        assert (fitting_jpeg(texts) == texts) == fits
    assert read_carried(encode_jpeg_with(smooth(3), just, 90)).texts["workflow"] == just["workflow"]


def test_what_a_format_cannot_hold_is_said() -> None:
    with pytest.raises(ShapeError, match="20000 x 1 pixels cannot be written as WEBP, which has 1 to 16383"):
        encode_webp(np.zeros((1, 20_000, 3), np.uint8), {}, 80, is_lossless=True)
