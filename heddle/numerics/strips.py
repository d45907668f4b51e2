"""Norm, gate and convolution of a large picture strip by strip, so that nothing but its result is as large as it is.

The norm looks at the whole picture first; each strip is then given the rows above and below that its convolution sees,
so the result is that of doing it at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from heddle.numerics.layers import conv2d

#: Of one picture's rows that are normed at once.
STRIP_BYTES = 8 << 20


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
    """silu(norm(x)) of some rows and of one more cell on each side, zeros where there are none.

    A strip is written over when the next one is asked for.

    Args:
        x: [B, C, H, W]. The rows of a strip that was given out may be written to.
    """
    factor, summand = _line_of(x, norm)
    batch, channels, height, width = x.shape
    step = min(_rows_of(x), height)
    strip = x.new_zeros(batch, step + 2, width + 2, channels).permute(0, 3, 1, 2)
    inner = strip[:, :, :, 1:-1]
    for top in range(0, height, step):
        rows = min(step, height - top)
        first = top if top == 0 else top + 1  # the row before it was made with the strip before
        last = min(top + rows + 1, height)
        if top > 0:
            inner[:, :, :2] = inner[:, :, step : step + 2].clone()
        seen = inner[:, :, first - top + 1 : last - top + 1]
        silu(torch.addcmul(summand, x[:, :, first:last], factor, out=seen), inplace=True)
        inner[:, :, last - top + 1 : rows + 2] = 0
        yield slice(top, top + rows), strip[:, :, : rows + 2]


def like(x: Tensor, channels: int) -> Tensor:
    """Memory for so many channels of a picture of the same size, channels last."""
    made = x.new_empty(len(x), *x.shape[2:], channels)
    return made.permute(0, 3, 1, 2)


def convolve(strip: Tensor, conv: nn.Conv2d) -> Tensor:
    """A convolution 3 x 3 of rows that come with a cell more on each side."""
    return conv2d(strip, conv.weight, conv.bias)


def _rows_of(x: Tensor) -> int:
    """A multiple of four, for convolutions in tiles."""
    return max(4, STRIP_BYTES // (x[:, :, :1].numel() * x.element_size()) // 4 * 4)


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
