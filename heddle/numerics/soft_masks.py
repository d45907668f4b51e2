"""Masks that fall off softly at their sides, and end for certain."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heddle.numerics.batches import masks_of
from heddle.numerics.boxes import box_of_mask

#: Which part of the fading lies outside of the white.
SIDES = {"outside": 1.0, "both": 0.5, "inside": 0.0}

WHITE = 0.5
"""What is more than this counts as white where a mask must be hard."""


def plain(mask: Tensor) -> Tensor:
    """A mask of any form as [B, H, W] of numbers 0..1; what is no number is 0."""
    return masks_of(mask).float().nan_to_num(0.0).clamp(0, 1)


def soften(mask: Tensor, grow_px: int, fade_px: int, side: str = "outside") -> Tensor:
    """Masks that go from 1 to 0 along a straight line over the distance from the border of their white.

    Beyond the fading they are 0 and 1 exactly. The picture's own sides are no border: there nothing fades.

    Args:
        mask: of any form; grey is white or black.
        grow_px: the white reaches further by so much, round; less than 0 takes from it.
        fade_px: how far it is from 1 to 0; 0 makes it hard.
        side: one of SIDES, where the fading lies.
    Returns: [B, H, W].
    """
    masks = plain(mask)
    result = torch.zeros_like(masks)
    before = fade_px * SIDES[side]
    is_white_whole = grow_px + before >= fade_px
    for soft, white in zip(result, masks > WHITE, strict=True):
        if bool(white.all()):
            soft.fill_(1)
            continue
        box = box_of_mask(white)
        if box is None:
            continue
        # Further out than it grows and fades all is black; one more is the black that the inner distances end at.
        near = box.grown(max(0, grow_px) + fade_px + 1).within(white.shape[1], white.shape[0])
        inside = near.of(white[None])[0].numpy(force=True)
        depth = _depth(inside, is_needed_inside=not is_white_whole)
        if fade_px:
            share = np.clip((depth + grow_px + before) / fade_px, 0, 1)
        else:
            share = depth + grow_px > 0
        soft[near.top : near.bottom, near.left : near.right] = torch.from_numpy(share.astype(np.float32))
    return result


def grow_softly(mask: Tensor, grow_px: int) -> Tensor:
    """[B, H, W]: the mask with its greys, and around its white as much more as it grows, or as much less."""
    masks = plain(mask)
    if grow_px == 0:
        return masks
    hard = soften(masks, grow_px, 0)
    return torch.maximum(masks, hard) if grow_px > 0 else torch.minimum(masks, hard)


def _depth(inside: NDArray[np.bool_], *, is_needed_inside: bool) -> NDArray[np.float64]:
    """How far each pixel lies from the border: more than 0 inside, less outside; endlessly deep if none needs it."""
    from scipy.ndimage import distance_transform_edt  # importing scipy changes the filters of warnings

    # The distance is to the next middle of the other kind; the border lies half a pixel before it.
    outer = 0.5 - np.asarray(distance_transform_edt(~inside))
    if inside.all() or not is_needed_inside:  # where all is inside, the black lies beyond the picture
        return np.where(inside, math.inf, outer)
    return np.where(inside, np.asarray(distance_transform_edt(inside)) - 0.5, outer)
