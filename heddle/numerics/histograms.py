"""How many pixels of images have each brightness."""

from __future__ import annotations

import torch
from torch import Tensor

LEVELS = 256

#: How much of each colour is in the brightness. Source: ITU-R BT.709, whose primaries sRGB has.
_LUMINANCE = (0.2126, 0.7152, 0.0722)


def histograms(images: Tensor) -> dict[str, list[int]]:
    """Of all images [B, H, W, C] together, LEVELS counts each.

    Returns: `red`, `green` and `blue` (a grey image counts as each); `luminance`; and `rgb`, the first three together.
    """
    levels = (images[..., :3].nan_to_num().clamp(0, 1) * (LEVELS - 1)).round()
    colours = [levels[..., min(at, levels.shape[-1] - 1)] for at in range(3)]
    counts = {name: _counts(plane) for name, plane in zip(("red", "green", "blue"), colours, strict=True)}
    red, green, blue = (weight * plane for weight, plane in zip(_LUMINANCE, colours, strict=True))
    counts["luminance"] = _counts((red + green + blue).round())
    counts["rgb"] = counts["red"] + counts["green"] + counts["blue"]
    return {name: each.tolist() for name, each in counts.items()}


def _counts(plane: Tensor) -> Tensor:
    return torch.bincount(plane.flatten().long().cpu(), minlength=LEVELS)
