"""Images with few colours."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

DITHERS = ("none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16")


def quantize(images: Tensor, colours: int, dither: str) -> Tensor:
    """Each image of [B, H, W, C] in a palette of its own, chosen by median cut; an alpha stays as it is.

    Args:
        colours: of the palette, 1..256; what holds fewer stays with these.
        dither: one of DITHERS. Bayer's patterns are of that many pixels a side.
    Returns: [B, H, W, C], in steps of 1/255.
    """
    levels = (images[..., :3].nan_to_num().clamp(0, 1) * 255).to(torch.uint8).cpu().numpy()
    few = np.stack([_quantize_one(np.broadcast_to(each, (*each.shape[:2], 3)), colours, dither) for each in levels])
    result = torch.from_numpy(few.astype(np.float32) / np.float32(255)).to(images)
    return torch.cat([result[..., : images.shape[-1]], images[..., 3:]], dim=-1)


def _quantize_one(levels: NDArray[np.uint8], colours: int, dither: str) -> NDArray[np.uint8]:
    picture = Pillow.fromarray(np.ascontiguousarray(levels))
    palette = picture.quantize(colors=colours)
    kind, _, side = dither.partition("-")
    if kind == "bayer":
        picture = Pillow.fromarray(_add_pattern(levels, int(side), len(palette.getpalette() or ()) // 3))
    method = Pillow.Dither.FLOYDSTEINBERG if kind == "floyd" else Pillow.Dither.NONE
    return np.asarray(picture.quantize(palette=palette, dither=method).convert("RGB"))


def _add_pattern(levels: NDArray[np.uint8], side: int, colours: int) -> NDArray[np.uint8]:
    """Bayer's threshold pattern added, as high as two steps between so many colours would be if they lay evenly."""
    height, width = levels.shape[:2]
    pattern = (2 * 256 / colours) * _bayer(side) + 0.5
    tiled = np.tile(pattern, (-(-height // side), -(-width // side)))[:height, :width, None]
    return np.clip(levels.astype(np.float32) + tiled.astype(np.float32), 0, 255).astype(np.uint8)


def _bayer(side: int) -> NDArray[np.float64]:
    """[side, side] thresholds, evenly between -1/2 and 1/2, each as far as can be from those of its like.

    Source: Bayer 1973, An optimum method for two-level rendition of continuous-tone pictures.
    """
    order = np.zeros((1, 1))
    while len(order) < side:
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    return (order + 0.5) / side**2 - 0.5
