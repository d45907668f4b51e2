"""Holes in images filled from what lies around them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = 0.5

FILLS = ("blurred", "grey", "black")


def fill(images: Tensor, mask: Tensor, kind: str) -> Tensor:
    """Images of which what a mask shows is replaced; a grey mask mixes. Elsewhere they stay to the bit.

    Args:
        images: [B, H, W, C]. mask: [B or 1, H, W], 0..1.
        kind: one of FILLS.
    """
    share = mask[..., None]
    new = {"blurred": lambda: blend_from_around(images, mask), "grey": lambda: GREY, "black": lambda: 0.0}[kind]()
    old = images.nan_to_num()
    return torch.where(share == 0, images, old + (new - old) * share)


def blend_from_around(images: Tensor, mask: Tensor) -> Tensor:
    """[B, H, W, C]: where a mask is 1 soft colours of what lies nearest, where it is 0 the images.

    An image of which the mask hides all becomes grey.

    Source: Gortler et al. 1996, The Lumigraph, section 3.5: means of what is known are taken from level to level, each
    half as large, until there are no holes; on the way back each level's holes are filled from the smaller one.
    """
    known = (1 - mask.expand(len(images), -1, -1))[:, None]
    return _fill_level(images.movedim(-1, 1).nan_to_num(), known).movedim(1, -1)


def _fill_level(colours: Tensor, known: Tensor) -> Tensor:
    """[B, C, H, W] without holes, from colours and how well each is known, [B, 1, H, W], 0..1."""
    if colours.shape[2:] == (1, 1):
        return torch.where(known > 0, colours, GREY)
    weighted = F.avg_pool2d(colours * known, 2, ceil_mode=True, count_include_pad=False)
    weights = F.avg_pool2d(known, 2, ceil_mode=True, count_include_pad=False)
    means = torch.where(weights > 0, weighted / weights, 0.0)
    # One that is known counts for its whole square: so a hole closes from its sides, one ring at each level.
    smaller = _fill_level(means, (weights * 4).clamp(max=1))
    return colours * known + F.interpolate(smaller, size=colours.shape[2:], mode="bilinear") * (1 - known)
