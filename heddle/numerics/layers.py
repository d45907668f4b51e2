"""Linear layers and convolutions by the quickest way to the same numbers.

On a GPU, in half precision and where gradients are wanted these are torch's own. On a CPU in float32 arithmetic is what
takes the time, so each goes the way that needs least of it. The way follows from shapes alone and never from a clock: a
picture that is made again is to be the same picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from heddle.numerics.winograd import conv3x3, conv3x3_of_doubled

#: Smaller products are over before it matters who computes them. Rows of x and numbers of the weight.
FEWEST_ROWS, FEWEST_NUMBERS = 8, 1 << 17

#: From so many channels on, or half as many in a large picture, fewer multiplications are worth their transforms; and
#: from so many outputs in one picture on, they are worth transforming the kernels anew each time.
WIDE, LARGE_CELLS = 192, 4096
WINOGRAD_CELLS = 128
#: A doubled picture saves three quarters: cells times channels.
DOUBLED_NUMBERS = 8192
#: Of so few outputs a convolution does little but read its kernels; a matrix product does that best, if they are many.
FEW_CELLS, MANY_CHANNELS = 16, 512


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [..., in] times weight [out, in], transposed, plus bias [out]: [..., out]."""
    if is_large(x, weight) and is_plain(x, weight):
        return product(x, weight, bias)
    return functional.linear(x, weight, bias)


def gated_gelu(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Of a linear layer's outputs the first half times the Gaussian gate of the second: [..., out / 2]."""
    if is_large(x, weight) and is_plain(x, weight):
        values, gates = weight.chunk(2)
        of_values, of_gates = (None, None) if bias is None else bias.chunk(2)
        gate = one_dnn()._linear_pointwise(x, gates, of_gates, "gelu", [], "none")
        return one_dnn()._linear_pointwise.binary(x, gate, values, of_values, "mul")
    value, gate = functional.linear(x, weight, bias).chunk(2, dim=-1)
    return value * functional.gelu(gate)


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int] = (1, 1), padding: tuple[int, int] = (0, 0)
) -> Tensor:
    """x [B, in, h, w] convolved with weight [out, in, kh, kw]: [B, out, h', w'], channels last or first."""
    if not is_plain(x, weight):
        return functional.conv2d(x, weight, bias, stride, padding)
    kernel, channels, cells = tuple(weight.shape[2:]), min(weight.shape[:2]), 1
    for size, side, step, pad in zip(x.shape[2:], kernel, stride, padding, strict=True):
        cells *= (size + 2 * pad - side) // step + 1
    if cells <= FEW_CELLS and channels >= MANY_CHANNELS:
        return _as_product(x, weight, bias, stride, padding)
    if channels >= WIDE or (2 * channels >= WIDE and cells >= LARGE_CELLS):
        if kernel == (1, 1) and stride == (1, 1) and padding == (0, 0):
            return product(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
        if kernel == (3, 3) and stride == (1, 1) and padding in ((1, 1), (0, 0)) and cells >= WINOGRAD_CELLS:
            return conv3x3(x, weight, bias, border=padding[0])
        if cells < WINOGRAD_CELLS:
            x = x.contiguous()  # or the kernels would be brought into another order first, and there are many
    return functional.conv2d(x, weight, bias, stride, padding)


def conv2d_of_doubled(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution 3 x 3 of a picture [B, in, h, w] in which each cell is repeated twice each way: [B, out, 2 h, 2 w].

    The border is of zeros, one cell wide.
    """
    numbers = x.shape[2] * x.shape[3] * min(weight.shape[:2])
    if numbers >= DOUBLED_NUMBERS and is_plain(x, weight):
        return conv3x3_of_doubled(x, weight, bias)
    doubled = functional.interpolate(x, scale_factor=2.0, mode="nearest")
    return conv2d(doubled, weight, bias, padding=(1, 1))


def conv_along_time(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """x [B, in, T, h, w] convolved with a weight of one pixel [out, in, k, 1, 1]: [B, out, T', h, w].

    It is a convolution of two axes, time and all pixels in a row, for which there are quicker kernels than for three.
    """
    return functional.conv2d(x.flatten(3), weight.flatten(3), bias, padding=(padding, 0)).unflatten(3, x.shape[3:])


def is_plain(x: Tensor, weight: Tensor) -> bool:
    """Both are float32 on a CPU for which there is oneDNN, and nobody wants gradients or compiles this."""
    return (
        x.dtype is torch.float32 is weight.dtype
        and x.device.type == "cpu" == weight.device.type
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and one_dnn() is not None
        and not _AS_ON_A_CARD.get()
    )


@contextmanager
def as_on_a_card() -> Iterator[None]:
    """Go torch's own ways on the CPU, too: those that save arithmetic take memory beside the weights."""
    before = _AS_ON_A_CARD.set(True)
    try:
        yield
    finally:
        _AS_ON_A_CARD.reset(before)


_AS_ON_A_CARD = ContextVar("as_on_a_card", default=False)


def is_large(x: Tensor, weight: Tensor) -> bool:
    return x.numel() >= FEWEST_ROWS * x.shape[-1] and weight.numel() >= FEWEST_NUMBERS


def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A linear layer by oneDNN. In float32 torch asks another library, which is slower on many processors."""
    return one_dnn()._linear_pointwise(x, weight, bias, "none", [], "")


@cache
def one_dnn() -> Any:
    """The operators that torch itself compiles graphs to; None where this build has no oneDNN."""
    operators = torch.ops.mkldnn
    return operators if torch.backends.mkldnn.is_available() and hasattr(operators, "_linear_pointwise") else None


def _as_product(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """A convolution of which each output is one row: what its kernel sees."""
    height, width = weight.shape[2:]
    seen = functional.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    seen = seen.unfold(2, height, stride[0]).unfold(3, width, stride[1]).permute(0, 2, 3, 1, 4, 5)
    return product(seen.flatten(3), weight.flatten(1), bias).permute(0, 3, 1, 2)
