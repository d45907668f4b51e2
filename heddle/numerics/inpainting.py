"""Masks and pictures made ready for networks and runs that fill in what a mask hides."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = 0.5


def mask_like(mask: Tensor, pixels: Tensor) -> Tensor:
    """A mask [H, W], [B, H, W] or [B, 1, H, W] as [B, 1, h, w] at the size of pictures [B, h, w, C]: bilinear."""
    return F.interpolate(mask.reshape(-1, 1, *mask.shape[-2:]), size=pixels.shape[1:3], mode="bilinear")


def hide(pixels: Tensor, mask: Tensor) -> Tensor:
    """Pictures with mid grey where the mask, rounded, is 1.

    Args:
        pixels: [B, H, W, C], of which the first three channels are hidden.
        mask: [B or 1, 1, H, W].
    """
    shown = 1 - mask.round().movedim(1, -1)
    colours = (pixels[..., :3] - GREY) * shown + GREY
    rest = pixels[..., 3:].expand(colours.shape[0], -1, -1, -1)
    return torch.cat([colours, rest], dim=-1)


def grow(mask: Tensor, cells: int) -> Tensor:
    """A mask, rounded, and what lies around it: each cell that is seen through a square window of so many cells.

    Args:
        mask: [B, 1, H, W]. cells: side of the window; 0 or 1 grow nothing. An even one reaches further down and right.
    """
    if cells == 0:
        return mask
    window = torch.ones(1, 1, cells, cells, dtype=mask.dtype, device=mask.device)
    grown = F.conv2d(mask.round(), window, padding=math.ceil((cells - 1) / 2)).clamp(0, 1)
    return grown[..., : mask.shape[-2], : mask.shape[-1]]
