"""Smaller and partial versions of pictures, made when somebody looks at them.

Pillow is imported inside the functions: most requests need no picture, and the front desk starts fast. Everything
here reads files and computes, so it belongs into a thread.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.graph.errors import FileProblem
from server.intake import Refused

if TYPE_CHECKING:
    from PIL.Image import Image

PREVIEW_SIDE_PX = 512
LARGEST_PIXELS = 200_000_000  # decoded this takes 800 MB; larger pictures are served as files only
PREVIEW_FORMS = ("webp", "jpeg", "png")


def read_preview_wish(wish: str) -> tuple[str, int]:
    """Format and quality from `webp;90`. Raises: Refused."""
    form, _, quality = wish.partition(";")
    form = "jpeg" if form == "jpg" else form or "webp"
    if form not in PREVIEW_FORMS or (quality and not quality.isascii()) or (quality and not quality.isdigit()):
        raise Refused("invalid_request", f"preview must be like webp;90, found {wish[:40]!r}")
    return form, min(100, max(1, int(quality[:4] or 90)))


def render_preview(path: Path, form: str, quality: int) -> bytes:
    """The picture, at most 512 px wide and high."""
    with _opened(path) as picture:
        picture.draft("RGB", (2 * PREVIEW_SIDE_PX, 2 * PREVIEW_SIDE_PX))  # JPEG decodes smaller at once
        picture.thumbnail((PREVIEW_SIDE_PX, PREVIEW_SIDE_PX))
        small = picture.convert("RGB" if form == "jpeg" or not picture.has_transparency_data else "RGBA")
        return _encoded(small, form.upper(), quality=quality)


def render_channel(path: Path, channel: str) -> bytes:
    """A PNG of the picture's colours (`rgb`), or of its opacity (`a`)."""
    from PIL import Image  # see above

    with _opened(path) as picture:
        if channel == "rgb":
            return _encoded(picture.convert("RGB"), "PNG")
        opacity = picture.convert("RGBA").getchannel("A")
        shown = Image.new("RGBA", picture.size)
        shown.putalpha(opacity)
        return _encoded(shown, "PNG")


def apply_mask(original: Path, mask: Path) -> None:
    """Replace the file `mask` by the original picture, as PNG, with the mask's opacity.

    Raises: FileProblem, if either is no picture or their sizes differ.
    """
    with _opened(original) as picture, _opened(mask) as masking:
        if picture.size != masking.size:
            raise FileProblem(
                f"the mask is {masking.width}x{masking.height} px, the picture {picture.width}x{picture.height} px; "
                "draw the mask in the picture's size"
            )
        masked = picture.convert("RGBA")
        masked.putalpha(masking.convert("RGBA").getchannel("A"))
        from PIL.PngImagePlugin import PngInfo  # see above

        told = PngInfo()
        for key, value in getattr(picture, "text", {}).items():  # the workflow stays with the picture
            told.add_text(key, value)
    with mask.open("wb") as file:
        masked.save(file, "PNG", pnginfo=told)


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    from PIL import Image, UnidentifiedImageError  # see above

    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise FileProblem(
                    f"{path.name} has {picture.width}x{picture.height} px, too many to decode here; download the file",
                    path=path,
                )
            yield picture
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError, OSError) as error:
        raise FileProblem(f"{path.name} cannot be read as a picture ({error}); download the file", path=path) from error


def _encoded(picture: Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
