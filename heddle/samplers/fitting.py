"""Tensors brought to a batch's size, masks to a latent's, and empty latents to a network's channels."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor


def fit_batch(tensor: Tensor, size: int) -> Tensor:
    """The tensor with `size` items along its first axis: repeated from its start, or cut."""
    if tensor.shape[0] == size:
        return tensor
    times = math.ceil(size / tensor.shape[0])
    return tensor.repeat(times, *[1] * (tensor.ndim - 1))[:size]


def fit_channels(latent: Tensor, channels: int) -> Tensor:
    """An empty latent with so many channels, whatever it had; one that holds a picture comes back as it is."""
    if latent.shape[1] == channels or bool(latent.any()):
        return latent
    return latent.new_zeros(latent.shape[0], channels, *latent.shape[2:])


def fit_mask(mask: Tensor, latent: Tensor) -> Tensor:
    """A mask [H, W], [B, H, W] or [B, 1, H, W] at the latent's size: bilinear, not rounded, one per picture."""
    mask = mask.reshape(-1, 1, *mask.shape[-2:]).to(latent)
    if mask.shape[-2:] != latent.shape[-2:]:
        mask = F.interpolate(mask, size=latent.shape[-2:], mode="bilinear")
    return fit_batch(mask, latent.shape[0])
