"""Images brought to another size."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, Number, Wire, node
from heddle.numerics.resize import resize
from heddle.wires import Image


@node("ImageScale", category="image/upscaling", name="Upscale Image", search=("resize", "size", "shrink"))
def scale_image(
    image: Annotated[Image, Wire("IMAGE", tip="The images to resize.")],
    upscale_method: Annotated[
        str,
        Choice(
            "nearest-exact",
            "bilinear",
            "area",
            "bicubic",
            "lanczos",
            tip="lanczos and bicubic are sharp, bilinear is soft, area suits shrinking, nearest-exact keeps pixels.",
        ),
    ],
    width: Annotated[int, Number(default=512, low=0, high=16384, step=1, tip="In pixels; 0 follows the height.")],
    height: Annotated[int, Number(default=512, low=0, high=16384, step=1, tip="In pixels; 0 follows the width.")],
    crop: Annotated[str, Choice("disabled", "center", tip="center cuts the sides so that nothing is stretched.")],
) -> Image:
    """Bring images to a width and height."""
    return resize(image.movedim(-1, 1), width, height, upscale_method, crop).movedim(1, -1)
