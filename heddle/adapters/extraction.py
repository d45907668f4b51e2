"""A difference of weights written as a product of narrow matrices."""

from __future__ import annotations

import torch
from torch import Tensor


def low_rank_shapes(shape: tuple[int, ...], rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of what `nearest_low_rank` gives for a difference of this shape, [out, in, ...]."""
    outputs, inputs = shape[0], shape[1:]
    most = min(rank, outputs, torch.Size(inputs).numel())
    return (outputs, most, *[1] * (len(shape) - 2)), (most, *inputs)


def nearest_low_rank(difference: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The product up · down of the given rank that is nearest to a difference, in squares.

    Source: Eckart & Young 1936: the largest singular values. Both factors get their roots, so that neither is large.

    Args:
        difference: [out, in, ...].
    Returns: up [out, rank, 1, ...] and down [rank, in, ...]; the rank is less where the difference has not that many.
    """
    up_shape, down_shape = low_rank_shapes(tuple(difference.shape), rank)
    most = up_shape[1]
    left, values, right = torch.linalg.svd(difference.float().flatten(1), full_matrices=False)
    roots = values[:most].sqrt()
    return (left[:, :most] * roots).reshape(up_shape), (roots[:, None] * right[:most]).reshape(down_shape)
