"""A text laid over images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from heddle.numerics.colours import LUMA
from heddle.numerics.lettering import Block, font_for, line_height, wrap

_LEAST_PX = 4.0  # of letters: smaller ones are dots


@dataclass(frozen=True)
class Overlaid:
    """Images with a text over them.

    Attributes:
        lacking: letters that no font here has.
        is_cut: not all of the text has room.
    """

    images: Tensor
    lacking: str = ""
    is_cut: bool = False


def overlay_text(
    images: Tensor,
    text: str,
    size_percent: float,
    colour: tuple[float, float, float, float],
    position: str,
    align: str,
    has_outline: bool,
) -> Overlaid:
    """The same text over each of [B, H, W, C], in lines that are broken where the image ends.

    Args:
        size_percent: of the letters, of the image's height.
        colour: red, green, blue, opacity, 0..1.
        position: top or bottom. align: left, center or right.
        has_outline: black around bright letters, white around dark ones, so that they can be read on anything.
    """
    if not text.strip():
        return Overlaid(images)
    height, width = images.shape[1:3]
    size = max(height * size_percent / 100, _LEAST_PX)
    font, lacking = font_for(text, size)
    margin, step = size / 2, line_height(font)
    most = max(math.ceil((height - 2 * margin) / step), 1)
    lines = tuple(islice(wrap(text, font, width - 2 * margin), most + 1))
    is_cut, lines = len(lines) > most, lines[:most]
    top = margin if position == "top" else height - margin - len(lines) * step
    block = Block(lines, font, margin, max(top, 0.0), width - margin, align)
    letters = torch.from_numpy(block.cover(width, height)).to(images)[..., None]
    covered, paint = letters, _paint(images, colour[:3]) * letters
    if has_outline:
        wide = torch.from_numpy(block.cover(width, height, max(round(size / 12), 1))).to(images)[..., None]
        is_bright = _brightness(colour[:3]) > 0.5
        around = wide * (1 - letters)
        paint = paint + _paint(images, (0.0,) * 3 if is_bright else (1.0,) * 3) * around
        covered = letters + around
    share = covered * colour[3]
    laid = torch.where(share == 0, images, images * (1 - share) + paint * colour[3])
    return Overlaid(laid, lacking, is_cut)


def _paint(images: Tensor, colour: tuple[float, ...]) -> Tensor:
    """A colour in the channels of images [..., C]: an alpha is opaque, a grey its brightness."""
    channels = images.shape[-1]
    return images.new_tensor([_brightness(colour)] if channels < 3 else [*colour, 1.0][:channels])


def _brightness(colour: tuple[float, ...]) -> float:
    return sum(weight * value for weight, value in zip(LUMA, colour, strict=True))
