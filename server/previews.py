"""Smaller and partial versions of pictures, made when somebody looks at them.

Pillow is imported inside the functions: most requests need no picture, and the front desk starts fast. Everything
here reads files and computes, so it belongs into a thread.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from server.intake import Refused

if TYPE_CHECKING:
    from PIL.Image import Image

PREVIEW_SIDE_PX = 512
LARGEST_PIXELS = 200_000_000  # decoded this takes 800 MB; larger pictures are served as files only
QUICK, KEPT = 1, 4  # zlib's effort for what somebody waits for, and for a file that stays
PREVIEW_FORMS = ("webp", "jpeg", "png")
# Named one by one: among Pillow's others is one that starts a program (EPS), whatever the file's name says.
_READ = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "ICO", "TGA", "PPM", "JPEG2000")
_LONGEST_JPEG_PX = 65_535  # of a side, as the format counts
_ORIENTATION = 0x0112  # its EXIF tag


def read_preview_wish(wish: str) -> tuple[str, int]:
    """Format and quality from `webp;90`. Raises: Refused."""
    form, _, quality = wish.partition(";")
    form = "jpeg" if form == "jpg" else form or "webp"
    if form not in PREVIEW_FORMS or (quality and not quality.isascii()) or (quality and not quality.isdigit()):
        raise Refused("invalid_request", f"preview must be like webp;90, found {wish[:40]!r}")
    return form, min(100, max(1, int(quality[:4] or 90)))


def render_preview(path: Path | io.BytesIO, form: str, quality: int, side_px: int = PREVIEW_SIDE_PX) -> bytes:
    """The picture, at most `side_px` wide and high."""
    with opened(path) as picture:
        picture.draft("RGB", (2 * side_px, 2 * side_px))  # JPEG decodes smaller at once
        picture = _eight_bit(picture)
        picture.thumbnail((side_px, side_px))
        picture = _upright(picture)
        small = picture.convert("RGB" if form == "jpeg" or not picture.has_transparency_data else "RGBA")
        return _encoded(small, form.upper(), quality=quality)


def render_channel(path: Path, channel: str) -> bytes:
    """A PNG of the picture's colours (`rgb`), or of its opacity (`a`)."""
    from PIL import Image  # see above

    with opened(path) as picture:
        if channel == "rgb":
            return _encoded(_upright(_eight_bit(picture)).convert("RGB"), "PNG", compress_level=QUICK)
        from heddle.media.masked import alpha_of  # brings numpy and Pillow, see above
        from heddle.media.values import in_depth

        alpha = Image.fromarray(in_depth(alpha_of(picture, lambda: opened(path)), "uint8"))
        shown = Image.new("RGBA", alpha.size)
        shown.putalpha(alpha)
        return _encoded(shown, "PNG", compress_level=QUICK)


def shown_as_it_is(path: Path) -> str | None:
    """The form of a picture whose file a browser shows in its colours, with nothing transparent in it; else None."""
    with opened(path) as picture:
        is_plain = picture.mode in ("1", "L", "P", "RGB", "I;16") and not picture.has_transparency_data
        is_known = picture.format in ("JPEG", "PNG", "WEBP") and not getattr(picture, "is_animated", False)
        is_sure = is_plain and is_known and not _may_turn_elsewhere(picture)
        return picture.format.lower() if picture.format and is_sure else None


def _may_turn_elsewhere(picture: Image) -> bool:
    """Whether browsers may turn a picture in another way than it is read. EXIF data in a JPEG they all follow."""
    xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    if b"tiff:Orientation" in (xmp.encode() if isinstance(xmp, str) else xmp):
        return True
    return picture.format != "JPEG" and ("exif" in picture.info or "Raw profile type exif" in picture.info)


def render_colours(path: Path) -> bytes:
    """A JPEG of the picture's colours, to be looked at: of many pixels it is made in a tenth of the time of a PNG."""
    with opened(path) as picture:
        profile = picture.info.get("icc_profile") if picture.mode in ("RGB", "RGBA") else None
        colours = _upright(_eight_bit(picture)).convert("RGB")
        if max(colours.size) > _LONGEST_JPEG_PX:
            return _encoded(colours, "PNG", compress_level=QUICK)
        return _encoded(colours, "JPEG", quality=92, subsampling=0, icc_profile=profile)


def pack_opacity(path: Path) -> bytes:
    """The opacity of the upright picture, a byte for each pixel, packed by gzip; none if all of it is opaque."""
    from heddle.media.masked import alpha_of  # brings numpy and Pillow, see above
    from heddle.media.values import in_depth

    with opened(path) as picture:
        if not picture.has_transparency_data:
            return gzip.compress(b"")
        return gzip.compress(in_depth(alpha_of(picture, lambda: opened(path)), "uint8").tobytes(), QUICK)


def apply_mask(original: Path, mask: Path) -> None:
    """Replace the file `mask` by the original picture, as PNG in its own depth, with the mask's opacity.

    Raises: FileProblem, if either is no picture or their sizes differ.
    """
    from heddle.media.masked import alpha_of, masked_png  # brings numpy and Pillow, see above

    with opened(mask, "the mask") as masking:
        alpha = alpha_of(masking, lambda: opened(mask, "the mask"))
    with opened(original) as unmasked:
        masked = masked_png(original, unmasked, lambda: opened(original), alpha, KEPT)
    mask.write_bytes(masked)


@contextmanager
def opened(source: Path | io.BytesIO, name: str = "") -> Iterator[Image]:
    """The picture, not decoded yet. Raises: FileProblem, which calls it by `name`, for whatever goes wrong inside."""
    path = source if isinstance(source, Path) else None
    name = name or (path.name if path else say("the picture inside the file"))
    from PIL import Image, UnidentifiedImageError  # see above

    from heddle.media.values import DAMAGE

    try:
        with Image.open(source, formats=_READ) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise FileProblem(
                    say(
                        "{name} has {width}x{height} px, too many to decode here; download the file",
                        name=name,
                        width=picture.width,
                        height=picture.height,
                    ),
                    path=path,
                )
            yield picture
    except UnidentifiedImageError as error:  # its own words hold the path, which is nobody else's business
        words = "{name} is no picture that can be read here; download the file"
        raise FileProblem(say(words, name=name), path=path) from error
    except Image.DecompressionBombError as error:
        raise FileProblem(
            say("{name} has too many pixels to decode here; download the file", name=name), path=path
        ) from error
    except DAMAGE as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        raise FileProblem(
            say("{name} cannot be read as a picture ({why}); download the file", name=name, why=why), path=path
        ) from error


def shown_size(picture: Image) -> tuple[int, int]:
    """Width and height in pixels, upright: four of the eight EXIF orientations lie on their side."""
    lies = picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (picture.height, picture.width) if lies else (picture.width, picture.height)


def _eight_bit(picture: Image) -> Image:
    """Grey of more than 8 bits brought to 8: converting it cuts off all that is brighter than 255."""
    if picture.mode.startswith("I;16"):
        picture = picture.convert("I")
    if picture.mode in ("I", "F"):
        scale = 255.0 if picture.mode == "F" else 1 / 257
        return picture.point(lambda value: value * scale).convert("L")
    return picture


def _upright(picture: Image) -> Image:
    """Turned as its EXIF orientation says, as a browser shows the file and Load Image reads it."""
    from PIL import ImageOps  # see above

    return ImageOps.exif_transpose(picture)


def _encoded(picture: Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
