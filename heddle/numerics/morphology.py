"""The largest and the smallest value around each pixel: shapes that grow and shrink, and what follows from both.

Windows are flat, and what lies outside the image counts for nothing. Source: Serra 1982, Image Analysis and
Mathematical Morphology.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

OPERATIONS = ("erode", "dilate", "open", "close", "gradient", "bottom_hat", "top_hat")


def morph(images: Tensor, operation: str, side_px: int) -> Tensor:
    """Each channel of [B, H, W, C] for itself, seen through a square window.

    Args:
        operation: erode is the smallest value in the window and dilate the largest; open is erode, then dilate, and
            close the other way round; gradient is dilate - erode, top_hat image - open, bottom_hat close - image.
        side_px: of the window. An even one reaches further up and left.
    """
    values = images.detach().float().cpu().numpy()
    match operation:
        case "erode":
            result = _erode(values, side_px)
        case "dilate":
            result = _dilate(values, side_px)
        case "open":
            result = _dilate(_erode(values, side_px), side_px)
        case "close":
            result = _erode(_dilate(values, side_px), side_px)
        case "gradient":
            result = _dilate(values, side_px) - _erode(values, side_px)
        case "top_hat":
            result = values - _dilate(_erode(values, side_px), side_px)
        case "bottom_hat":
            result = _erode(_dilate(values, side_px), side_px) - values
        case _:
            raise ValueError(f"operation {operation!r}: there are {', '.join(OPERATIONS)}")
    return torch.from_numpy(result).to(images)


def grow_masks(masks: Tensor, steps: int, *, is_tapered: bool) -> Tensor:
    """Masks [B, H, W] after so many steps; in each, a pixel becomes the largest of itself and its neighbours.

    Args:
        steps: how far in pixels; less than 0 takes the smallest instead, so that shapes shrink.
        is_tapered: the neighbours are the four at the pixel's sides, so that a point grows into a diamond; else all
            eight, and it grows into a square.
    """
    values = masks.detach().float().cpu().numpy()
    values = values if steps >= 0 else -values
    grow = _dilate_by_diamond if is_tapered else _dilate_by_square
    result = np.stack([grow(each, abs(steps)) for each in values])
    return torch.from_numpy(result if steps >= 0 else -result).to(masks)


def _dilate(values: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    for axis in (1, 2):
        values = _largest_along(values, side_px, axis)
    return values


def _erode(values: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    return -_dilate(-values, side_px)


def _dilate_by_square(mask: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    return _dilate(mask[None], 2 * steps + 1)[0]


def _dilate_by_diamond(mask: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """|dx| + |dy| <= steps is a square in the coordinates x + y and x - y, whichever the number of steps."""
    height, width = mask.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    along, across = rows + columns, rows - columns + width - 1
    turned = np.full((height + width - 1, height + width - 1), -math.inf, np.float32)
    turned[along, across] = mask
    return _dilate_by_square(turned, steps)[along, across]


def _largest_along(values: NDArray[np.float32], side_px: int, axis: int) -> NDArray[np.float32]:
    from scipy.ndimage import maximum_filter1d  # importing scipy changes the filters of warnings

    # A window past both ends sees no more than one that ends with them, and takes time.
    size = min(side_px, 2 * values.shape[axis])
    result = np.empty_like(values)
    maximum_filter1d(values, size, axis=axis, output=result, mode="constant", cval=-math.inf)
    return result
