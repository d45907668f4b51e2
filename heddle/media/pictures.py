"""Pictures: read from the formats that people have, written as PNG together with what can remake them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageSequence, UnidentifiedImageError

from heddle.graph.errors import FileProblem, ShapeError
from heddle.graph.said import say
from heddle.media.float_pictures import MOST_FILE_BYTES, float_kind, read_light, size_in
from heddle.media.float_tiff import float_tiff
from heddle.media.light import finite
from heddle.media.png import HEAD_BYTES, encode_plain, has_all_rows, text_chunks
from heddle.media.values import DAMAGE, Again, deep_values, in_depth, upright
from heddle.media.whole_files import write_whole

MAX_PIXELS = 1 << 27
"""Over all frames of one picture, about 11,600 x 11,600. Below Pillow's own limit: ours is the one that speaks."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "ICO", "TGA")
"""Formats that are read. Named one by one: among Pillow's others is one that starts a program (EPS)."""

_FEW_BYTES = 16 << 10  # of pixels

_SPOKEN = "PNG, JPEG, WebP, GIF, TIFF, BMP, AVIF or OpenEXR"


@dataclass(frozen=True)
class Picture:
    """The frames of one file, upright, in sRGB.

    Attributes:
        frames: [N, H, W, 3], uint8, or uint16 where the file is deeper, or float32 (then 0..1, and beyond
            where the file goes there).
        alpha: [N, H, W] of the same type, the highest value opaque; None if the file says nothing of it.
    """

    frames: NDArray[Any]
    alpha: NDArray[Any] | None
    format: str

    def as_float(self) -> NDArray[np.float32]:
        """[N, H, W, 3], 0..1, of a file of floats also beyond."""
        return in_depth(self.frames, np.float32)

    def alpha_as_float(self) -> NDArray[np.float32] | None:
        """[N, H, W], 0..1, 1 = opaque."""
        return None if self.alpha is None else in_depth(self.alpha, np.float32)


def read_picture(source: Path | bytes, name: str = "", most_frames: int | None = None) -> Picture:
    """Read all frames of a picture that have the first one's size.

    Args:
        name: what messages call it; the path if empty.
        most_frames: after so many frames the others are not looked at, however many there are.
    Raises: FileProblem, if it is missing, empty, damaged, larger than MAX_PIXELS or no picture.
    """
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    path = source if isinstance(source, Path) else None
    try:
        with _stream(source) as stream:
            if not stream.read(1):
                words = "{name}: the file is empty; it was probably cut off while being saved, so get it again"
                raise FileProblem(say(words, name=name), path=path)
            if (kind := float_kind(_head(stream))) is not None:
                return _read_light(stream, kind, name, path)
            try:
                opened = _opened(stream)
            except UnidentifiedImageError:
                if (tiff := float_tiff(stream)) is None:
                    raise
                _refuse_large(tiff.width, tiff.height, name, path)
                return _of_floats(tiff.read(), "TIFF")
            with opened:
                picture = _read_frames(opened, lambda: _opened_again(source), name, path, most_frames)
            if picture.format == "PNG" and _has_plain_edge(picture.frames[0]) and not has_all_rows(stream):
                raise ValueError("rows are missing")
            return picture
    except FileProblem:
        raise
    except Image.DecompressionBombError as error:  # raised from the header, before any pixel is read
        found = re.search(r"\d+", str(error))
        raise too_large(
            name, path, say("{count:,} pixels", count=int(found[0])) if found else say("too many pixels")
        ) from error
    except UnidentifiedImageError as error:
        words = "{name}: not a picture that can be read; save it as {formats}"
        raise FileProblem(say(words, name=name, formats=_SPOKEN), path=path) from error
    except DAMAGE as error:
        words = "{name}: the picture is damaged or cut off ({why}); get it again"
        raise FileProblem(say(words, name=name, why=str(error)), path=path) from error


def write_png(
    path: Path,
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    metadata: Mapping[str, str] | None = None,
    level: int = 4,
) -> None:
    """Write a PNG, whole or not at all, over an older file of that name.

    Args:
        pixels, metadata, level: as `encode_png`.
    Raises: FileProblem.
    """
    write_whole(path, encode_png(pixels, metadata, level))


def encode_png(
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    metadata: Mapping[str, str] | None = None,
    level: int = 4,
    *,
    chunks: bytes = b"",
) -> bytes:
    """The bytes of a PNG of 8 or 16 bits, as the pixels have them.

    Args:
        pixels: [H, W] or [H, W, C], 0 = black; C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
        metadata: key -> text, such as `remaking_texts` makes.
        level: zlib's effort, 0..9.
        chunks: further ones, whole, of those that may stand before the pixels.
    Raises: ShapeError, if there are no pixels.
    """
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if not pixels.size:
        raise ShapeError(
            say(
                "an image of shape {shape} has no pixels; a picture of 1 x 1 px is the smallest",
                shape=list(pixels.shape),
            ),
            wanted="[H, W, C], H and W at least 1",
            got=list(pixels.shape),
        )
    chunks += text_chunks(metadata or {})
    if pixels.dtype == np.uint16 or pixels.nbytes <= _FEW_BYTES:  # few are packed before Pillow has begun
        return encode_plain(pixels, chunks, level)
    target = io.BytesIO()
    plain = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(plain)).save(target, "PNG", compress_level=level)
    data = target.getvalue()
    return b"".join((memoryview(data)[:HEAD_BYTES], chunks, memoryview(data)[HEAD_BYTES:])) if chunks else data


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
    tidy = np.fmax(values, 0)  # of a number and none, these two give the number
    np.fmin(tidy, 1, out=tidy)
    tidy *= 255
    tidy += 0.5
    return tidy.astype(np.uint8)


def remaking_texts(prompt: Any, extra: Mapping[str, Any] | None) -> dict[str, str]:
    """What a picture carries: the API-form graph as `prompt`, and each further entry (`workflow`) under its own key."""
    entries = ({} if prompt is None else {"prompt": prompt}) | dict(extra or {})
    # ASCII only, so that every reader agrees on it; NaN may occur bare, as readers of these files expect.
    return {key: json.dumps(value) for key, value in entries.items()}


def _head(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read(HEAD_BYTES)


def _read_light(stream: BinaryIO, kind: str, name: str, path: Path | None) -> Picture:
    _refuse_large(*size_in(stream, kind), name, path)
    stream.seek(0)
    data = stream.read(MOST_FILE_BYTES + 1)
    if len(data) > MOST_FILE_BYTES:
        raise too_large(name, path, say("more than {count:,} bytes", count=MOST_FILE_BYTES))
    return _of_floats(read_light(data, kind), kind.upper())


def _refuse_large(width: int, height: int, name: str, path: Path | None) -> None:
    if width * height > MAX_PIXELS:
        raise too_large(name, path, say("{width:,} x {height:,} pixels", width=width, height=height))


def _of_floats(values: NDArray[np.float32], format: str) -> Picture:
    """Of values [H, W, 1, 3 or 4]."""
    colours, alpha = _apart(values)
    return Picture(colours[None], None if alpha is None else alpha[None], format)


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


@contextmanager
def _opened_again(source: Path | bytes) -> Iterator[Image.Image]:
    with _stream(source) as stream, _opened(stream) as opened:
        yield opened


def too_large(name: str, path: Path | None, size: str) -> FileProblem:
    """That a picture has more pixels than are read."""
    return FileProblem(
        say(
            "{name}: {size}, but at most {max_pixels:,} pixels are read; make it smaller first",
            name=name,
            size=size,
            max_pixels=MAX_PIXELS,
        ),
        path=path,
    )


def _read_frames(opened: Image.Image, again: Again, name: str, path: Path | None, most_frames: int | None) -> Picture:
    colours: list[NDArray[Any]] = []
    alphas: list[NDArray[Any] | None] = []
    total = 0
    for frame in islice(_frames_of(opened), most_frames):
        width, height = frame.size
        _refuse_large(width, height, name, path)
        if total + width * height > MAX_PIXELS:
            words = "more than {count:,} frames of {width:,} x {height:,} pixels"
            raise too_large(name, path, say(words, count=len(colours), width=width, height=height))
        colour, alpha = _to_arrays(frame, again)
        if colours and colour.shape != colours[0].shape:
            continue  # a thumbnail or another page: one batch has one size
        total += width * height
        colours.append(colour)
        alphas.append(alpha)
    deepest = max((colour.dtype for colour in colours), key=lambda dtype: dtype.itemsize)
    frames = np.stack([in_depth(colour, deepest) for colour in colours])
    return Picture(frames, _joined_alpha(alphas, frames[0]), opened.format or "")


def _frames_of(opened: Image.Image) -> Iterator[Image.Image]:
    if opened.format == "MPO":  # a camera's JPEG; what follows the picture is a depth map or a smaller copy
        yield opened
    else:
        yield from ImageSequence.Iterator(opened)


def _to_arrays(frame: Image.Image, again: Again) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colour [H, W, 3] and alpha [H, W] or None."""
    # Profiles are followed in 8 bits alone: that is what the library for them takes.
    deep = deep_values(frame, again) if _foreign_profile(frame, frame.mode) is None else None
    if deep is not None:
        return _apart(finite(deep) if deep.dtype == np.float32 else deep)
    frame = upright(frame)
    if frame.has_transparency_data:
        pixels = np.asarray(to_srgb(frame, frame.convert("RGBA")))
        return pixels[:, :, :3], pixels[:, :, 3]
    return np.asarray(to_srgb(frame, frame)), None


def _apart(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colour [H, W, 3] and alpha [H, W] or None of values [H, W, C], C as in `deep_values`."""
    channels = values.shape[2]
    colours = values[:, :, :3] if channels > 2 else np.repeat(values[:, :, :1], 3, axis=2)
    return colours, values[:, :, -1] if channels in (2, 4) else None


def to_srgb(frame: Image.Image, pixels: Image.Image) -> Image.Image:
    """RGB or RGBA in sRGB. A profile that cannot be used leaves the values as they are, as most programs do.

    Args:
        frame: what has the profile.
        pixels: the same picture, or what was made of it.
    """
    wanted = "RGBA" if pixels.mode == "RGBA" else "RGB"
    profile = _foreign_profile(frame, pixels.mode)
    if profile is not None:
        try:
            changed = ImageCms.profileToProfile(pixels, profile, ImageCms.createProfile("sRGB"), outputMode=wanted)
            return changed if changed is not None else pixels
        except (ImageCms.PyCMSError, *DAMAGE):
            pass
    return pixels.convert(wanted)


def _foreign_profile(frame: Image.Image, mode: str) -> ImageCms.ImageCmsProfile | None:
    """The profile of a picture whose colours are not those of sRGB."""
    embedded = frame.info.get("icc_profile")
    if not embedded or mode not in ("RGB", "RGBA", "CMYK"):
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        described = ImageCms.getProfileDescription(profile).lower()
    except (ImageCms.PyCMSError, *DAMAGE):
        return None
    # A profile of sRGB itself would only round the values; one of another colour space does not fit them.
    fits = space_of(embedded) == ("CMYK" if mode == "CMYK" else "RGB")
    return profile if fits and "srgb" not in described else None


def space_of(profile: bytes) -> str:
    """The colour space that an ICC profile starts from: bytes 16 to 19 of its header (ICC.1:2022, table 17)."""
    return profile[16:20].decode("latin-1").strip()


def _has_plain_edge(colours: NDArray[Any]) -> bool:
    """Whether a side of [H, W, 3] is of one colour, as one whose pixels are missing is, whichever it became."""
    edges = colours[0], colours[-1], colours[:, 0], colours[:, -1]
    return any((edge == edge[0]).all() for edge in edges)


def _joined_alpha(alphas: list[NDArray[Any] | None], colour: NDArray[Any]) -> NDArray[Any] | None:
    if all(alpha is None for alpha in alphas):
        return None
    opaque = np.full(colour.shape[:2], 255, np.uint8)  # an animation's first frame may well have no hole yet
    return np.stack([in_depth(opaque if alpha is None else alpha, colour.dtype) for alpha in alphas])
