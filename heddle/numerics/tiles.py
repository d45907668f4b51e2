"""A large plane worked on in overlapping squares, which fade into each other where they meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

import torch
from torch import Tensor


def tile_starts(size: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin that cover a length evenly, each overlapping its neighbours by `overlap` or more.

    Args:
        size: of the whole, tile: of one tile, at most `size`; overlap: less than `tile`.
    """
    count = 1 + max(0, -(-(size - tile) // (tile - overlap)))
    return [round(number * (size - tile) / max(1, count - 1)) for number in range(count)]


def blend_tiles(
    height: int, width: int, tile: int, overlap: int, make: Callable[[slice, slice], Tensor], scale: int = 1
) -> Tensor:
    """A plane put together from what is made for its tiles.

    A tile counts fully in its middle and falls off linearly to nothing over what it shares with a neighbour, whose own
    share rises by as much.

    Args:
        height, width: of the plane. tile: the side of a tile, less where the plane is smaller.
        overlap: of neighbours, at least; more than a quarter of `tile` counts as that, so that no third tile reaches
            where two meet.
        make: rows and columns of the plane -> [B, C, `scale` times rows, `scale` times columns], on the CPU.
    Returns: [B, C, scale * height, scale * width].
    """
    whole: Tensor | None = None
    for rows, columns in all_tiles(height, width, tile, overlap):
        part = make(rows.places, columns.places)
        if whole is None:
            whole = part.new_zeros(*part.shape[:2], height * scale, width * scale)
        into = whole[..., rows.scaled(scale), columns.scaled(scale)]
        into += part * rows.share(scale)[:, None] * columns.share(scale)
    assert whole is not None, "a plane has at least one tile"
    return whole


def all_tiles(height: int, width: int, tile: int, overlap: int) -> list[tuple[Span, Span]]:
    """Rows and columns of every tile, see `blend_tiles`."""
    rows, columns = (_spans(size, tile, overlap) for size in (height, width))
    return list(product(rows, columns))


@dataclass(frozen=True)
class Span:
    """A tile along one axis, and how much of it is shared with the one before and the one after."""

    start: int
    size: int
    before: int
    after: int

    @property
    def places(self) -> slice:
        return self.scaled(1)

    def scaled(self, scale: int) -> slice:
        return slice(self.start * scale, (self.start + self.size) * scale)

    def share(self, scale: int) -> Tensor:
        """How much the tile counts at each of its places; those of all tiles add up to 1 everywhere."""
        share = torch.ones(self.size * scale)
        share[: self.before * scale] = _rise(self.before * scale)
        share[(self.size - self.after) * scale :] = _rise(self.after * scale).flip(0)
        return share


def _rise(length: int) -> Tensor:
    return (torch.arange(length) + 0.5) / length


def _spans(size: int, tile: int, overlap: int) -> list[Span]:
    length = min(tile, size)
    starts = tile_starts(size, length, min(overlap, tile // 4, length - 1))
    shared = [0, *(start + length - following for start, following in pairwise(starts)), 0]
    return [Span(start, length, *around) for start, around in zip(starts, pairwise(shared), strict=True)]
