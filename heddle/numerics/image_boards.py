"""Images [B, H, W, C] laid onto larger ones: in the middle, with room around them, side by side, in a grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from heddle.numerics.image_batches import with_batch, with_channels
from heddle.numerics.image_sizes import to_fit
from heddle.numerics.resize import resize_images

GREY = 0.5

#: Red, green and blue by their names.
COLOURS = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}

DIRECTIONS = ("right", "down", "left", "up")


def place_in_middle(images: Tensor, width: int, height: int, fill: float | Tensor) -> Tensor:
    """Images in the middle of ones of width x height, not smaller than they are, filled with a value or colour [C]."""
    batch, rows, columns, channels = images.shape
    board = images.new_empty(batch, height, width, channels)
    board[:] = fill
    top, left = (height - rows) // 2, (width - columns) // 2
    board[:, top : top + rows, left : left + columns] = images
    return board


def fit_and_pad(images: Tensor, width: int, height: int, value: float, method: str) -> Tensor:
    """As large as fits into width x height, with one value around it."""
    fitting = to_fit(images.shape[2], images.shape[1], width, height)
    return place_in_middle(resize_images(images, *fitting, method), width, height, value)


def extend(images: Tensor, left: int, top: int, right: int, bottom: int, feathering: int) -> tuple[Tensor, Tensor]:
    """Images with grey around them, and a mask of what is to be filled.

    Args:
        left, top, right, bottom: how much is added, px.
        feathering: over so many pixels inwards from the added sides the mask falls off to nothing, by the square of
            what is left; where twice as many do not fit into the image, it ends sharply.
    Returns: [B, H', W', C] and [1, H', W'].
    """
    batch, height, width, channels = images.shape
    board = images.new_full((batch, top + height + bottom, left + width + right, channels), GREY)
    board[:, top : top + height, left : left + width] = images
    mask = images.new_ones(1, *board.shape[1:3])
    inside = images.new_zeros(height, width)
    if 0 < feathering * 2 < min(height, width):
        down = _distance(height, bool(top), bool(bottom))[:, None].to(images)
        across = _distance(width, bool(left), bool(right)).to(images)
        inside = ((feathering - torch.minimum(down, across)) / feathering).clamp(min=0) ** 2
    mask[:, top : top + height, left : left + width] = inside
    return board, mask


def _distance(size: int, before: bool, after: bool) -> Tensor:
    """Of each place along an axis, how far it is from the sides at which something was added; `size` without any."""
    places = torch.arange(size)
    return torch.minimum(
        places if before else torch.full_like(places, size), size - places if after else places.new_tensor(size)
    )


def stitch(first: Tensor, second: Tensor, direction: str, *, is_matched: bool, gap_px: int, colour: str) -> Tensor:
    """Two images side by side.

    Args:
        direction: where the second lies, one of DIRECTIONS.
        is_matched: the second is brought to the first's height or width; else the smaller one lies in the middle of
            two stripes.
        gap_px: between them, an odd one counts as one more. colour: of the gap and the stripes, one of COLOURS.
    """
    length = max(len(first), len(second))
    first, second = (with_batch(each, length) for each in (first, second))
    channels = max(first.shape[-1], second.shape[-1])
    is_across = direction in ("left", "right")
    if is_matched:
        rows, columns = first.shape[1:3]
        aspect = second.shape[2] / second.shape[1]
        wanted = (int(rows * aspect), rows) if is_across else (columns, int(columns / aspect))
        second = resize_images(second, max(1, wanted[0]), max(1, wanted[1]), "lanczos")
    first, second = (with_channels(each, channels) for each in (first, second))
    rows, columns = (max(first.shape[dim], second.shape[dim]) for dim in (1, 2))
    fill = first.new_tensor([*COLOURS[colour], 1.0][:channels])  # a grey image has the brightness of the red
    parts = [
        place_in_middle(each, *((each.shape[2], rows) if is_across else (columns, each.shape[1])), fill)
        for each in ((first, second) if direction in ("right", "down") else (second, first))
    ]
    gap_px += gap_px % 2
    if gap_px:
        parts.insert(1, fill.expand(length, *((rows, gap_px) if is_across else (gap_px, columns)), channels))
    return torch.cat(parts, dim=2 if is_across else 1)


def lay_in_grid(images: Sequence[Tensor], columns: int, cell_width: int, cell_height: int, padding: int) -> Tensor:
    """Images row by row, each as large as fits into its cell and never enlarged, black between them.

    Args:
        images: at least one of [1, H, W, C]. padding: between cells, px.
    Returns: [1, H', W', 3].
    """
    rows = -(-len(images) // columns)
    height = rows * (cell_height + padding) - padding
    width = columns * (cell_width + padding) - padding
    grid = torch.zeros(1, height, width, 3)
    for place, image in enumerate(images):
        colours = with_channels(image[..., :3], 3)
        fitting_width, fitting_height = to_fit(image.shape[2], image.shape[1], cell_width, cell_height)
        if fitting_width < image.shape[2] or fitting_height < image.shape[1]:
            colours = resize_images(colours, fitting_width, fitting_height, "lanczos")
        cell = place_in_middle(colours, cell_width, cell_height, 0.0)
        top, left = place // columns * (cell_height + padding), place % columns * (cell_width + padding)
        grid[:, top : top + cell_height, left : left + cell_width] = cell
    return grid
