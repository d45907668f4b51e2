"""Pictures from files and to files."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Files, Hidden, Text, Wire, node
from heddle.graph.results import Shown
from heddle.media.pictures import encode_png, read_picture, to_bytes
from heddle.wires import Image, Mask
from nodes.image.writing import write_each
from nodes.metadata import texts_for

_NO_MASK_PX = 64  # side of the empty mask that stands for "no alpha", as existing workflows expect it
_KEPT_LEVEL = 4  # zlib's effort for files that stay
PASSING_LEVEL = 1  # and for previews, which should be there at once


@node("LoadImage", category="image", name="Load Image", search=("picture", "file", "upload", "open"))
def load_image(
    image: Annotated[str, Files("input", upload="image", tip="A picture in the input folder; you can add one here.")],
    ctx: Context,
) -> tuple[Image, Mask]:
    """Read a picture. An animation becomes a batch of its frames.

    The mask is 1 where the picture is transparent. A picture without transparency gives an empty mask of 64 x 64.
    Files of floating-point numbers (OpenEXR, HDR, PFM, TIFF) keep what lies beyond black and white.
    """
    picture = read_picture(ctx.folders.annotated(image), name=image)
    images = torch.from_numpy(picture.as_float())
    alpha = picture.alpha_as_float()
    if alpha is None:
        return images, torch.zeros(len(images), _NO_MASK_PX, _NO_MASK_PX)
    return images, 1 - torch.from_numpy(alpha)


@node("SaveImage", category="image", name="Save Image", outputs=("images",), effects=True, search=("export", "png"))
def save_image(
    images: Annotated[Image, Wire("IMAGE", tip="The images to write, one file each.")],
    filename_prefix: Annotated[
        str,
        Text(
            tip="How the names begin. Slashes make folders; %width%, %height%, %year%, %month%, %day%, %hour%, "
            "%minute%, %second% and %date:yyyy-MM-dd% are filled in."
        ),
    ] = "ComfyUI",
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> tuple[Image]:
    """Write images into the output folder as PNG files that carry the workflow which made them.

    The files are numbered; nothing is ever overwritten.
    """
    return write_images(images, "output", filename_prefix, texts_for(prompt, extra_pnginfo, ctx), _KEPT_LEVEL, ctx)


@node(
    "PreviewImage", category="image", name="Preview Image", outputs=("images",), effects=True, search=("show", "view")
)
def preview_image(
    images: Annotated[Image, Wire("IMAGE", tip="The images to show.")],
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> tuple[Image]:
    """Show images without keeping them: their files lie in the temp folder, which may be emptied at any time."""
    # A beginning of its own for each run, so that a browser never shows an older picture of the same name.
    prefix = f"preview_{secrets.token_hex(4)}"
    return write_images(images, "temp", prefix, texts_for(prompt, extra_pnginfo, ctx), PASSING_LEVEL, ctx)


def write_images(
    images: torch.Tensor,
    root: str,
    prefix: str,
    texts: dict[str, str],
    level: int,
    ctx: Context,
    folders: Any = None,
) -> Any:
    """One PNG file for each image of [B, H, W, C], as a `Shown` of them.

    Args:
        root: "output" or "temp", below the context's folders or those given.
        texts: the metadata, by key.
        level: zlib's effort, 0..9.
    """

    def encode(image: torch.Tensor) -> bytes:
        return encode_png(to_bytes(image.numpy()), texts, level)

    return Shown((images,), {"images": write_each(images, root, prefix, encode, ctx, folders=folders)})
