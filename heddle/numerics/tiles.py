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


def even_tile(size: int, most: int, overlap: int, step: int = 1) -> int:
    """The side of tiles that cover a length in as few as tiles of `most` would, none larger than it has to be.

    Args:
        size: of the whole. overlap: of neighbours, less than `most`. step: the side is a multiple, where that fits.
    """
    if size <= most:
        return size
    most = max(step, most // step * step)
    count = -(-(size - overlap) // (most - overlap))
    side = -(-(size + (count - 1) * overlap) // count)
    return min(most, -(-side // step) * step)


def blend_tiles(
    height: int,
    width: int,
    tile: int | tuple[int, int],
    overlap: int,
    make: Callable[[slice, slice], Tensor],
    scale: int = 1,
    spare: float = 0.0,
    step: int = 1,
) -> Tensor:
    """A plane put together from what is made for its tiles.

    A tile counts fully in its middle and falls off linearly to nothing over what it shares with a neighbour, whose own
    share rises by as much.

    Args:
        height, width: of the plane. tile: the side of a tile, or its height and width; less where the plane is smaller.
        overlap: of neighbours, at least; more than a quarter of `tile` counts as that, so that no third tile reaches
            where two meet.
        make: rows and columns of the plane -> [B, C, `scale` times rows, `scale` times columns], on the CPU.
        spare: the part of an overlap, less than half, that does not count at a tile's own edge, where it sees less
            than its neighbour.
        step: tiles begin at multiples, as nets want it that look at a plane window by window; a tile's side is rounded
            up to one, but those at the end may be shorter.
    Returns: [B, C, scale * height, scale * width].
    """
    whole: Tensor | None = None
    for rows, columns in all_tiles(height, width, tile, overlap, step):
        part = make(rows.places, columns.places)
        if whole is None:
            whole = part.new_zeros(*part.shape[:2], height * scale, width * scale)
        into = whole[..., rows.scaled(scale), columns.scaled(scale)]
        into += part * rows.share(scale, spare)[:, None] * columns.share(scale, spare)
    assert whole is not None, "a plane has at least one tile"
    return whole


def blend_pieces(length: int, most: int, overlap: int, make: Callable[[slice], Tensor]) -> Tensor:
    """A sequence put together from what is made for its pieces, which fade into each other as tiles do.

    Args:
        most: the length of a piece, at most. overlap: of neighbours; more than a quarter of a piece counts as that.
        make: places in the sequence -> [so many, ...], on the CPU.
    """
    whole: Tensor | None = None
    for span in _spans(length, even_tile(length, most, min(overlap, most // 4)), overlap, 1):
        part = make(span.places)
        if part.shape[0] == length:
            return part
        if whole is None:
            whole = part.new_zeros(length, *part.shape[1:])
        whole[span.places] += part * span.share(1).view(-1, *[1] * (part.ndim - 1))
    assert whole is not None, "a sequence has at least one piece"
    return whole


def all_tiles(
    height: int, width: int, tile: int | tuple[int, int], overlap: int, step: int = 1
) -> list[tuple[Span, Span]]:
    """Rows and columns of every tile, see `blend_tiles`."""
    sides = (tile, tile) if isinstance(tile, int) else tile
    rows, columns = (_spans(size, side, overlap, step) for size, side in zip((height, width), sides, strict=True))
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

    def share(self, scale: int, spare: float = 0.0) -> Tensor:
        """How much the tile counts at each of its places; those of all tiles add up to 1 everywhere."""
        share = torch.ones(self.size * scale)
        share[: self.before * scale] = _rise(self.before * scale, spare)
        share[(self.size - self.after) * scale :] = _rise(self.after * scale, spare).flip(0)
        return share


def _rise(length: int, spare: float) -> Tensor:
    even = (torch.arange(length) + 0.5) / length
    return ((even - spare) / (1 - 2 * spare)).clamp(0, 1)


def _spans(size: int, tile: int, overlap: int, step: int) -> list[Span]:
    tile = -(-tile // step) * step
    length, overlap = min(tile, size), min(overlap, tile // 4, min(tile, size) - 1)
    if length == size:
        return [Span(0, size, 0, 0)]
    whole, one, shared = (-(-each // step) for each in (size, length, overlap))
    starts = [start * step for start in tile_starts(whole, one, shared)]
    overlaps = [0, *(start + length - following for start, following in pairwise(starts)), 0]
    sizes = (min(length, size - start) for start in starts)
    return [Span(start, each, *around) for start, each, around in zip(starts, sizes, pairwise(overlaps), strict=True)]
