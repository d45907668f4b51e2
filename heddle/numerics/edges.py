"""Edges of images."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

#: From a pixel to its eight neighbours, (down, right), each an eighth of a turn on from the one before.
_AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def canny(grey: Tensor, low: float, high: float) -> Tensor:
    """Thin lines where brightness changes most.

    Source: Canny 1986, A Computational Approach to Edge Detection; a Gauss curve of sigma 1 over 5 x 5 pixels, and the
    unnormalised Sobel slopes.

    Args:
        grey: [B, H, W], 0..1.
        low, high: a slope above `high` is an edge, one above `low` is one if it hangs together with such.
    Returns: [B, H, W], 1 on an edge and 0 elsewhere.
    """
    found = np.empty(grey.shape, np.float32)
    for at, one in enumerate(grey):  # each alone, as a batch may be a film
        across, down = _slopes(_soft(one.nan_to_num().float()[None]))
        # What is flat has a slope, too, if a tiny one: existing workflows' lines are those of this sum.
        steep = (across**2 + down**2 + 1e-6).sqrt()
        steep = torch.where(_is_ridge(steep, torch.atan2(down, across)), steep, 0)
        found[at] = _connected(steep[0].cpu().numpy(), low, high)
    return torch.from_numpy(found).to(grey)


def _soft(grey: Tensor) -> Tensor:
    places = torch.arange(-2, 3, device=grey.device, dtype=grey.dtype)
    weights = (-(places**2) / 2).exp()
    weights = weights / weights.sum()
    x = grey[:, None]
    for dim in (-2, -1):
        # Mirrored without the outermost pixel; there may be too few of them for that.
        places = torch.arange(-2, x.shape[dim] + 2, device=x.device).abs()
        last = x.shape[dim] - 1
        places = torch.where(places > last, 2 * last - places, places).clamp(0, last)
        shape = (1, 1, 5, 1) if dim == -2 else (1, 1, 1, 5)
        x = F.conv2d(x.index_select(dim, places), weights.reshape(shape))
    return x


def _slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel's slopes to the right and downwards, [B, H, W] each."""
    sobel = x.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    slopes = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), torch.stack([sobel, sobel.T])[:, None])
    return slopes[:, 0], slopes[:, 1]


def _is_ridge(steep: Tensor, angle: Tensor) -> Tensor:
    """Where it is steeper than at both neighbours uphill and downhill, to the nearest eighth of a turn.

    Of two neighbours that are equally steep, as both sides of a drawn line are, the one uphill counts.
    """
    eighth = (angle * 4 / torch.pi).round().long() % 8
    padded = F.pad(steep, (1, 1, 1, 1))
    height, width = steep.shape[-2:]
    is_ridge = torch.zeros_like(steep, dtype=torch.bool)
    for turn, (down, right) in enumerate(_AROUND):
        uphill = padded[:, 1 + down :, 1 + right :][:, :height, :width]
        downhill = padded[:, 1 - down :, 1 - right :][:, :height, :width]
        is_ridge |= (eighth == turn) & (steep > uphill) & (steep >= downhill)
    return is_ridge


def _connected(steep: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Those above `low` that hang together, also at corners, with one above `high`."""
    from scipy.ndimage import label  # importing scipy changes the filters of warnings

    groups = np.zeros(steep.shape, np.int32)
    label(steep > low, structure=np.ones((3, 3)), output=groups)
    kept = np.unique(groups[steep > high])
    return np.isin(groups, kept[kept > 0]).astype(np.float32)
