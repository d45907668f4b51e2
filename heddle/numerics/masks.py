"""Masks: softened at their sides, put onto each other, read off images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.numerics.batches import fit_batch, masks_of
from heddle.numerics.resize import resize

CHANNELS = ("red", "green", "blue", "alpha")


def _rounded(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of yes and no, for masks of which 0.5 and less counts as no."""
    return lambda a, b: function(a.round().bool(), b.round().bool()).float()


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multiply": torch.mul,
    "add": torch.add,
    "subtract": torch.sub,
    "and": _rounded(torch.logical_and),
    "or": _rounded(torch.logical_or),
    "xor": _rounded(torch.logical_xor),
}


def combine_masks(destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> Tensor:
    """Destination with source put onto it at (x, y); what reaches over the border is cut.

    Args:
        destination, source: masks of any sizes. Of batches of different length the shorter one is repeated.
        operation: one of OPERATIONS.
    Returns: [B, H, W] of destination's size, 0..1.
    """
    onto, put = masks_of(destination), masks_of(source)
    size = max(len(onto), len(put))
    result, put = fit_batch(onto, size).clone(), fit_batch(put, size).to(onto)
    part = result[:, y : y + put.shape[1], x : x + put.shape[2]]
    part.copy_(OPERATIONS[operation](part, put[:, : part.shape[1], : part.shape[2]]))
    return result.clamp_(0, 1)


def crop_mask(mask: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    """The part of [B, H, W] that begins at (x, y); smaller where the mask ends.

    Raises: ShapeError, if nothing of the mask is there.
    """
    masks = masks_of(mask)
    cropped = masks[:, y : y + height, x : x + width]
    if cropped.numel() == 0:
        words = "a mask of {width} x {height} has nothing at ({x}, {y}); begin further left or further up"
        rows, columns = masks.shape[1:]
        raise ShapeError(
            say(words, width=columns, height=rows, x=x, y=y),
            wanted=f"x < {columns}, y < {rows}",
            got=(x, y),
        )
    return cropped.clone()


def feather(mask: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """A mask that rises from nearly nothing at its sides, over so many pixels each.

    Over n pixels the factors are 1/n, 2/n, ... 1. At the right and at the bottom existing workflows count from the
    other side: the first column (row) has the factor 1/n there, and the others begin at the last but none with 2/n.
    """
    result = masks_of(mask).clone()
    for rows, near, far in ((result.mT, left, right), (result, top, bottom)):
        length = rows.shape[1]
        for count, sign in ((min(near, length), 1), (min(far, length), -1)):
            steps = torch.arange(count, device=rows.device)
            rows[:, sign * steps] *= ((steps + 1) / count)[:, None]
    return result


def channel_of(images: Tensor, channel: str) -> Tensor:
    """One channel of [B, H, W, C] as a mask [B, H, W].

    Raises: ShapeError, if the images have no such channel.
    """
    at = CHANNELS.index(channel)
    if at >= images.shape[-1]:
        words = "the image has no channel {channel}, only {found}; choose one of these, or give it one that has more"
        found = ", ".join(CHANNELS[: images.shape[-1]])
        raise ShapeError(say(words, channel=channel, found=found), wanted=f"{at + 1} channels", got=images.shape[-1])
    return images[..., at].clone()


def mask_of_colour(images: Tensor, colour: int) -> Tensor:
    """1 where the pixels of [B, H, W, 3 or 4], in 8 bits, have the colour 0xRRGGBB, 0 elsewhere; [B, H, W]."""
    levels = (images[..., :3].nan_to_num().clamp(0, 1) * 255).round()
    wanted = levels.new_tensor([colour >> 16 & 255, colour >> 8 & 255, colour & 255])
    return (levels == wanted).all(dim=-1).float()


def join_masks(masks: list[Tensor]) -> Tensor:
    """All of them as one batch [B, H, W]. Those of another size than the first are resized, cut rather than stretched.

    Raises: ShapeError, if there is nothing in one of them.
    """
    batches = [masks_of(mask) for mask in masks]
    height, width = batches[0].shape[1:]
    fitted = [
        each if each.shape[1:] == (height, width) else resize(each[:, None], width, height, "bilinear", "center")[:, 0]
        for each in batches
    ]
    return torch.cat([each.to(batches[0]) for each in fitted])
