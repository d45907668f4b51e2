"""A picture with a mask as its alpha: a PNG with the picture's own values, in its own depth, and what the file says.

Colours that PNG does not have (CMYK, YCbCr, Lab) become sRGB, as they are read anywhere else; float values and those of
32 bits the nearest of 16. Of several frames the first is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.media.carriers import read_carried
from heddle.media.pictures import MAX_PIXELS, encode_png, space_of, to_srgb, too_large
from heddle.media.png import chunk, has_all_rows, join_chunks, kept_chunks, profile_chunk, text_chunks
from heddle.media.values import DAMAGE, Again, deep_values, in_depth, upright

_GREY_MODES = ("1", "L", "LA", "La")
_COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr")
_EXIF_PART, _GPS_PART = 0x8769, 0x8825
# Of a TIFF file, whose own tags are in the same place: description, make, model, program, date, artist, copyright.
_SAYING = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
_XMP = "XML:com.adobe.xmp"
_NO_TAGS_BYTES = 14  # EXIF data with an empty directory
_TURNABLE = (
    _XMP.encode(),
    b"Raw profile type exif",
    b"Raw profile type APP1",
)  # texts of a PNG that may hold an orientation


def masked_png(path: Path, frame: Image.Image, again: Again, alpha: NDArray[Any], level: int) -> bytes:
    """The bytes of the picture at `path` with another alpha.

    Args:
        frame: its first frame, opened, no pixel of it read.
        alpha: [H, W], uint8 or uint16, of the upright picture; the highest value opaque.
        level: zlib's effort, 0..9.
    Raises: FileProblem, if the alpha is of another size or the picture larger than any that is read; any of DAMAGE.
    """
    if frame.width * frame.height > MAX_PIXELS:
        size = say("{width:,} x {height:,} pixels", width=frame.width, height=frame.height)
        raise too_large(path.name, path, size)
    if frame.format == "PNG":
        with path.open("rb") as file:
            if not has_all_rows(file):
                raise ValueError("rows are missing")
    deep = deep_values(frame, again)
    frame.load()
    shown = upright(frame)
    if shown.size != (size := alpha.shape[::-1]):
        raise FileProblem(
            say(
                "the mask is {mask} px, the picture {picture} px; draw the mask in the picture's size",
                mask=f"{size[0]}x{size[1]}",
                picture=f"{shown.width}x{shown.height}",
            )
        )
    if deep is not None:
        values, has_own_colours = in_depth(deep, np.dtype(np.uint16)), True
    else:
        values, has_own_colours = _eight_bits(shown)
    chunks = list(_said(path, frame.format or "", shown, is_turned=shown is not frame))
    if frame.format != "PNG" and has_own_colours:
        chunks.insert(0, _profile_of(shown, "GRAY" if values.shape[2] < 3 else "RGB"))
    return encode_png(_with_alpha(values, alpha), level=level, chunks=b"".join(chunks))


def alpha_of(frame: Image.Image, again: Again) -> NDArray[Any]:
    """[H, W], uint8 or uint16: the opacity of a picture, upright; all of it opaque if the file says nothing of it.

    Args:
        frame: opened, no pixel of it read.
    """
    deep = deep_values(frame, again)
    if deep is None:
        return np.asarray(upright(frame).convert("RGBA").getchannel("A"))
    return deep[:, :, -1] if deep.shape[2] in (2, 4) else np.full(deep.shape[:2], 255, np.uint8)


def _eight_bits(shown: Image.Image) -> tuple[NDArray[np.uint8], bool]:
    """[H, W, C] of a picture of 8 bits or fewer, its alpha of no meaning; and whether the colours are its own."""
    if shown.mode in _GREY_MODES:
        grey = np.asarray(shown.convert("L") if shown.mode == "1" else shown.convert("LA"))
        return (grey[:, :, None] if grey.ndim == 2 else grey), True
    if shown.mode in ("RGB", "RGBA"):
        return np.asarray(shown), True
    if shown.mode in _COLOUR_MODES:
        return np.asarray(shown.convert("RGBA")), True  # to RGB, a palette's transparent colours would be mixed
    return np.asarray(to_srgb(shown, shown)), False


def _with_alpha(values: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    colours = 1 if values.shape[2] < 3 else 3
    masked = np.empty((*values.shape[:2], colours + 1), values.dtype)
    masked[:, :, :colours] = values[:, :, :colours]
    masked[:, :, colours] = in_depth(alpha, values.dtype)
    return masked


def _profile_of(shown: Image.Image, space: str) -> bytes:
    """The profile of the picture's colours as a chunk, or nothing."""
    profile = shown.info.get("icc_profile")
    return profile_chunk(profile) if profile and space_of(profile) == space else b""


def _said(path: Path, format: str, shown: Image.Image, *, is_turned: bool) -> Iterator[bytes]:
    """Chunks of what the file says of its picture, but for the profile of its colours."""
    is_png = format == "PNG"
    if is_png:
        with path.open("rb") as file:
            yield join_chunks(each for each in kept_chunks(file) if not (is_turned and _may_turn(*each)))
    else:
        yield text_chunks({key: text.replace("\0", "") for key, text in read_carried(path).texts.items()})
    xmp = shown.info.get("xmp") or shown.info.get(_XMP)
    if xmp and (is_turned or not is_png):
        data = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
        yield chunk(b"iTXt", _XMP.encode() + b"\0\0\0\0\0" + data.rstrip(b"\0"))
    try:
        exif = _tags_of(shown) if format == "TIFF" else shown.info.get("exif", b"")
        if not exif and is_turned:  # in a text of a PNG
            exif = shown.getexif().tobytes()
    except DAMAGE:  # of what is broken nothing is kept
        return
    if len(exif := exif.removeprefix(b"Exif\0\0")) > _NO_TAGS_BYTES:
        yield chunk(b"eXIf", exif)


def _may_turn(kind: bytes, data: bytes) -> bool:
    return kind in (b"tEXt", b"zTXt", b"iTXt") and data.partition(b"\0")[0] in _TURNABLE


def _tags_of(shown: Image.Image) -> bytes:
    """EXIF data of a TIFF file, whose tags also say how its pixels are stored: only what describes the picture."""
    found = shown.getexif()
    kept = Image.Exif()
    for tag in _SAYING:
        if tag in found:
            kept[tag] = found[tag]
    for part in (_EXIF_PART, _GPS_PART):
        if tags := found.get_ifd(part):
            kept[part] = dict(tags)
    return kept.tobytes()
