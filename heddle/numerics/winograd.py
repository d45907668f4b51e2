"""Convolutions 3 x 3 with fewer multiplications: tiles of several outputs are made in a transformed space.

A tile of 4 x 4 outputs takes 36 products of channels there instead of 144, one of 2 x 2 takes 16 instead of 36; in a
picture whose cells are repeated twice in each direction, 9. In float32 the result is about as exact as the plain sum.
It goes strip by strip, so that what lies between the transforms is small and near the processor. Few large operations
are taken rather than many small ones, as each is handed to all threads anew.

Source: Lavin & Gray 2015, arXiv:1509.09308; the transforms by points: Barabasz et al. 2018, arXiv:1803.10986.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import pad

#: Of transformed input in one strip: enough rows of products to be worth their kernels' way through the cache.
STRIP_BYTES = 12 << 20

#: From so many cells of a picture on, the large tile saves more than transforming the kernels to it costs.
LARGE_TILE_CELLS = 1024


@dataclass(frozen=True)
class _Tile:
    """One dimension of the method, as matrices: outputs [(kernel g) * (inputs d)], where * goes number by number.

    inputs: [side + 2, side + 2], of input cells d.
    kernel: [side + 2, 3], of the kernel g.
    outputs: [side, side + 2].
    """

    inputs: Sequence[Sequence[float]]
    kernel: Sequence[Sequence[float]]
    outputs: Sequence[Sequence[float]]


def _by_points(*points: float) -> _Tile:
    """Evaluate outputs and kernel as polynomials at some points and infinity, multiply, and go back (transposed).

    One more than there are outputs. Small ones of both signs keep the error small.
    """
    side = len(points) - 1
    inputs, kernel = [], []
    for point in points:
        others = [other for other in points if other != point]
        scale = prod(point - other for other in others)
        inputs.append([number / scale for number in _with_roots(others)] + [0.0])
        kernel.append([point**power for power in range(3)])
    inputs.append(_with_roots(points))
    kernel.append([0.0, 0.0, 1.0])
    outputs = [[point**row for point in points] + [float(row == side - 1)] for row in range(side)]
    return _Tile(inputs, kernel, outputs)


def _with_roots(roots: Sequence[float]) -> list[float]:
    """Coefficients of the product of all (x - root), the constant one first."""
    made = [1.0]
    for root in roots:
        made = [left - root * right for left, right in zip([0.0, *made], [*made, 0.0], strict=True)]
    return made


_SMALL = _by_points(0, 1, -1)
_LARGE = _by_points(0, 0.625, -0.625, 1.5, -1.5)  # found by trying; with 1, -1, 2, -2 the error is four times as large


def conv3x3(x: Tensor, weight: Tensor, bias: Tensor | None, border: int = 1) -> Tensor:
    """x [B, in, h, w] convolved with weight [out, in, 3, 3]: channels last.

    Args:
        border: rows and columns of zeros around the picture, 0 or 1.
    Returns: [B, out, h - 2 + 2 border, w - 2 + 2 border].
    """
    height, width = (size - 2 + 2 * border for size in x.shape[2:])
    tile = _LARGE if height * width >= LARGE_TILE_CELLS else _SMALL
    inputs, outputs = x.new_tensor(tile.inputs), x.new_tensor(tile.outputs)
    side, reach = outputs.shape
    batch, channels = x.shape[:2]
    down, across = -(-height // side), -(-width // side)
    cells = _bordered(x, border, side * down + 2, side * across + 2)
    seen = cells.unfold(1, reach, side).unfold(2, reach, side).permute(4, 5, 0, 1, 2, 3)
    factors = _factors(weight, x.new_tensor(tile.kernel))
    made = x.new_empty(batch, down, side, across, side, len(weight))
    strips = _strips(down, batch * across * channels * reach**2 * x.element_size())
    tiles = batch * across * strips[0].stop
    here, there = x.new_empty(2, tiles * max(channels, len(weight)) * reach**2)  # each step goes from one to the other
    for rows in strips:
        strip = seen[:, :, :, rows]
        tiles = strip[0, 0, ..., 0].numel()
        given = _part(here, *strip.shape).copy_(strip)
        split = _both_ways(inputs, given, there, here).view(reach**2, tiles, channels)
        found = torch.bmm(split, factors, out=_part(there, reach**2, tiles, len(weight)))
        part = _both_ways(outputs, found, here, there).view(side, side, batch, -1, across, len(weight))
        if bias is not None:
            part += bias
        made[:, rows] = part.permute(2, 3, 0, 4, 1, 5)
    made = made.view(batch, side * down, side * across, -1)[:, :height, :width]
    return made.permute(0, 3, 1, 2)


def _both_ways(matrix: Tensor, x: Tensor, between: Tensor, into: Tensor) -> Tensor:
    """The matrix [to, from] along rows and columns of x [from, from, ...], in given memory: [to, to, n]."""
    to, of = matrix.shape
    x = x.view(of, -1)
    rows = torch.mm(matrix, x, out=_part(between, to, x.shape[1])).view(to, of, -1)
    return torch.bmm(matrix.expand(to, to, of), rows, out=_part(into, to, to, rows.shape[2]))


def _part(memory: Tensor, *shape: int) -> Tensor:
    return memory[: prod(shape)].view(shape)


def conv3x3_of_doubled(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The same of x with every cell repeated, twice as high and wide: [B, out, 2 h, 2 w].

    In one dimension, of three neighbouring cells d and a kernel g:

        m0 = (d0 - d1) g0    m1 = d1 (g0 + g1 + g2)    m2 = (d1 - d2) g2    y0 = m0 + m1    y1 = m1 - m2
    """
    batch, channels, height, width = x.shape
    cells = _bordered(x, 1, height + 2, width + 2)
    factors = _factors(weight, x.new_tensor(((1, 0, 0), (1, 1, 1), (0, 0, 1))))
    made = x.new_empty(batch, 2 * height, 2 * width, len(weight))
    for rows in _strips(height, batch * width * channels * 9 * x.element_size()):
        seen = cells[:, rows.start : rows.stop + 2]
        by_columns = _split_doubled([seen[:, :, k : k + width] for k in range(3)])
        count = rows.stop - rows.start
        split = _split_doubled([by_columns[:, :, k : k + count] for k in range(3)])  # of rows, then of columns
        m = torch.bmm(split.view(9, -1, channels), factors).view(3, 3, batch, count, width, len(weight))
        if bias is not None:
            m[1, 1] += bias  # which is in all four outputs
        for odd_row, part in enumerate((m[0] + m[1], m[1] - m[2])):
            into = made[:, 2 * rows.start + odd_row : 2 * rows.stop : 2]
            torch.add(part[0], part[1], out=into[:, :, ::2])
            torch.sub(part[1], part[2], out=into[:, :, 1::2])
    return made.permute(0, 3, 1, 2)


def _split_doubled(d: Sequence[Tensor]) -> Tensor:
    """[3, ...]: each m's input."""
    into = d[0].new_empty(3, *d[0].shape)
    torch.sub(d[0], d[1], out=into[0])
    into[1].copy_(d[1])
    torch.sub(d[1], d[2], out=into[2])
    return into


def _factors(weight: Tensor, kernel: Tensor) -> Tensor:
    """The kernels in transformed space: [m of rows and columns, in, out]."""
    outputs, inputs = weight.shape[:2]
    both = torch.kron(kernel, kernel)  # [m², 9]
    return (both @ weight.reshape(outputs * inputs, 9).t()).view(-1, outputs, inputs).transpose(1, 2)


def _bordered(x: Tensor, border: int, height: int, width: int) -> Tensor:
    """[B, height, width, C]: x with so many zeros before it, and behind it as many as are wanted."""
    margin = (border, width - x.shape[3] - border, border, height - x.shape[2] - border)
    return (pad(x, margin) if any(margin) else x).permute(0, 2, 3, 1)


def _strips(rows: int, row_bytes: int) -> list[slice]:
    most = max(1, STRIP_BYTES // row_bytes)
    return [slice(top, min(top + most, rows)) for top in range(0, rows, most)]
