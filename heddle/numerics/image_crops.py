"""Parts cut out of images [B, H, W, C]."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from heddle.numerics.boxes import Box, box_of_mask
from heddle.numerics.image_boards import place_in_middle
from heddle.numerics.image_sizes import to_fit
from heddle.numerics.resize import resize_images


def crop_at(images: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    """What lies right and down of a corner. A corner outside is moved onto the last pixel; what is outside is cut."""
    rows, columns = images.shape[1:3]
    left, top = min(max(0, x), columns - 1), min(max(0, y), rows - 1)
    return Box(left, top, left + max(1, width), top + max(1, height)).within(columns, rows).of(images)


def crop_middle(images: Tensor, width: int, height: int) -> Tensor:
    """The middle; a side that is shorter stays whole."""
    rows, columns = images.shape[1:3]
    return crop_at(images, max(0, columns - width) // 2, max(0, rows - height) // 2, width, height)


def crop_anywhere(images: Tensor, width: int, height: int, seed: int) -> Tensor:
    """A part in a place that the seed draws, the same of all images; a side that is shorter stays whole.

    The draw is numpy's older generator's, first along the width, as existing datasets were made with it.
    """
    rows, columns = images.shape[1:3]
    chance = np.random.RandomState(seed % (2**32 - 1))
    left, top = (
        int(chance.randint(0, left_over + 1)) if left_over > 0 else 0 for left_over in (columns - width, rows - height)
    )
    return crop_at(images, left, top, width, height)


def crop_into(image: Tensor, box: Box, width: int, height: int, *, is_stretched: bool) -> Tensor:
    """What lies in a box, brought to width x height: stretched, or whole between black stripes.

    Args:
        image: [B, H, W, C]. box: lies within it.
    """
    part = box.of(image)
    if is_stretched:
        return resize_images(part, width, height, "bilinear")
    fitting = resize_images(part, *to_fit(box.width, box.height, width, height), "bilinear")
    return place_in_middle(fitting, width, height, 0.0)


def crop_to_mask(
    image: Tensor, mask: Tensor, width: int, height: int, margin: float, grow_px: int, background: Tensor
) -> Tensor:
    """What a mask shows, in the middle of width x height, on a background.

    The part keeps its aspect. Where the mask is empty all of the image counts as shown.

    Args:
        image: [1, H, W, C]. mask: [H, W], 1 = shown.
        margin: how much larger the part is than what is shown, at its tighter sides; 1 = just as large.
        grow_px: the mask is grown by so much, or shrunk if it is less than 0.
        background: [C].
    Returns: [1, height, width, C].
    """
    shown = grow_mask(mask, grow_px).clamp(0, 1)
    box = box_of_mask(shown)
    if box is None:
        shown, box = torch.ones_like(mask), Box(0, 0, image.shape[2], image.shape[1])
    cut_out = image * shown[None, :, :, None] + background * (1 - shown)[None, :, :, None]
    # The part has the aspect of what is wanted, so that nothing is stretched.
    scale = margin * max(box.width / width, box.height / height)
    part_width, part_height = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (box.left + box.right - part_width) // 2, (box.top + box.bottom - part_height) // 2
    wanted = Box(left, top, left + part_width, top + part_height)
    there = wanted.within(image.shape[2], image.shape[1])
    part = background.expand(1, part_height, part_width, -1).clone()
    part[:, there.top - top : there.bottom - top, there.left - left : there.right - left] = there.of(cut_out)
    method = "area" if part_width > width else "bicubic"
    return resize_images(part, width, height, method).clamp(0, 1)


def grow_mask(mask: Tensor, px: int) -> Tensor:
    """A mask [H, W], each cell the highest of the square around it that reaches so far; the lowest if less than 0."""
    if px == 0:
        return mask
    sign = 1.0 if px > 0 else -1.0
    reach = abs(px)
    return sign * max_pool2d(sign * mask[None], 2 * reach + 1, stride=1, padding=reach)[0]
