"""Colours in other coordinates than sRGB's red, green and blue."""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""How bright each of sRGB's colours is. Source: ITU-R BT.601."""


def luma(images: Tensor) -> Tensor:
    """How bright each pixel of [B, H, W, C] is, [B, H, W]; of other than colours their one channel."""
    if images.shape[-1] < 3:
        return images[..., 0]
    red, green, blue = images[..., :3].unbind(-1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


_U, _V = 0.564, 0.713
"""What the differences of blue and of red are multiplied by, so that they lie within -0.5 and 0.5. Source: ITU-T T.871
(JFIF), rounded as programs for JPEG do."""


def to_yuv(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Brightness and the differences of blue and of red to it, around 0.5; [B, H, W] each."""
    y = luma(images)
    red, blue = images[..., 0], images[..., min(2, images.shape[-1] - 1)]
    return y, (blue - y) * _U + 0.5, (red - y) * _V + 0.5


def from_yuv(y: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """[B, H, W, 3], 0..1; the inverse of `to_yuv`."""
    red, blue = y + (v - 0.5) / _V, y + (u - 0.5) / _U
    green = (y - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.stack([red, green, blue], dim=-1).clamp(0, 1)
