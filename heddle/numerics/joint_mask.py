"""Masks of an attention that text and picture share: a number for each pair of tokens, added to how much they attend.

Rows look, columns are looked at; the text's tokens come first. A mask may be made before the picture's size is known:
then the picture stands in it as fewer cells, often as one.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import interpolate, pad

from heddle.graph.errors import ShapeError
from heddle.graph.said import say

#: Stands for minus infinity where a share of it is taken, since no share of that is a number.
FORBIDDEN = -1e30


def as_bias(mask: Tensor) -> Tensor:
    """Numbers to add [B, T, T], float32, from such numbers or from a mask of bools (true = may look there)."""
    whole = mask[None] if mask.ndim == 2 else mask
    if whole.dtype == torch.bool:
        return torch.zeros(whole.shape).masked_fill(~whole.cpu(), -torch.inf)
    return whole.float()


def with_tokens(mask: Tensor, text: int, added: int, bias: float) -> Tensor:
    """The mask with more tokens behind the text, to which text and picture look with a bias.

    The new tokens themselves look everywhere without one.

    Args:
        mask: [B, text + cells, text + cells].
    Returns: [B, text + added + cells, text + added + cells].
    """
    old = torch.cat([torch.arange(text), torch.arange(text + added, mask.shape[-1] + added)])
    size = mask.shape[-1] + added
    wide = mask.new_zeros(len(mask), size, size)
    wide[:, old[:, None], old] = mask
    wide[:, old[:, None], torch.arange(text, text + added)] = bias
    return wide


def resize_picture(mask: Tensor, cells: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """The mask for a picture of other rows and columns, bilinearly.

    Args:
        mask: [B, T + h * w, T + h * w] for a picture of `cells` (h, w).
    Returns: [B, T + H * W, T + H * W] for `wanted` (H, W).
    """
    text = mask.shape[-1] - cells[0] * cells[1]
    looked_at = torch.cat([mask[..., :text], _resized(mask[..., text:], cells, wanted)], dim=-1).mT
    return torch.cat([looked_at[..., :text], _resized(looked_at[..., text:], cells, wanted)], dim=-1).mT


def _resized(columns: Tensor, cells: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    grid = rearrange(columns.clamp(min=FORBIDDEN), "b t (h w) -> b t h w", h=cells[0], w=cells[1])
    resized = interpolate(grid, size=wanted, mode="bilinear").flatten(2)
    return resized.masked_fill(resized < FORBIDDEN / 2**20, -torch.inf)


def fit_to_call(mask: Tensor, text: int, picture: int, beside: int = 0) -> Tensor:
    """The mask for one call of a net.

    Args:
        mask: [B, text + cells, text + cells]; of one cell, it is said of all tokens that are no text.
        picture: tokens of the picture. beside: tokens of other pictures behind it, of which the mask knows nothing.
    Returns: [B, 1, all, all].
    Raises: ShapeError, if it was made for another text or picture.
    """
    cells = mask.shape[-1] - text
    if cells == 1:
        index = torch.arange(text + picture + beside, device=mask.device).clamp(max=text)
        return mask[:, None, index[:, None], index]
    if cells == picture:
        return pad(mask, (0, beside, 0, beside))[:, None]
    raise ShapeError(
        say(
            "the conditioning has an attention mask for {count} tokens, but its text has {text} and the "
            "picture {picture}; change the text before style models are applied to it, and set no area "
            "on one with such a mask",
            count=mask.shape[-1],
            text=text,
            picture=picture,
        ),
        wanted=text + picture,
        got=mask.shape[-1],
    )
