"""Convolutions 3 x 3 with fewer multiplications: tiles of 2 x 2 outputs are made in a transformed space.

A tile takes 16 products of channels there instead of 36; in a picture whose cells are repeated twice in each direction,
9. In float32 the result is about as exact as the plain sum. It goes strip by strip, so that what lies between the
transforms stays in the processor's cache.

Source: Lavin & Gray 2015, arXiv:1509.09308, F(2x2, 3x3). In one dimension, of four inputs d and a kernel g:

    m0 = (d0 - d2) g0    m1 = (d1 + d2) (g0 + g1 + g2) / 2    m2 = (d2 - d1) (g0 - g1 + g2) / 2    m3 = (d1 - d3) g2
    y0 = m0 + m1 + m2    y1 = m1 - m2 - m3

Where every cell stands twice, d1 = d2: m2 is 0 and m1 is d1 (g0 + g1 + g2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

#: (x [..., in], weight [out, in], bias [out] or None) -> [..., out]
Product: TypeAlias = Callable[[Tensor, Tensor, Tensor | None], Tensor]

#: Of transformed input in one strip. With as much of output beside it it fits into most processors' last cache.
STRIP_BYTES = 8 << 20


@dataclass(frozen=True)
class _Transform:
    """One dimension of the method, for a tile of two outputs.

    kernel: how each m's factor is made of g0, g1, g2.
    step: how many input cells lie between one tile and the next.
    reach: how many input cells a tile looks at.
    split: writes each m's input, of the cells in the order of `reach`.
    join: the two outputs of all m, which it may write into.
    """

    kernel: tuple[tuple[float, float, float], ...]
    step: int
    reach: int
    split: Callable[[Sequence[Tensor], Tensor], None]
    join: Callable[[Sequence[Tensor]], tuple[Tensor, Tensor]]


def _split(d: Sequence[Tensor], into: Tensor) -> None:
    torch.sub(d[0], d[2], out=into[0])
    torch.add(d[1], d[2], out=into[1])
    torch.sub(d[2], d[1], out=into[2])
    torch.sub(d[1], d[3], out=into[3])


def _join(m: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    return m[0].add_(m[1]).add_(m[2]), m[1].sub_(m[2]).sub_(m[3])


def _split_doubled(d: Sequence[Tensor], into: Tensor) -> None:
    torch.sub(d[0], d[1], out=into[0])
    into[1].copy_(d[1])
    torch.sub(d[1], d[2], out=into[2])


def _join_doubled(m: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    return m[0].add_(m[1]), m[1].sub_(m[2])


_PLAIN = _Transform(((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)), 2, 4, _split, _join)
_DOUBLED = _Transform(((1, 0, 0), (1, 1, 1), (0, 0, 1)), 1, 3, _split_doubled, _join_doubled)


def conv3x3(x: Tensor, weight: Tensor, bias: Tensor | None, product: Product, border: int = 1) -> Tensor:
    """x [B, in, h, w] convolved with weight [out, in, 3, 3], with zeros left and right of it: channels last.

    Args:
        border: rows of zeros above and below.
    Returns: [B, out, h - 2 + 2 border, w].
    """
    height, width = x.shape[2] - 2 + 2 * border, x.shape[3]
    return _convolve(x, weight, bias, product, _PLAIN, border)[..., :height, :width]


def conv3x3_of_doubled(x: Tensor, weight: Tensor, bias: Tensor | None, product: Product) -> Tensor:
    """The same of x with every cell repeated, twice as high and wide: [B, out, 2 h, 2 w]."""
    return _convolve(x, weight, bias, product, _DOUBLED, 1)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, product: Product, way: _Transform, border: int) -> Tensor:
    """[B, out, two for each tile, two for each tile]."""
    cells = x.permute(0, 2, 3, 1)
    batch, height, width, channels = cells.shape
    count, step, reach = len(way.kernel), way.step, way.reach
    down, across = -(-(height - 2 + 2 * border) // step), -(-width // step)
    factors = _factors(weight, way)
    made = x.new_empty(batch, 2 * down, 2 * across, len(weight))
    most = max(1, STRIP_BYTES // (batch * across * channels * count * count * x.element_size()))
    for top in range(0, down, most):
        tiles = min(most, down - top)
        seen = _bordered(cells, step * top - border, step * (tiles - 1) + reach, step * (across - 1) + reach)
        by_rows = x.new_empty(count, batch, tiles, seen.shape[2], channels)
        way.split([seen[:, k : k + step * (tiles - 1) + 1 : step] for k in range(reach)], by_rows)
        split = x.new_empty(count, count, batch, tiles, across, channels)  # of columns, then of rows
        way.split([by_rows[..., k : k + step * (across - 1) + 1 : step, :] for k in range(reach)], split)
        columns = []
        for j in range(count):
            # What both m1 have between them is in all four outputs, so that is where the bias goes.
            rows = [product(split[j, i], factors[i, j], bias if i == j == 1 else None) for i in range(count)]
            columns.append(way.join(rows))
        for odd_row, parts in enumerate(zip(*columns, strict=True)):
            into = made[:, 2 * top + odd_row : 2 * (top + tiles) : 2]
            for odd_column, part in enumerate(way.join(parts)):
                into[:, :, odd_column::2].copy_(part)
    return made.permute(0, 3, 1, 2)


def _factors(weight: Tensor, way: _Transform) -> Tensor:
    """The kernels in transformed space: [rows' m, columns' m, out, in]."""
    kernel = torch.tensor(way.kernel, dtype=weight.dtype)
    outputs, inputs = weight.shape[:2]
    both = torch.kron(kernel, kernel)  # [count², 9]
    return (both @ weight.reshape(outputs * inputs, 9).t()).view(len(kernel), len(kernel), outputs, inputs)


def _bordered(cells: Tensor, top: int, height: int, width: int) -> Tensor:
    """Rows of [B, h, w, C] from `top` on and columns from -1 on, with zeros for those that are not there."""
    batch, whole, across, channels = cells.shape
    first, last = max(top, 0), min(top + height, whole)
    seen = cells.new_empty(batch, height, width, channels)
    seen[:, : first - top] = 0
    seen[:, last - top :] = 0
    seen[:, :, 0] = 0
    seen[:, :, across + 1 :] = 0
    seen[:, first - top : last - top, 1 : across + 1] = cells[:, first:last]
    return seen
