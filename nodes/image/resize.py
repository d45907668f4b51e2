"""Images and masks brought to another size, chosen in one of many ways."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor

from heddle.graph.declare import Choice, More, Number, Wire, node
from heddle.graph.declare_dynamic import Brings, Shared
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.numerics.image_boards import fit_and_pad
from heddle.numerics.image_crops import crop_middle
from heddle.numerics.image_sizes import (
    by_factor,
    of_longer_side,
    of_pixels,
    of_shorter_side,
    to_cover,
    to_multiples,
)
from heddle.numerics.resize import resize_images
from heddle.wires import Image
from nodes.image.scale import METHOD_TIP

CATEGORY = "image/transform"

_ONE = More({"multiselect": False})
_Side = Annotated[int, Number(default=512, low=0, high=16384, step=1, tip="In pixels; 0 keeps the size.")]
_Width = Annotated[int, Number(default=512, low=0, high=16384, step=1, tip="In pixels; 0 follows the height.")]
_Height = Annotated[int, Number(default=512, low=0, high=16384, step=1, tip="In pixels; 0 follows the width.")]
_Crop = Annotated[
    str,
    Choice("disabled", "center", tip="center cuts the sides so that nothing is stretched."),
    More({"default": "center", "multiselect": False}),
]
_WAYS: dict[str, dict[str, Any]] = {
    "scale dimensions": {"width": _Width, "height": _Height, "crop": _Crop},
    "scale by multiplier": {
        "multiplier": Annotated[float, Number(default=1.0, low=0.01, high=8.0, step=0.01, tip="2 doubles both sides.")]
    },
    "scale longer dimension": {"longer_size": _Side},
    "scale shorter dimension": {"shorter_size": _Side},
    "scale width": {"width": _Side},
    "scale height": {"height": _Side},
    "scale total pixels": {
        "megapixels": Annotated[
            float,
            Number(default=1.0, low=0.01, high=16.0, step=0.01, tip="How many pixels; 1 are those of 1024 x 1024."),
        ]
    },
    "match size": {
        "match": Annotated[Tensor, Wire("IMAGE,MASK", tip="An image or a mask of the size that is wanted.")],
        "crop": _Crop,
    },
    "scale to multiple": {
        "multiple": Annotated[
            int,
            Number(default=8, low=1, high=16384, step=1, tip="Width and height become the next multiples below."),
        ]
    },
}


@node(
    "ResizeImageMaskNode", category=CATEGORY, name="Resize Image/Mask", outputs=("resized",), search=("scale", "size")
)
def resize_any(
    input: Annotated[Tensor, Shared("input_type", "IMAGE,MASK", tip="The images or masks to resize.")],
    resize_type: Annotated[dict[str, Any], Brings(_WAYS, tip="What is said of the size; the rest follows.")],
    scale_method: Annotated[
        str,
        Choice("nearest-exact", "bilinear", "area", "bicubic", "lanczos", tip=METHOD_TIP),
        More({"default": "area", "multiselect": False}),
    ],
) -> Annotated[Tensor, Shared("input_type", "IMAGE,MASK")]:
    """Bring images or masks to another size, which is said in one of many ways.

    In multiples nothing is stretched: what is too much is cut at two sides.
    """
    images = input[..., None] if input.ndim == 3 else input
    resized = _resized(images, resize_type, scale_method)
    return resized[..., 0] if input.ndim == 3 else resized


def _resized(images: Tensor, way: dict[str, Any], method: str) -> Tensor:
    own = (images.shape[2], images.shape[1])
    match way:
        case {"resize_type": "scale dimensions", "width": int() as width, "height": int() as height, "crop": crop}:
            return resize_images(images, width, height, method, crop)
        case {"resize_type": "match size", "match": Tensor() as other, "crop": crop}:
            return resize_images(images, other.shape[2], other.shape[1], method, crop)
        case {"resize_type": "scale by multiplier", "multiplier": factor}:
            return resize_images(images, *by_factor(*own, factor), method)
        case {"resize_type": "scale longer dimension", "longer_size": int() as side}:
            return resize_images(images, *of_longer_side(*own, side), method)
        case {"resize_type": "scale shorter dimension", "shorter_size": int() as side}:
            return resize_images(images, *of_shorter_side(*own, side), method)
        case {"resize_type": "scale width", "width": int() as side}:
            return resize_images(images, side, 0, method)
        case {"resize_type": "scale height", "height": int() as side}:
            return resize_images(images, 0, side, method)
        case {"resize_type": "scale total pixels", "megapixels": megapixels}:
            return resize_images(images, *of_pixels(*own, megapixels), method)
        case {"resize_type": "scale to multiple", "multiple": int() as multiple}:
            size = to_multiples(*own, multiple)
            return crop_middle(resize_images(images, *to_cover(*own, *size), method), *size)
    words = (
        "resize_type is {way!r}, without what belongs to it; choose it again, and where it is to match something, "
        "link an image or a mask"
    )
    raise GraphError(
        say(words, way=str(way.get("resize_type"))),
        input_name="resize_type",
    )


@node("ResizeAndPadImage", category=CATEGORY, name="Resize And Pad Image", search=("letterbox", "fit"))
def resize_and_pad(
    image: Annotated[Image, Wire("IMAGE", tip="The images to resize.")],
    target_width: Annotated[int, Number(default=512, low=1, high=16384, step=1, tip="In pixels.")],
    target_height: Annotated[int, Number(default=512, low=1, high=16384, step=1, tip="In pixels.")],
    padding_color: Annotated[str, Choice("white", "black", tip="What is around the image.", advanced=True), _ONE],
    interpolation: Annotated[
        str, Choice("area", "bicubic", "nearest-exact", "bilinear", "lanczos", tip=METHOD_TIP, advanced=True), _ONE
    ],
) -> Image:
    """Make images as large as fits into a width and height, and fill up what is left at two sides."""
    return fit_and_pad(image, target_width, target_height, 1.0 if padding_color == "white" else 0.0, interpolation)


@node(
    "ResizeImagesByShorterEdge",
    category=CATEGORY,
    name="Resize Images by Shorter Edge (DEPRECATED)",
    outputs=("images",),
    deprecated=True,
    experimental=True,
)
def resize_shorter(
    images: Annotated[Image, Wire("IMAGE", tip="The images to resize.")],
    shorter_edge: Annotated[int, Number(default=512, low=1, high=8192, tip="Of the shorter side, in pixels.")],
) -> Image:
    """Bring the shorter side of images to a length, their aspect kept. Resize Image/Mask does the same and more."""
    return resize_images(images, *of_shorter_side(images.shape[2], images.shape[1], shorter_edge), "lanczos")


@node(
    "ResizeImagesByLongerEdge",
    category=CATEGORY,
    name="Resize Images by Longer Edge (DEPRECATED)",
    outputs=("images",),
    deprecated=True,
    experimental=True,
)
def resize_longer(
    images: Annotated[Image, Wire("IMAGE", tip="The images to resize.")],
    longer_edge: Annotated[int, Number(default=1024, low=1, high=8192, tip="Of the longer side, in pixels.")],
) -> Image:
    """Bring the longer side of images to a length, their aspect kept. Resize Image/Mask does the same and more."""
    return resize_images(images, *of_longer_side(images.shape[2], images.shape[1], longer_edge), "lanczos")
