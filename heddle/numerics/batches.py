"""Images and masks as they come in on wires: what counts as such, and batches brought to one length."""

from __future__ import annotations

import math

from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say


def images_of(images: Tensor, name: str = "image") -> Tensor:
    """The images themselves, [B, H, W, C].

    Raises: ShapeError, if they are none, or there is nothing in them.
    """
    if images.ndim != 4 or images.numel() == 0:
        words = (
            "{name}: shape {found}, wanted is [B, H, W, C] with at least one image of at least one pixel; "
            "look at the node that made it"
        )
        found = list(images.shape)
        raise ShapeError(say(words, name=name, found=str(found)), wanted="[B, H, W, C]", got=tuple(found))
    return images


def masks_of(mask: Tensor) -> Tensor:
    """A mask [H, W], [B, H, W] or [B, 1, H, W] as [B, H, W].

    Raises: ShapeError, if there is nothing in it.
    """
    if mask.ndim < 2 or mask.numel() == 0:
        words = (
            "the mask has shape {found}, wanted is [B, H, W] with at least one mask of at least one pixel; "
            "look at the node that made it"
        )
        found = list(mask.shape)
        raise ShapeError(say(words, found=str(found)), wanted="[B, H, W]", got=tuple(found))
    return mask.reshape(-1, *mask.shape[-2:])


def fit_batch(tensor: Tensor, size: int) -> Tensor:
    """The tensor with `size` items along its first axis: repeated from its start, or cut.

    Raises: ShapeError, if it has none.
    """
    if tensor.shape[0] == size:
        return tensor
    if tensor.shape[0] == 0:
        raise ShapeError(
            say("an empty batch cannot be repeated to {size} items; give at least one", size=size), wanted=size, got=0
        )
    times = math.ceil(size / tensor.shape[0])
    return tensor.repeat(times, *[1] * (tensor.ndim - 1))[:size]
