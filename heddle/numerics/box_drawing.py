"""Boxes drawn on images, with what is written to them."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.numerics.boxes import box_of
from heddle.numerics.image_batches import with_channels
from heddle.numerics.lettering import font_for

MOST_PX = 16384
_LONGEST = 80  # letters of a label


def draw_boxes(images: Tensor, entries: Sequence[Sequence[Mapping[str, Any]]]) -> Tensor:
    """[B, H, W, C] with an outline for each box, one colour for each label, and the label and score beside it.

    Args:
        entries: {x, y, width, height, label?, score?} for each image; one list alone is for all of them, and images
            that have none get none.
    Returns: at least three channels.
    Raises: GraphError, if one is no box.
    """
    images = with_channels(images, 3)
    result = images.clone()
    colours: dict[str, tuple[int, int, int]] = {}
    for at in range(len(images)):
        rows = entries[0] if len(entries) == 1 else entries[at] if at < len(entries) else ()
        if not rows:
            continue
        height, width = images.shape[1:3]
        layer = torch.from_numpy(_drawn(rows, width, height, colours)).to(images.device)
        is_drawn = layer[..., 3:] > 0
        over = layer[..., : images.shape[-1]].to(images) / 255
        result[at] = torch.where(is_drawn, over, images[at])
    return result


def empty_board(entries: Sequence[Sequence[Mapping[str, Any]]]) -> Tensor:
    """Black images [B, H, W, 3] that all boxes lie on, one for each list of them.

    Raises: GraphError, if one is no box, or lies further out than MOST_PX.
    """
    boxes = [box_of(entry) for row in entries for entry in row]
    width, height = (max([1, *sides]) for sides in ([b.right for b in boxes], [b.bottom for b in boxes]))
    if max(width, height) > MOST_PX:
        words = "the boxes need an image of {width} x {height}, more than {most} pixels a side; link the image itself"
        raise GraphError(say(words, width=width, height=height, most=MOST_PX))
    return torch.zeros(max(len(entries), 1), height, width, 3)


def _drawn(
    rows: Sequence[Mapping[str, Any]], width: int, height: int, colours: dict[str, tuple[int, int, int]]
) -> NDArray[np.uint8]:
    """[height, width, 4], red, green, blue, opacity; transparent where there is no line or label."""
    layer = Image.new("RGBA", (width, height))
    pen = ImageDraw.Draw(layer)
    line = max(round(min(width, height) / 250), 1)
    for entry in rows:
        box = box_of(entry)
        label = str(entry.get("label") or "")[:_LONGEST]
        score = entry.get("score")
        colour = colours.setdefault(label, _colour(len(colours)))
        # Pillow's second corner is the last pixel; numbers that no image has are cut before they reach it.
        seen = box.within(width + 2 * line, height + 2 * line)
        corners = [max(box.left, -2 * line), max(box.top, -2 * line), seen.right - 1, seen.bottom - 1]
        if corners[2] >= corners[0] and corners[3] >= corners[1]:
            pen.rectangle(corners, outline=(*colour, 255), width=line)
        words = f"{label} {score:.2f}".strip() if isinstance(score, int | float) else label
        if words:
            _write(pen, words, corners[0], corners[1], min(width, height), colour)
    return np.array(layer)


def _write(
    pen: ImageDraw.ImageDraw, words: str, left: float, top: float, side: int, colour: tuple[int, int, int]
) -> None:
    """On a plate of the box's colour, above the box or, where there is no room, in it."""
    font, _ = font_for(words, max(side / 40, 10))
    _, _, wide, high = font.getbbox(words)
    pad = 2
    left = max(left, 0)
    top = top - high - 2 * pad if top - high - 2 * pad >= 0 else max(top, 0)
    pen.rectangle([left, top, left + wide + 2 * pad, top + high + 2 * pad], fill=(*colour, 255))
    red, green, blue = colour
    ink = (0, 0, 0, 255) if 0.299 * red + 0.587 * green + 0.114 * blue > 127 else (255, 255, 255, 255)
    pen.text((left + pad, top + pad), words, fill=ink, font=font)


def _colour(number: int) -> tuple[int, int, int]:
    """Far from those before it: each a golden section of the circle of hues on."""
    red, green, blue = colorsys.hsv_to_rgb(number * 0.618034 % 1, 0.85, 1)
    return round(red * 255), round(green * 255), round(blue * 255)
