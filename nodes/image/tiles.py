"""Images cut into tiles and put together again."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from heddle.graph.declare import Number, Wire, node
from heddle.numerics.image_tiles import merge_tiles, split_into_tiles
from heddle.wires import Image
from nodes.image.batch import CATEGORY, Images


@node("SplitImageToTileList", category=CATEGORY, name="Split Image into List of Tiles", search=("cut", "crop"))
def split(
    image: Annotated[Image, Wire("IMAGE", tip="The images to cut.")],
    tile_width: Annotated[int, Number(default=1024, low=64, high=16384, tip="Of each tile, in pixels.")],
    tile_height: Annotated[int, Number(default=1024, low=64, high=16384, tip="Of each tile, in pixels.")],
    overlap: Annotated[
        int,
        Number(
            default=128, low=0, high=4096, tip="What neighbours share, in pixels; three quarters of a tile at most."
        ),
    ],
) -> Images:
    """Cut images into tiles of one size, row by row, which the nodes behind take one after the other.

    Merge List of Tiles to Image puts them together again.
    """
    return split_into_tiles(image, tile_width, tile_height, overlap)


@node(
    "ImageMergeTileList",
    category=CATEGORY,
    name="Merge List of Tiles to Image",
    takes_lists=True,
    search=("stitch", "combine"),
)
def merge(
    image_list: Annotated[list[Tensor], Wire("IMAGE", tip="The tiles, in the order in which they were cut.")],
    final_width: Annotated[list[int], Number(default=1024, low=64, high=32768, tip="Of the whole, in pixels.")],
    final_height: Annotated[list[int], Number(default=1024, low=64, high=32768, tip="Of the whole, in pixels.")],
    overlap: Annotated[
        list[int],
        Number(default=128, low=0, high=4096, tip="What neighbours share, in pixels, as large as the tiles are now."),
    ],
) -> Image:
    """Put tiles together to the image that they were cut from. They fade into each other where they overlap.

    If the tiles were enlarged in between, size and overlap are those after it.
    """
    return merge_tiles(image_list, final_width[0], final_height[0], overlap[0])
