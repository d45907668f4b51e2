"""Images brought to another size, as large as a person says."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, More, Number, Wire, node
from heddle.numerics.image_sizes import by_factor, of_longer_side, of_pixels
from heddle.numerics.resize import resize_images
from heddle.wires import Image

METHOD_TIP = "lanczos and bicubic are sharp, bilinear is soft, area suits shrinking, nearest-exact keeps pixels."

_Images = Annotated[Image, Wire("IMAGE", tip="The images to resize.")]
_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
_ONE = More({"multiselect": False})


@node("ImageScale", category="image/upscaling", name="Upscale Image", search=("resize", "size", "shrink"))
def scale_image(
    image: _Images,
    upscale_method: Annotated[str, Choice(*_METHODS, tip=METHOD_TIP)],
    width: Annotated[int, Number(default=512, low=0, high=16384, step=1, tip="In pixels; 0 follows the height.")],
    height: Annotated[int, Number(default=512, low=0, high=16384, step=1, tip="In pixels; 0 follows the width.")],
    crop: Annotated[str, Choice("disabled", "center", tip="center cuts the sides so that nothing is stretched.")],
) -> Image:
    """Bring images to a width and height."""
    return resize_images(image, width, height, upscale_method, crop)


@node("ImageScaleBy", category="image/upscaling", name="Upscale Image By", search=("resize", "factor", "shrink"))
def scale_by(
    image: _Images,
    upscale_method: Annotated[str, Choice(*_METHODS, tip=METHOD_TIP)],
    scale_by: Annotated[float, Number(default=1.0, low=0.01, high=8.0, step=0.01, tip="2 doubles both sides.")],
) -> Image:
    """Make images larger or smaller by a factor."""
    size = by_factor(image.shape[2], image.shape[1], scale_by)
    return resize_images(image, *size, upscale_method)


@node("ImageScaleToTotalPixels", category="image/upscaling", name="Scale Image to Total Pixels", search=("megapixels",))
def scale_to_pixels(
    image: _Images,
    upscale_method: Annotated[str, Choice(*_METHODS, tip=METHOD_TIP), _ONE],
    megapixels: Annotated[
        float,
        Number(default=1.0, low=0.01, high=16.0, step=0.01, tip="How many pixels; 1 are those of 1024 x 1024."),
    ],
    resolution_steps: Annotated[
        int,
        Number(low=1, high=256, advanced=True, tip="Width and height become multiples of this."),
    ] = 1,
) -> Image:
    """Bring images to about so many pixels in all, their aspect kept, as models want it that know one size."""
    size = of_pixels(image.shape[2], image.shape[1], megapixels, resolution_steps)
    return resize_images(image, *size, upscale_method)


@node("ImageScaleToMaxDimension", category="image/upscaling", name="Scale Image to Max Dimension", search=("longest",))
def scale_to_longer(
    image: _Images,
    upscale_method: Annotated[
        str, Choice("area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic", tip=METHOD_TIP), _ONE
    ],
    largest_size: Annotated[
        int, Number(default=512, low=0, high=16384, step=1, tip="Of the longer side, in pixels; 0 changes nothing.")
    ],
) -> Image:
    """Make images larger or smaller until their longer side has a length, their aspect kept."""
    size = of_longer_side(image.shape[2], image.shape[1], largest_size)
    return resize_images(image, *size, upscale_method)
