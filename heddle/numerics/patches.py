"""Pictures and latents cut into square patches, one token each, and put together again."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor
from torch.nn.functional import pad


def fill_patches(x: Tensor, side: int) -> Tensor:
    """Make height and width multiples of `side`, with what follows when the picture is repeated.

    Args:
        x: [B, C, h, w].
    Returns: [B, C, H, W], x itself where nothing is missing.
    """
    height, width = x.shape[2:]
    missing = (0, -width % side, 0, -height % side)
    return pad(x, missing, mode="circular") if any(missing) else x


def cut_patches(x: Tensor, side: int, *, channels_last: bool = False) -> Tensor:
    """[B, C, h, w] -> [B, T, C * side * side], row by row; incomplete patches are filled, see `fill_patches`.

    Args:
        channels_last: a token's numbers are ordered row, column, channel, and not channel, row, column.
    """
    order = "(p q c)" if channels_last else "(c p q)"
    return rearrange(fill_patches(x, side), f"b c (h p) (w q) -> b (h w) {order}", p=side, q=side)


def join_patches(tokens: Tensor, height: int, width: int, side: int, *, channels_last: bool = False) -> Tensor:
    """What `cut_patches` cut: [B, T, C * side * side] -> [B, C, height, width]."""
    rows = -(-height // side)
    order = "(p q c)" if channels_last else "(c p q)"
    x = rearrange(tokens, f"b (h w) {order} -> b c (h p) (w q)", h=rows, p=side, q=side)
    return x[:, :, :height, :width]
