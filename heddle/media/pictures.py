"""Pictures: read from the formats that people have, written as PNG together with what can remake them."""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.media.whole_files import write_whole

MAX_PIXELS = 1 << 27
"""Over all frames of one picture, about 11,600 x 11,600. Below Pillow's own limit: ours is the one that speaks."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "ICO", "TGA")
"""Formats that are read. Named one by one: among Pillow's others is one that starts a program (EPS)."""

_FEW_BYTES = 16 << 10  # of pixels

_SPOKEN = "PNG, JPEG, WebP, GIF, TIFF, BMP or AVIF"

# Decoders meet damaged files with any of these.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Picture:
    """The frames of one file, upright, in sRGB.

    Attributes:
        frames: [N, H, W, 3], uint8, or uint16 where the file is deeper, or float32 (then 0..1).
        alpha: [N, H, W] of the same type, the highest value opaque; None if the file says nothing of it.
    """

    frames: NDArray[Any]
    alpha: NDArray[Any] | None
    format: str

    def as_float(self) -> NDArray[np.float32]:
        """[N, H, W, 3], 0..1."""
        return _to_unit(self.frames)

    def alpha_as_float(self) -> NDArray[np.float32] | None:
        """[N, H, W], 0..1, 1 = opaque."""
        return None if self.alpha is None else _to_unit(self.alpha)


def read_picture(source: Path | bytes, name: str = "") -> Picture:
    """Read all frames of a picture that have the first one's size.

    Args:
        name: what messages call it; the path if empty.
    Raises: FileProblem, if it is missing, empty, damaged, larger than MAX_PIXELS or no picture.
    """
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    path = source if isinstance(source, Path) else None
    try:
        with _stream(source) as stream:
            if not stream.read(1):
                words = "{name}: the file is empty; it was probably cut off while being saved, so get it again"
                raise FileProblem(say(words, name=name), path=path)
            with _opened(stream) as opened:
                return _read_frames(opened, name, path)
    except FileProblem:
        raise
    except Image.DecompressionBombError as error:  # raised from the header, before any pixel is read
        found = re.search(r"\d+", str(error))
        raise _too_large(
            name, path, say("{count:,} pixels", count=int(found[0])) if found else say("too many pixels")
        ) from error
    except UnidentifiedImageError as error:
        words = "{name}: not a picture that can be read; save it as {formats}"
        raise FileProblem(say(words, name=name, formats=_SPOKEN), path=path) from error
    except _DAMAGE as error:
        words = "{name}: the picture is damaged or cut off ({why}); get it again"
        raise FileProblem(say(words, name=name, why=str(error)), path=path) from error


def write_png(path: Path, pixels: NDArray[np.uint8], metadata: Mapping[str, str] | None = None, level: int = 4) -> None:
    """Write a PNG, whole or not at all, over an older file of that name.

    Args:
        pixels: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4].
        metadata: key -> text, such as `remaking_texts` makes.
        level: zlib's effort, 0..9.
    Raises: FileProblem.
    """
    write_whole(path, encode_png(pixels, metadata, level))


def encode_png(pixels: NDArray[np.uint8], metadata: Mapping[str, str] | None = None, level: int = 4) -> bytes:
    """The bytes of a PNG; arguments as `write_png`."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if 0 < pixels.nbytes <= _FEW_BYTES and pixels.dtype == np.uint8:
        return _small_png(pixels, metadata or {}, level)
    texts = PngInfo()
    for key, text in (metadata or {}).items():
        keyword = _keyword(key)
        if text.isascii():
            texts.add_text(keyword, text)
        else:  # readers disagree on whether a tEXt chunk is Latin-1 or UTF-8; of iTXt there is no doubt
            texts.add_itxt(keyword, text.encode("utf-8", "replace").decode())
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(target, "PNG", pnginfo=texts, compress_level=level)
    return target.getvalue()


def _small_png(pixels: NDArray[np.uint8], metadata: Mapping[str, str], level: int) -> bytes:
    """The same for few pixels, which are packed in less time than Pillow takes to begin."""
    height, width = pixels.shape[:2]
    kind = {2: 0, 3: 2, 4: 6}[2 if pixels.ndim == 2 else pixels.shape[2]]  # grey, RGB, RGBA
    parts = [b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    for key, text in metadata.items():
        keyword = _keyword(key).encode("latin-1")
        if text.isascii():
            parts.append(_chunk(b"tEXt", keyword + b"\0" + text.encode()))
        else:
            parts.append(_chunk(b"iTXt", keyword + b"\0\0\0\0\0" + text.encode("utf-8", "replace")))
    rows = np.zeros((height, 1 + pixels.size // height), np.uint8)  # before each row, that it stands there as it is
    rows[:, 1:] = pixels.reshape(height, -1)
    parts += (_chunk(b"IDAT", zlib.compress(rows.tobytes(), level)), _chunk(b"IEND", b""))
    return b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))))


def encode_jpeg(pixels: NDArray[np.uint8], quality: int = 85) -> bytes:
    """The bytes of a JPEG without metadata.

    Args:
        pixels: [H, W] or [H, W, 3].
        quality: 1..95, as the JPEG library counts.
    """
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(target, "JPEG", quality=quality)
    return target.getvalue()


def to_bytes(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """0..1 to 0..255, to the nearest. What is no number becomes 0."""
    tidy = np.fmin(np.fmax(values, 0), 1)  # of a number and none, these two give the number
    return (tidy * 255 + 0.5).astype(np.uint8)


def remaking_texts(prompt: Any, extra: Mapping[str, Any] | None) -> dict[str, str]:
    """What a picture carries: the API-form graph as `prompt`, and each further entry (`workflow`) under its own key."""
    entries = ({} if prompt is None else {"prompt": prompt}) | dict(extra or {})
    # ASCII only, so that every reader agrees on it; NaN may occur bare, as readers of these files expect.
    return {key: json.dumps(value) for key, value in entries.items()}


def _opened(stream: BinaryIO) -> Image.Image:
    """The header read, no pixel yet."""
    stream.seek(0)
    Image.init()  # else only the decoders are known that some earlier call happened to need
    return Image.open(stream, formats=[name for name in FORMATS if name in Image.OPEN])


def _stream(source: Path | bytes) -> BinaryIO:
    """Opened, not read: what was chosen as a picture may be a model of many gigabytes."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return source.open("rb")
    except FileNotFoundError as error:
        raise FileProblem(say("{source}: no such file; choose one that exists", source=source), path=source) from error
    except IsADirectoryError as error:
        raise FileProblem(
            say("{source}: a folder, not a picture; choose a file", source=source), path=source
        ) from error
    except OSError as error:
        raise FileProblem(
            say("{source}: cannot be read ({why}); check who may read it", source=source, why=error.strerror),
            path=source,
        ) from error


def _too_large(name: str, path: Path | None, size: str) -> FileProblem:
    return FileProblem(
        say(
            "{name}: {size}, but at most {max_pixels:,} pixels are read; make it smaller first",
            name=name,
            size=size,
            max_pixels=MAX_PIXELS,
        ),
        path=path,
    )


def _read_frames(opened: Image.Image, name: str, path: Path | None) -> Picture:
    colours: list[NDArray[Any]] = []
    alphas: list[NDArray[Any] | None] = []
    total = 0
    for frame in _frames_of(opened):
        width, height = frame.size
        if width * height > MAX_PIXELS:
            raise _too_large(name, path, say("{width:,} x {height:,} pixels", width=width, height=height))
        if total + width * height > MAX_PIXELS:
            raise _too_large(
                name,
                path,
                say(
                    "more than {count:,} frames of {width:,} x {height:,} pixels",
                    count=len(colours),
                    width=width,
                    height=height,
                ),
            )
        colour, alpha = _to_arrays(_upright(frame))
        if colours and colour.shape != colours[0].shape:
            continue  # a thumbnail or another page: one batch has one size
        total += width * height
        colours.append(colour)
        alphas.append(alpha)
    return Picture(np.stack(colours), _joined_alpha(alphas, colours[0]), opened.format or "")


def _frames_of(opened: Image.Image) -> Iterator[Image.Image]:
    if opened.format == "MPO":  # a camera's JPEG; what follows the picture is a depth map or a smaller copy
        yield opened
    else:
        yield from ImageSequence.Iterator(opened)


def _upright(frame: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says."""
    try:
        orientation = frame.getexif().get(0x0112)
    except _DAMAGE:  # a broken note about the picture is no reason to refuse the picture
        return frame
    return ImageOps.exif_transpose(frame) if orientation in range(2, 9) else frame


def _to_arrays(frame: Image.Image) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colour [H, W, 3] and alpha [H, W] or None."""
    if frame.mode.startswith("I") or frame.mode == "F":  # grey, deeper than 8 bits
        grey = np.asarray(frame)
        deep = (
            np.clip(grey, 0, 1).astype(np.float32) if frame.mode == "F" else np.clip(grey, 0, 65535).astype(np.uint16)
        )
        return np.repeat(deep[:, :, None], 3, axis=2), None
    if frame.has_transparency_data:
        pixels = np.asarray(_to_srgb(frame, frame.convert("RGBA")))
        return pixels[:, :, :3], pixels[:, :, 3]
    return np.asarray(_to_srgb(frame, frame)), None


def _to_srgb(frame: Image.Image, pixels: Image.Image) -> Image.Image:
    """RGB or RGBA in sRGB. A profile that cannot be used leaves the values as they are, as most programs do."""
    wanted = "RGBA" if pixels.mode == "RGBA" else "RGB"
    embedded = frame.info.get("icc_profile")
    if embedded and pixels.mode in ("RGB", "RGBA", "CMYK"):
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
            described = ImageCms.getProfileDescription(profile).lower()
            # A profile of sRGB itself would only round the values; one of another colour space does not fit them.
            if "srgb" not in described and _space_of(embedded) == ("CMYK" if pixels.mode == "CMYK" else "RGB"):
                changed = ImageCms.profileToProfile(pixels, profile, ImageCms.createProfile("sRGB"), outputMode=wanted)
                return changed if changed is not None else pixels
        except (ImageCms.PyCMSError, *_DAMAGE):
            pass
    return pixels.convert(wanted)


def _space_of(profile: bytes) -> str:
    """The colour space that an ICC profile starts from: bytes 16 to 19 of its header (ICC.1:2022, table 17)."""
    return profile[16:20].decode("latin-1").strip()


def _joined_alpha(alphas: list[NDArray[Any] | None], colour: NDArray[Any]) -> NDArray[Any] | None:
    if all(alpha is None for alpha in alphas):
        return None
    opaque = np.full(colour.shape[:2], 255, np.uint8)  # an animation's first frame may well have no hole yet
    return np.stack([opaque if alpha is None else alpha for alpha in alphas])


def _to_unit(values: NDArray[Any]) -> NDArray[np.float32]:
    if values.dtype == np.uint8:
        return values.astype(np.float32) / np.float32(255)
    if values.dtype == np.uint16:
        return values.astype(np.float32) / np.float32(65535)
    return values.astype(np.float32)


def _keyword(key: str) -> str:
    """A PNG keyword: 1 to 79 Latin-1 characters."""
    printable = "".join(c if c.isprintable() else "?" for c in key).encode("latin-1", "replace").decode("latin-1")
    return printable.strip()[:79].strip() or "extra"
