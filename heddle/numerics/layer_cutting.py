"""Boxes of pictures cut out as layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from heddle.numerics.batches import masks_of
from heddle.numerics.boxes import Box, box_of, box_of_mask
from heddle.numerics.image_layers import Layer
from heddle.numerics.resize import resize


def cut_layers(
    images: Tensor,
    entries: Sequence[Sequence[Mapping[str, Any]]],
    mask: Tensor | None = None,
    *,
    canvas: tuple[int, int] | None = None,
    trims: bool = True,
) -> list[Layer]:
    """A layer for each box, with what of the images lies in it, at the box's place.

    Args:
        images: [B, H, W, C].
        entries: boxes {"x", "y", "width", "height", "label"?}: one list for all images, or one for each.
        mask: [1 or B, h, w] of any size, stretched over the images: what it leaves out is transparent.
        canvas: width and height of what the boxes lie on, if that is another size than the images'.
        trims: what is transparent at the borders of a layer is left out, and a layer of nothing else, too.
    Returns: the layers in the order of their boxes, named by label or number. Boxes outside the images give none.
    """
    height, width = images.shape[1:3]
    canvas_width, canvas_height = canvas or (width, height)
    across, down = width / canvas_width, height / canvas_height  # image pixels in a canvas pixel
    masks = None if mask is None else _at_size(masks_of(mask), width, height)
    is_apart = len(entries) > 1
    made: list[Layer] = []
    number = 0
    for at, row in enumerate(entries):
        chosen = images[at % len(images)][None] if is_apart else images
        alphas = None if masks is None else masks[at % len(masks)][None] if is_apart else masks
        for entry in row:
            number += 1
            box = box_of(entry).within(canvas_width, canvas_height)
            if box.is_empty:
                continue
            part = _scaled(box, across, down, width, height)
            place = (box.left, box.top, box.width, box.height)
            if trims:
                content = _content(part.of(chosen), None if alphas is None else part.of(alphas))
                if content is None:
                    continue
                if (content.width, content.height) != (part.width, part.height):
                    left, top = part.left + content.left, part.top + content.top
                    part = Box(left, top, left + content.width, top + content.height)
                    place = (left / across, top / down, content.width / across, content.height / down)
            name = str(entry.get("label") or f"box {number}")
            cut = None if alphas is None else part.of(alphas)
            made.append(Layer(part.of(chosen), cut, name, *place, only=at if is_apart else None))
    return made


def _at_size(masks: Tensor, width: int, height: int) -> Tensor:
    if masks.shape[-2:] == (height, width):
        return masks
    return resize(masks[:, None].float(), width, height, "bilinear")[:, 0]


def _scaled(box: Box, across: float, down: float, width: int, height: int) -> Box:
    """A box of the canvas in the pixels of the image, at least one of them."""
    left, top = min(round(box.left * across), width - 1), min(round(box.top * down), height - 1)
    right, bottom = max(left + 1, round(box.right * across)), max(top + 1, round(box.bottom * down))
    return Box(left, top, right, bottom).within(width, height)


def _content(images: Tensor, masks: Tensor | None) -> Box | None:
    """What lies around all that some picture of a batch shows; None if none shows anything."""
    alpha = torch.ones(images.shape[1:3]) if images.shape[-1] < 4 else images[..., 3].amax(0).cpu()
    if masks is not None:
        alpha = alpha * masks.amax(0).to(alpha)
    return box_of_mask(alpha)
