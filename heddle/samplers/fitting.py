"""Tensors brought to a batch's size, masks to a latent's, and empty latents to a network's channels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from heddle.numerics.batches import fit_batch as fit_batch
from heddle.numerics.batches import masks_of


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
    return masks_of(mask)[:, None]
