"""Two images mixed colour by colour."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from heddle.numerics.batches import fit_batch
from heddle.numerics.compositing import with_channels_of
from heddle.numerics.resize import resize


def _overlay(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a <= 0.5, 2 * a * b, 1 - 2 * (1 - a) * (1 - b))


def _soft_light(a: Tensor, b: Tensor) -> Tensor:
    lit = torch.where(a <= 0.25, ((16 * a - 12) * a + 4) * a, a.sqrt())
    return torch.where(b <= 0.5, a - (1 - 2 * b) * a * (1 - a), a + (2 * b - 1) * (lit - a))


MODES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "normal": lambda a, b: b,
    "multiply": lambda a, b: a * b,
    "screen": lambda a, b: 1 - (1 - a) * (1 - b),
    "overlay": _overlay,
    "soft_light": _soft_light,
    "difference": lambda a, b: a - b,
}
"""Below a, above b. Source: W3C Compositing and Blending Level 1, section 9.1; but `difference` keeps its sign, so that
what would be below 0 is black."""


def blend(first: Tensor, second: Tensor, share: float, mode: str) -> Tensor:
    """The first images, with so much of what a mode makes of both.

    Args:
        first: [B, H, W, C]. second: brought to its size (bicubic, cut rather than stretched) and channels; of batches
            of different length the shorter one is repeated.
        share: 0 is the first, 1 the blend.
        mode: one of MODES.
    Returns: [B, H, W, C], 0..1.
    """
    second = with_channels_of(second.to(first), first)
    if second.shape[1:3] != first.shape[1:3]:
        height, width = first.shape[1:3]
        second = resize(second.movedim(-1, 1), width, height, "bicubic", "center").movedim(1, -1)
    size = max(len(first), len(second))
    first, second = fit_batch(first, size), fit_batch(second, size)
    return (first * (1 - share) + MODES[mode](first, second) * share).clamp(0, 1)
