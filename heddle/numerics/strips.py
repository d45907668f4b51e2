"""Norm, gate and convolution of a large picture strip by strip, so that nothing but its result is as large as it is.

The norm looks at the whole picture first; each strip is then given the rows above and below that its convolution sees,
so the result is that of doing it at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu

from heddle.numerics.layers import conv2d

#: Of one picture's rows that are normed at once.
STRIP_BYTES = 16 << 20


def can_strip(x: Tensor, *norms: nn.Module) -> bool:
    """It is large, float32 (no rounding between norm and gate), without gradients, and the norms are what they seem."""
    return (
        x.dtype is torch.float32
        and x.nbytes > STRIP_BYTES
        and not torch.is_grad_enabled()
        and all(isinstance(norm, nn.GroupNorm) and _is_untouched(norm) for norm in norms)
    )


def _is_untouched(norm: nn.GroupNorm) -> bool:
    return not norm._forward_pre_hooks and "forward" not in vars(norm)


def activated(x: Tensor, norm: nn.GroupNorm) -> Iterator[tuple[slice, Tensor]]:
    """silu(norm(x)) of some rows and of one more above and below, zeros where there are none.

    Args:
        x: [B, C, H, W]. The rows of a strip that was given out may be written to.
    """
    factor, summand = _line_of(x, norm)
    height, step = x.shape[2], _rows_of(x)
    carried: Tensor | None = None  # the last two rows of what was given out: the next strip's first two
    for top in range(0, height, step):
        rows = min(step, height - top)
        first = top if carried is None else top + 1
        last = min(top + rows + 1, height)
        seen = silu(torch.addcmul(summand, x[:, :, first:last], factor), inplace=True)
        parts = [pad(seen[:, :, :0], (0, 0, 1, 0)) if carried is None else carried, seen]
        if top + rows == height:
            parts.append(pad(seen[:, :, :0], (0, 0, 1, 0)))
        strip = torch.cat(parts, dim=2)
        carried = strip[:, :, -2:].clone(memory_format=torch.channels_last)
        yield slice(top, top + rows), strip


def like(x: Tensor, channels: int) -> Tensor:
    """Memory for so many channels of a picture of the same size, channels last."""
    made = x.new_empty(len(x), *x.shape[2:], channels)
    return made.permute(0, 3, 1, 2)


def convolve(strip: Tensor, conv: nn.Conv2d) -> Tensor:
    """A convolution 3 x 3 of rows that come with their neighbours above and below."""
    return conv2d(strip, conv.weight, conv.bias, padding=(0, 1))


def _rows_of(x: Tensor) -> int:
    """An even number, for convolutions in tiles of two."""
    return max(2, STRIP_BYTES // (x[:, :, :1].numel() * x.element_size()) // 2 * 2)


def _line_of(x: Tensor, norm: nn.GroupNorm) -> tuple[Tensor, Tensor]:
    """The norm as a factor and a summand [B, C, 1, 1]: norm(x) = x * factor + summand."""
    groups, batch = norm.num_groups, len(x)
    counts, means, squares = [], [], []
    for part in x.split(_rows_of(x), dim=2):
        cells = part.shape[2] * part.shape[3]
        # torch's norm itself, for the two numbers that it finds on its way
        part = part.contiguous(memory_format=torch.channels_last)
        _, mean, rate = torch.native_group_norm(part, None, None, batch, x.shape[1], cells, groups, norm.eps)
        counts.append(cells)
        means.append(mean.double())
        squares.append(rate.double() ** -2 - norm.eps)
    share = torch.tensor(counts, dtype=torch.float64, device=x.device)[:, None, None] / sum(counts)
    mean = (share * torch.stack(means)).sum(0)
    variance = (share * (torch.stack(squares) + (torch.stack(means) - mean) ** 2)).sum(0)
    each = norm.num_channels // groups
    factor = (variance + norm.eps).rsqrt().repeat_interleave(each, 1) * norm.weight
    summand = norm.bias - mean.repeat_interleave(each, 1) * factor
    return factor.to(x.dtype)[..., None, None], summand.to(x.dtype)[..., None, None]
