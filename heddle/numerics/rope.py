"""Rotary positions: each pair of numbers of a query or key is turned by an angle that its place gives.

Source: Su et al. 2021, arXiv:2104.09864, section 3.2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

THETA = 10000.0


def turns(places: Tensor, widths: Sequence[int], theta: float = THETA) -> Tensor:
    """How far the pairs of a head are turned at each place.

    Places may have several axes (picture, row, column): each turns its own share of the head's numbers. Pair i of an
    axis of width w is turned by place / theta^(2i / w).

    Args:
        places: [..., T, axes].
        widths: for each axis, how many numbers of a head it turns; even.
    Returns: [..., T, sum(widths) / 2, 2], float32: cosine and sine.
    """
    angles = []
    for axis, width in enumerate(widths):
        # Double precision: at far places float32 angles would be wrong in the digits that tell neighbours apart.
        exponents = torch.arange(0, width, 2, dtype=torch.float64, device=places.device) / width
        angles.append(places[..., axis, None].double() * theta**-exponents)
    joined = torch.cat(angles, dim=-1)
    return torch.stack([joined.cos(), joined.sin()], dim=-1).float()


@dataclass(frozen=True)
class PlaceScaling:
    """How the places of a picture's cells are changed before they are told: each times its step, plus its shift.

    steps: between neighbouring grids (a picture and its references, frames), rows, columns; 1 = as trained. shifts: the
    same order, in cells.
    """

    steps: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shifts: tuple[float, float, float] = (0.0, 0.0, 0.0)


AS_TRAINED = PlaceScaling()


def grid_places(
    rows: int,
    columns: int,
    first: Sequence[float] = (0, 0, 0),
    device: torch.device | None = None,
    scaling: PlaceScaling = AS_TRAINED,
) -> Tensor:
    """The places of a grid's cells, row by row.

    Args:
        first: place of the cell at the top left: of the whole grid, row, column.
    Returns: [rows * columns, 3], float32.
    """
    places = torch.empty(rows, columns, 3, device=device)
    places[..., 0] = 0
    places[..., 1] = torch.arange(rows, device=device)[:, None]
    places[..., 2] = torch.arange(columns, device=device)
    places += torch.tensor(first, dtype=torch.float32, device=device)
    steps, shifts = (torch.tensor(each, device=device) for each in (scaling.steps, scaling.shifts))
    return (places * steps + shifts).reshape(rows * columns, 3)


def rotate(x: Tensor, by: Tensor) -> Tensor:
    """Turn the pairs (0, 1), (2, 3) ... of every head.

    Args:
        x: [B, T, heads, d].
        by: [T, d / 2, 2] or [B, T, d / 2, 2], from `turns`.
    Returns: as x. It is computed in float32, since half precision has too few digits for the angles.
    """
    cosine, sine = by[..., None, :, :].unbind(-1)
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return turned.flatten(-2).to(x.dtype)


def rotate_halves(x: Tensor, by: Tensor) -> Tensor:
    """Turn the pairs (0, d / 2), (1, d / 2 + 1) ... of every head, as language models have them.

    Args and returns: as `rotate`.
    """
    cosine, sine = by[..., None, :, :].unbind(-1)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1).to(x.dtype)
