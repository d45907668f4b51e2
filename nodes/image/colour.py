"""The colours of images, seen in other ways."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Number, Wire, node
from heddle.numerics.batches import images_of
from heddle.numerics.colours import from_yuv, to_yuv
from heddle.wires import Image
from nodes.image.filters import AnyImage

CATEGORY = "image/color"


@node("ImageInvert", category=CATEGORY, name="Invert Image Colors", search=("negative", "reverse"))
def invert(image: AnyImage) -> Image:
    """The negative of images: bright becomes dark, and each colour its opposite."""
    return 1 - images_of(image)


@node(
    "ImageRGBToYUV", category=CATEGORY, name="Image RGB to YUV", outputs=("Y", "U", "V"), search=("luma", "brightness")
)
def rgb_to_yuv(image: AnyImage) -> tuple[Image, Image, Image]:
    """Split images into their brightness (Y) and two differences of colour (U, V), each as a grey image."""
    y, u, v = (each.unsqueeze(-1).expand(-1, -1, -1, 3) for each in to_yuv(images_of(image)))
    return y, u, v


@node("ImageYUVToRGB", category=CATEGORY, name="Image YUV to RGB", search=("luma", "brightness"))
def yuv_to_rgb(
    Y: Annotated[Image, Wire("IMAGE", tip="The brightness, as a grey image.")],
    U: Annotated[Image, Wire("IMAGE", tip="The difference of blue, as a grey image; 0.5 is none.")],
    V: Annotated[Image, Wire("IMAGE", tip="The difference of red, as a grey image; 0.5 is none.")],
) -> Image:
    """Put images together again from what Image RGB to YUV splits them into."""
    return from_yuv(*(images_of(each, name).mean(dim=-1) for each, name in ((Y, "Y"), (U, "U"), (V, "V"))))


@node("NormalizeImages", category=CATEGORY, name="Normalize Image Colors", outputs=("images",), experimental=True)
def normalize(
    images: Annotated[Image, Wire("IMAGE", tip="The images to normalize.")],
    mean: Annotated[float, Number(default=0.5, low=0.0, high=1.0, advanced=True, tip="What becomes 0.")],
    std: Annotated[
        float, Number(default=0.5, low=0.001, high=1.0, advanced=True, tip="How far from the mean becomes 1.")
    ],
) -> Image:
    """Move and stretch the values of images, (value - mean) / std, as networks want them in training."""
    return (images_of(images, "images") - mean) / std
