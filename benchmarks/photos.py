"""Pictures like photos: soft forms of every size, and the grain of a sensor."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

_GRAIN = 1.5 / 255


def photo(height: int, width: int, seed: int = 0) -> Tensor:
    """[H, W, 3], 0..1. Forms half as large are half as strong, as in photos (Field 1987)."""
    draw = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 3, height, width)
    for octave in range(2, 11):
        cells = torch.rand(1, 3, 2**octave, 2**octave, generator=draw) - 0.5
        picture += interpolate(cells, size=(height, width), mode="bicubic") * 2.0 ** (1 - octave)
    picture += torch.randn(picture.shape, generator=draw) * _GRAIN
    return (picture[0] + 0.5).clamp(0, 1).movedim(0, -1).contiguous()


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    """[H, W, 3], 0..1, which nothing packs."""
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))
