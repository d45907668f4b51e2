"""Masks brought to the size of the images that they belong to."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.said import say
from heddle.numerics.soft_masks import plain


def fit_masks(mask: Tensor, images: Tensor, ctx: Context) -> Tensor:
    """Masks of any form as [M, H, W], 0..1, at the size of images [B, H, W, C]; says if they were resized.

    An empty one is not said to be: Load Image gives it in a size of its own to pictures without transparency.
    """
    masks = plain(mask).to(images.device)
    (height, width), (rows, columns) = masks.shape[1:], images.shape[1:3]
    if (height, width) == (rows, columns):
        return masks
    if bool(masks.any()):
        words = "the mask of {width} x {height} is resized to the image's {columns} x {rows}"
        ctx.note(say(words, width=width, height=height, columns=columns, rows=rows))
    # Made smaller, something is left of every part of it; bilinear would look between them.
    method = "area" if rows < height or columns < width else "bilinear"
    return F.interpolate(masks[:, None], size=(rows, columns), mode=method)[:, 0]
