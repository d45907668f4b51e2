"""A node of our own that writes images into files of many kinds, and lets people choose what these carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch

from heddle.graph.capsule import KEY
from heddle.graph.context import Context
from heddle.graph.declare import Choice, Flag, Hidden, More, Number, Text, Wire, node
from heddle.graph.declare_dynamic import Brings
from heddle.graph.errors import GraphError
from heddle.graph.results import Shown
from heddle.graph.said import say
from heddle.media.exif_texts import fitting_jpeg
from heddle.media.exr import encode_exr
from heddle.media.pictures import encode_png, to_bytes
from heddle.media.stills import encode_avif, encode_jpeg_with, encode_webp
from heddle.media.tiff import encode_tiff
from heddle.media.values import in_depth
from heddle.numerics.transfer import as_light
from heddle.prompts.infotext import write_infotext
from heddle.prompts.infotext_of_graph import infotext_of_graph
from heddle.settings.options import HEDDLE_VERSION
from heddle.wires import Image
from nodes.image.writing import write_each
from nodes.metadata import texts_for

_DEEP = "16-bit"
_Depth = Annotated[
    str, Choice("8-bit", _DEEP, tip="16-bit keeps 65,536 levels of each colour, in a file more than twice as large.")
]
_FLOAT = "32-bit float"
_DepthOrFloat = Annotated[
    str,
    Choice(
        "8-bit", _DEEP, _FLOAT, tip="16-bit keeps 65,536 levels of each colour, 32-bit float whatever the values are."
    ),
]
_QUALITY_TIP = "Higher is better and larger."
_FORMATS: dict[str, dict[str, Any]] = {
    "png": {
        "bit_depth": _Depth,
        "compression": Annotated[
            int, Number(default=4, low=0, high=9, tip="0 is quick and large, 9 slow and small; no pixel changes.")
        ],
    },
    "jpeg": {"quality": Annotated[int, Number(default=92, low=1, high=100, tip=_QUALITY_TIP)]},
    "webp": {
        "lossless": Annotated[bool, Flag(default=False, tip="Keep every pixel as it is.")],
        "quality": Annotated[int, Number(default=90, low=0, high=100, tip=_QUALITY_TIP)],
    },
    "avif": {"quality": Annotated[int, Number(default=80, low=0, high=100, tip=_QUALITY_TIP)]},
    "tiff": {"bit_depth": _DepthOrFloat},
    "exr": {},
}
_EXTENSIONS = {"jpeg": ".jpg", "tiff": ".tif"}


@node(
    "HeddleSaveImage",
    category="image",
    name="Save Image (Formats)",
    outputs=("images",),
    effects=True,
    search=(
        "export",
        "jpg",
        "jpeg",
        "webp",
        "avif",
        "tiff",
        "exr",
        "hdr",
        "float",
        "png",
        "16 bit",
        "metadata",
        "a1111",
        "parameters",
    ),
)
def save_formats(
    images: Annotated[Image, Wire("IMAGE", tip="The images to write, one file each.")],
    filename_prefix: Annotated[
        str,
        Text(
            tip="How the names begin. Slashes make folders; %width%, %height%, %year%, %month%, %day%, %hour%, "
            "%minute%, %second%, %date:yyyy-MM-dd% and %NodeTitle.widget% are filled in."
        ),
        More({"default": "ComfyUI"}),
    ],
    format: Annotated[
        dict[str, Any],
        Brings(
            _FORMATS,
            tip="png and tiff keep every pixel, exr too, as light; jpeg, webp and avif are smaller and lose a little.",
        ),
    ],
    workflow: Annotated[bool, Flag(default=True, tip="Put the graph into the files, so that they open as it.")] = True,
    parameters: Annotated[
        bool, Flag(default=False, tip="Add the settings as A1111's web UI writes them, where its text can say them.")
    ] = False,
    capsule: Annotated[
        bool, Flag(default=True, tip="Add versions, model hashes and the device, by which `replay` tells what changed.")
    ] = True,
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> tuple[Image]:
    """Write images into the output folder in the format you choose, with as much of their making as you choose.

    A PNG or TIFF of 16 bits keeps what 8 would round; a TIFF of floats or an OpenEXR also what lies beyond black and
    white. The files are numbered; nothing is ever overwritten.
    """
    kind = str(format["format"])
    if kind not in _FORMATS:
        words = "format is {value!r}, but {wanted} are known; choose one again"
        raise GraphError(say(words, value=kind, wanted=", ".join(_FORMATS)), input_name="format")
    texts = {
        key: text
        for key, text in texts_for(prompt, extra_pnginfo, ctx).items()
        if (capsule if key == KEY else workflow)
    }
    if parameters and ctx.writes_metadata:
        texts |= _parameters(images, prompt, ctx)
    if kind == "jpeg" and (left := sorted(texts.keys() - (kept := fitting_jpeg(texts)).keys())):
        texts = kept
        ctx.note(say("a JPEG has room for 64 KB of metadata, so it goes without {keys}", keys=", ".join(left)))
    encode = _encoder(kind, format, texts)
    extension = _EXTENSIONS.get(kind, f".{kind}")
    return _shown(images, write_each(images, "output", filename_prefix, encode, ctx, extension=extension))


def _encoder(kind: str, how: Mapping[str, Any], texts: Mapping[str, str]) -> Callable[[torch.Tensor], bytes]:
    """An image [H, W, C] -> the bytes of its file."""
    if kind == "exr":
        return lambda image: encode_exr(as_light(image).numpy(), texts)
    if kind == "tiff" and how.get("bit_depth") == _FLOAT:
        return lambda image: encode_tiff(image.contiguous().numpy(), texts)
    if kind in ("png", "tiff"):
        is_deep = how.get("bit_depth") == _DEEP

        def encode(image: torch.Tensor) -> bytes:
            pixels = in_depth(image.numpy(), "uint16") if is_deep else to_bytes(image.numpy())
            return encode_tiff(pixels, texts) if kind == "tiff" else encode_png(pixels, texts, int(how["compression"]))

        return encode
    quality = int(how["quality"])
    if kind == "jpeg":
        return lambda image: encode_jpeg_with(to_bytes(image.numpy()), texts, quality)
    if kind == "avif":
        return lambda image: encode_avif(to_bytes(image.numpy()), texts, quality)
    is_lossless = bool(how["lossless"])
    return lambda image: encode_webp(to_bytes(image.numpy()), texts, quality, is_lossless=is_lossless)


def _parameters(images: torch.Tensor, prompt: Any, ctx: Context) -> dict[str, str]:
    """A1111's text, if the graph can be said in it; else a note that it cannot."""
    files = (ctx.capsule or {}).get("files", ())
    found = infotext_of_graph(
        prompt or {},
        ctx.node_id,
        width=int(images.shape[2]),
        height=int(images.shape[1]),
        hashes={each["name"]: each["sha256"] for each in files if "sha256" in each},
        version=f"Heddle {HEDDLE_VERSION}",
    )
    if found is None:
        ctx.note(
            say("no parameters are written: the way to these images is none that A1111's text of settings can say")
        )
        return {}
    return {"parameters": write_infotext(found)}


def _shown(images: torch.Tensor, written: list[dict[str, str]]) -> Any:
    return Shown((images,), {"images": written})
