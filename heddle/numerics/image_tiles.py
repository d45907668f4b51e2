"""An image cut into a list of overlapping tiles, and put together from one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.numerics.boxes import Box


def tile_boxes(width: int, height: int, tile_width: int, tile_height: int, overlap: int) -> list[Box]:
    """Where tiles lie that cover an image, row by row. The last ones are moved inwards, so that all are equally large.

    Args:
        overlap: of neighbours, px; more than three quarters of a tile counts as that.
    """
    columns, rows = (_spans(*each, overlap) for each in ((width, tile_width), (height, tile_height)))
    return [Box(left, top, right, bottom) for (top, bottom), (left, right) in product(rows, columns)]


def split_into_tiles(images: Tensor, tile_width: int, tile_height: int, overlap: int) -> list[Tensor]:
    """The tiles of images [B, H, W, C], see `tile_boxes`."""
    boxes = tile_boxes(images.shape[2], images.shape[1], tile_width, tile_height, overlap)
    return [box.of(images) for box in boxes]


def merge_tiles(tiles: Sequence[Tensor], width: int, height: int, overlap: int) -> Tensor:
    """Images of width x height from the tiles that `split_into_tiles` would cut of them, blended where they overlap.

    A tile fades linearly into its neighbours over the overlap.

    Args:
        tiles: [B, h, w, C], all of one size.
    Raises: ShapeError, if there are more or fewer than cover the image, or they differ in size.
    """
    if not tiles:
        words = "there are no tiles to merge; link a list of images"
        raise ShapeError(say(words), wanted="1 or more", got=0)
    batch, tile_height, tile_width, channels = tiles[0].shape
    odd = next((tuple(each.shape) for each in tiles if each.shape != tiles[0].shape), None)
    if odd is not None:
        words = "tiles have the shapes {first} and {other}, but all are to have one; treat them all in the same way"
        raise ShapeError(
            say(words, first=str(list(tiles[0].shape)), other=str(list(odd))),
            wanted=tuple(tiles[0].shape),
            got=odd,
        )
    boxes = tile_boxes(width, height, tile_width, tile_height, overlap)
    if len(boxes) != len(tiles):
        words = (
            "there are {count} tiles of {tile}, but with an overlap of {overlap} an image of {whole} is made of "
            "{wanted}; give the size and overlap that the tiles have now, after any scaling"
        )
        tile, size = f"{tile_width} x {tile_height}", f"{width} x {height}"
        raise ShapeError(
            say(words, count=len(tiles), tile=tile, overlap=overlap, whole=size, wanted=len(boxes)),
            wanted=len(boxes),
            got=len(tiles),
        )
    whole = tiles[0].new_zeros(batch, height, width, channels)
    total = tiles[0].new_zeros(height, width, 1)
    shared_x, shared_y = (size - _stride(size, overlap) for size in (tile_width, tile_height))
    for tile, box in zip(tiles, boxes, strict=True):
        box = box.within(width, height)
        down = _share(box.height, shared_y, box.top > 0, box.bottom < height)
        across = _share(box.width, shared_x, box.left > 0, box.right < width)
        weight = (down[:, None] * across).to(tile)[..., None]
        place = (slice(box.top, box.bottom), slice(box.left, box.right))
        whole[:, *place] += tile[:, : box.height, : box.width] * weight
        total[place] += weight
    return whole / total


def _stride(tile: int, overlap: int) -> int:
    return max(1, round(tile / 4), tile - overlap)


def _spans(size: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    tile = min(tile, size)
    last = size - tile
    starts = [*range(0, last, _stride(tile, overlap)), last]
    return [(start, start + tile) for start in starts]


def _share(size: int, shared: int, before: bool, after: bool) -> Tensor:
    """How much a tile counts at each of its places along an axis; never nothing."""
    share = torch.ones(size)
    if shared := min(shared, size):
        rise = (torch.arange(shared) + 0.5) / shared
        if before:
            share[:shared] *= rise
        if after:
            share[size - shared :] *= rise.flip(0)
    return share
