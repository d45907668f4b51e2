"""Images from results, and to files of other kinds than plain PNG."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Files, Flag, Hidden, More, Number, Text, Wire, node
from heddle.graph.declare_dynamic import Brings
from heddle.graph.errors import FileProblem, GraphError
from heddle.graph.results import Shown
from heddle.graph.said import say
from heddle.media.animations import WEBP_EFFORTS, encode_animated_webp, encode_apng
from heddle.media.exr import encode_exr
from heddle.media.light import BT_709, BT_2020
from heddle.media.output_names import plan_name
from heddle.media.pictures import encode_png, to_bytes
from heddle.media.svg import with_metadata
from heddle.media.values import in_depth
from heddle.numerics.transfer import as_light, light_of_hlg, light_of_srgb
from heddle.wires import Image, Mask
from nodes.image.files import load_image
from nodes.image.writing import plan_for, refuse_unless_writable, shown_file, write_each
from nodes.metadata import texts_for

_LEVEL = 4  # zlib's effort

_ONE = More({"multiselect": False})
_Images = Annotated[Image, Wire("IMAGE", tip="The images to write.")]
_Prompt = Annotated[Any, Hidden("PROMPT")]
_Extra = Annotated[Any, Hidden("EXTRA_PNGINFO")]
_PREFIX_TIP = (
    "How the name begins. Slashes make folders; %width%, %height%, %year%, %month%, %day%, %hour%, %minute%, %second% "
    "and %date:yyyy-MM-dd% are filled in."
)
_Prefix = Annotated[str, Text(tip=_PREFIX_TIP), More({"default": "ComfyUI", "multiline": False})]
_Rate = Annotated[float, Number(default=6.0, low=0.01, high=1000.0, step=0.01, tip="Images a second.")]
_FORMATS: dict[str, dict[str, Any]] = {
    "png": {
        "bit_depth": Annotated[
            str,
            Choice("8-bit", "16-bit", tip="16-bit keeps 65,536 levels, in a file twice as large.", advanced=True),
            More({"default": "8-bit", "multiselect": False}),
        ],
        "input_color_space": Annotated[
            str,
            Choice("sRGB", tip="What the values mean: sRGB, as usual.", advanced=True),
            More({"default": "sRGB", "multiselect": False}),
        ],
    },
    "exr": {
        "bit_depth": Annotated[
            str,
            Choice("32-bit float", tip="All that there is, also beyond black and white.", advanced=True),
            More({"default": "32-bit float", "multiselect": False}),
        ],
        "input_color_space": Annotated[
            str,
            Choice(
                "sRGB",
                "HDR",
                "linear",
                tip="What the values mean: sRGB as usual, HDR is hybrid log-gamma, linear is light, as in the file.",
                advanced=True,
            ),
            More({"default": "sRGB", "multiselect": False}),
        ],
    },
}


@node(
    "LoadImageOutput",
    category="image",
    name="Load Image (from Outputs)",
    experimental=True,
    search=("result", "history"),
)
def load_result(
    image: Annotated[
        str,
        Files("input", upload="image", tip="A picture in the output folder."),
        More(
            {
                "image_folder": "output",
                "remote": {
                    "route": "/internal/files/output",
                    "refresh_button": True,
                    "control_after_refresh": "first",
                },
            }
        ),
    ],
    ctx: Context,
) -> tuple[Image, Mask]:
    """Read a picture that was made before, as Load Image does."""
    return load_image(image, ctx)


@node("SaveImageAdvanced", category="image", name="Save Image (Advanced)", outputs=("images",), effects=True)
def save_advanced(
    images: _Images,
    filename_prefix: _Prefix,
    format: Annotated[
        dict[str, Any], Brings(_FORMATS, tip="png is read by everything; exr keeps values without bounds.")
    ],
    *,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Image]:
    """Write images into the output folder with more than 8 bits: PNG of 16, or OpenEXR with floating-point light.

    Both carry the workflow. The files are numbered; nothing is ever overwritten.
    """
    texts = texts_for(prompt, extra_pnginfo, ctx)
    space, depth = format.get("input_color_space"), format.get("bit_depth")

    def encode(image: torch.Tensor) -> bytes:
        if format["format"] == "png":
            if depth == "16-bit":
                return encode_png(in_depth(image.numpy(), "uint16"), texts, _LEVEL)
            return encode_png(to_bytes(image.numpy()), texts, _LEVEL)
        of_values = {"sRGB": light_of_srgb, "HDR": light_of_hlg}.get(str(space), torch.clone)
        return encode_exr(as_light(image, of_values).numpy(), texts, BT_2020 if space == "HDR" else BT_709)

    if format["format"] not in _FORMATS:
        words = "format is {value!r}, but {wanted} are known; choose one again"
        raise GraphError(say(words, value=str(format["format"]), wanted=", ".join(_FORMATS)), input_name="format")
    written = write_each(images, "output", filename_prefix, encode, ctx, extension=f".{format['format']}")
    return _shown(images, written)


@node(
    "SaveAnimatedPNG", category="image", name="Save Animated PNG", outputs=("images",), effects=True, search=("apng",)
)
def save_apng(
    images: _Images,
    filename_prefix: _Prefix,
    fps: _Rate,
    compress_level: Annotated[
        int, Number(default=4, low=0, high=9, advanced=True, tip="0 is quick and large, 9 slow and small.")
    ],
    *,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Image]:
    """Write a batch of images into the output folder as one animated PNG that carries its workflow."""
    texts = texts_for(prompt, extra_pnginfo, ctx)
    return _save_animation(
        images, filename_prefix, ".png", lambda frames: encode_apng(frames, fps, texts, compress_level), ctx
    )


@node("SaveAnimatedWEBP", category="image", name="Save Animated WEBP", outputs=("images",), effects=True)
def save_animated_webp(
    images: _Images,
    filename_prefix: _Prefix,
    fps: _Rate,
    lossless: Annotated[bool, Flag(default=True, tip="Keep every pixel as it is.")],
    quality: Annotated[int, Number(default=80, low=0, high=100, tip="Higher is better and larger.")],
    method: Annotated[
        str, Choice(*WEBP_EFFORTS, tip="default is a compromise; fastest makes large files, slowest small ones."), _ONE
    ],
    *,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Image]:
    """Write a batch of images into the output folder as one animated WebP that carries its workflow."""
    texts, effort = texts_for(prompt, extra_pnginfo, ctx), WEBP_EFFORTS[method]

    def encode(frames: list[Any]) -> bytes:
        return encode_animated_webp(frames, fps, texts, is_lossless=lossless, quality=quality, effort=effort)

    return _save_animation(images, filename_prefix, ".webp", encode, ctx)


def _save_animation(images: torch.Tensor, prefix: str, extension: str, encode: Any, ctx: Context) -> Any:
    refuse_unless_writable(images)
    if len(images) == 0:
        raise GraphError(say("there are no images to make an animation of; link at least one"))
    target = plan_for(images, "output", prefix, ctx)
    ctx.check_cancelled()
    data = encode([to_bytes(image.detach().float().cpu().numpy()) for image in images])
    path = target.save(data, extension, claim=ctx.next_save())
    return Shown((images,), {"images": [shown_file(path.name, target)], "animated": (True,)})


def _shown(images: torch.Tensor, written: list[dict[str, str]]) -> Any:
    return Shown((images,), {"images": written})


def always_anew() -> float:
    """A fingerprint that is never the same: who listens now gets the images, also if they are known already."""
    return float("nan")


@node(
    "SaveImageWebsocket",
    category="image",
    name="Save Image (Websocket)",
    effects=True,
    fingerprint=always_anew,
    search=("api", "send"),
)
def send_images(images: Annotated[Image, Wire("IMAGE", tip="The images to send.")], ctx: Context) -> tuple[()]:
    """Send images as PNG to the program that queued the job, over its websocket; no file is written."""
    refuse_unless_writable(images)
    for number, image in enumerate(images):
        ctx.show(encode_png(to_bytes(image.detach().float().cpu().numpy()), {}, 1), "png")
        ctx.progress(number + 1, len(images))
    return ()


@node("SaveSVGNode", category="image", name="Save SVG", outputs=("svg",), effects=True, search=("vector", "drawing"))
def save_svg(
    svg: Annotated[Any, Wire("SVG", tip="The drawings to write, one file each.")],
    filename_prefix: Annotated[str, Text(tip=_PREFIX_TIP), More({"default": "svg/ComfyUI", "multiline": False})],
    *,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Annotated[Any, Wire("SVG")]]:
    """Write SVG drawings into the output folder; they carry the workflow which made them."""
    texts = texts_for(prompt, extra_pnginfo, ctx)
    target = plan_name(ctx.folders, "output", filename_prefix, width=0, height=0, now=datetime.now())
    written = []
    for number, drawing in enumerate(_drawings(svg)):
        ctx.check_cancelled()
        data = with_metadata(drawing, texts)
        path = target.save(data, ".svg", batch_number=number, claim=ctx.next_save())
        written.append(shown_file(path.name, target))
    return _shown(svg, written)


def _drawings(svg: Any) -> list[bytes]:
    """What flows along SVG wires: an object with a list of streams as `data`, such as packs make, or plain texts."""
    found = getattr(svg, "data", svg)
    drawings = []
    for each in found if isinstance(found, list | tuple) else [found]:
        content = each.getvalue() if hasattr(each, "getvalue") else each
        if not isinstance(content, str | bytes):
            words = "svg holds {kind}, but texts or streams of bytes are wanted; look at the node that made it"
            raise FileProblem(say(words, kind=type(content).__name__))
        drawings.append(content.encode() if isinstance(content, str) else content)
    return drawings
