"""Weights as length and direction (DoRA): a difference turns the direction, the length is given."""

from __future__ import annotations

import torch
from torch import Tensor

from heddle.adapters.changes import shaped_as
from heddle.graph.errors import ShapeError
from heddle.graph.said import say

SMALLEST_NORM = torch.finfo(torch.float32).eps  # added, so that an empty row stays finite


def add_difference(weight: Tensor, difference: Tensor, strength: float, magnitude: Tensor | None) -> Tensor:
    """W + s·D, or with a magnitude m: W + s·(m · (W + D) / length - W).

    Source: Liu et al. 2024, arXiv:2402.09353, equation 5, where the length is |W + D|: of each input's column, or of
    each output's row. For rows the programs of this ecosystem divide by |W| instead; adapters are tried and shared with
    these, so it is done here too.

    Args:
        magnitude: [out, 1, ...] with lengths over each output's inputs, or [1, in, ...] over each input's outputs.
    Raises: ShapeError, if the shapes do not go together.
    """
    difference = shaped_as(difference, weight)
    if magnitude is None:
        return weight + strength * difference
    turned = weight + difference
    length = _length(weight, turned, magnitude)
    turned = turned * (magnitude.float().reshape(length.shape) / (length + SMALLEST_NORM))
    return weight + strength * (turned - weight)


def _length(weight: Tensor, turned: Tensor, magnitude: Tensor) -> Tensor:
    outputs, inputs = weight.shape[0], weight.shape[1] if weight.dim() > 1 else 1
    if magnitude.numel() == outputs and magnitude.shape[0] == outputs:
        return torch.linalg.vector_norm(weight.flatten(1), dim=1).reshape(-1, *[1] * (weight.dim() - 1))
    if magnitude.numel() == inputs:
        return torch.linalg.vector_norm(turned.transpose(0, 1).flatten(1), dim=1).reshape(
            1, -1, *[1] * (weight.dim() - 2)
        )
    raise ShapeError(
        say(
            "{count} lengths are given for a weight of shape {shape}; one for each output or input is wanted",
            count=magnitude.numel(),
            shape=list(weight.shape),
        ),
        wanted=(outputs, inputs),
        got=tuple(magnitude.shape),
    )
