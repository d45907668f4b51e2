"""Tensors brought to a batch's size, masks to a latent's, and empty latents to a network's channels."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say


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


def fit_channels(latent: Tensor, channels: int) -> Tensor:
    """An empty latent with so many channels, whatever it had; one that holds a picture comes back as it is."""
    if latent.shape[1] == channels or bool(latent.any()):
        return latent
    return latent.new_zeros(latent.shape[0], channels, *latent.shape[2:])


def fit_mask(mask: Tensor, latent: Tensor) -> Tensor:
    """A mask [H, W], [B, H, W] or [B, 1, H, W] at the latent's size: bilinear, not rounded, one per picture."""
    mask = as_batch(mask).to(latent)
    if mask.shape[-2:] != latent.shape[-2:]:
        mask = F.interpolate(mask, size=latent.shape[-2:], mode="bilinear")
    return fit_batch(mask, latent.shape[0])


def as_batch(mask: Tensor) -> Tensor:
    """A mask [H, W], [B, H, W] or [B, 1, H, W] as [B, 1, H, W]. Raises: ShapeError, if there is nothing in it."""
    if mask.ndim < 2 or mask.numel() == 0:
        raise ShapeError(
            say(
                "the mask has shape {shape}, wanted is [B, H, W] with at least one mask of at least one "
                "pixel; look at the node that made it",
                shape=list(mask.shape),
            ),
            wanted="[B, H, W]",
            got=tuple(mask.shape),
        )
    return mask.reshape(-1, 1, *mask.shape[-2:])
