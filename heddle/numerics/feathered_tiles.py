"""Tensors worked on in overlapping tiles, as packs of this ecosystem know it; `tiles.py` has the house's own way.

Each tile counts less towards all of its sides, also at the border of the whole; the sum is divided by what counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

#: How long a length, or how far a place, is in the result.
Scale = Callable[[float], float]


def scale_in_tiles(
    samples: Tensor,
    function: Callable[[Tensor], Tensor],
    tile: Sequence[int],
    overlap: Sequence[int],
    lengths: Sequence[Scale],
    places: Sequence[Scale],
    channels: int,
    device: torch.device,
    on_tile: Callable[[], None],
) -> Tensor:
    """What a function makes of a batch, item by item and tile by tile.

    Args:
        samples: [B, C, ...] with as many further axes as `tile` has entries.
        function: of a part [1, C, ...], to [1, `channels`, ...]. An item no larger than a tile is given to it whole.
        tile, overlap: along each of these axes.
        lengths, places: along each axis, how long the function makes a length, and where in the result a place lies.
        device: of the result.
    Returns: [B, channels, ...].
    Raises: ValueError, if a tile is no longer than the overlap.
    """
    sizes = samples.shape[2:]
    if any(side <= shared for side, shared in zip(tile, overlap, strict=True)):
        raise ValueError(f"tiles of {list(tile)} overlap by {list(overlap)}; they must be longer than that")
    scaled = [round(scale(size)) for scale, size in zip(lengths, sizes, strict=True)]
    result = torch.empty(len(samples), channels, *scaled, device=device)
    is_small = all(size <= side for size, side in zip(sizes, tile, strict=True))
    for number in range(len(samples)):
        sample = samples[number : number + 1]
        if is_small:
            result[number : number + 1] = function(sample).to(device)
            on_tile()
            continue
        total = torch.zeros(1, channels, *scaled, device=device)
        counted = torch.zeros(1, 1, *scaled, device=device)
        for part in _parts(sizes, tile, overlap):
            made = function(sample[(..., *part)]).to(device)
            share = torch.ones(1, 1, *made.shape[2:], device=device)
            for axis, (scale, shared) in enumerate(zip(lengths, overlap, strict=True)):
                share = share * _share(made.shape[axis + 2], round(scale(shared)), made.ndim, axis + 2).to(device)
            starts = [round(scale(each.start)) for scale, each in zip(places, part, strict=True)]
            into = tuple(slice(at, at + size) for at, size in zip(starts, made.shape[2:], strict=True))
            total[(..., *into)] += made * share
            counted[(..., *into)] += share
            on_tile()
        result[number : number + 1] = total / counted
    return result


def count_tiles(width: int, height: int, tile_width: int, tile_height: int, overlap: int) -> int:
    """How many tiles a plane has; 1 if it is no larger than one."""
    columns, rows = (
        1 if size <= side else math.ceil((size - overlap) / (side - overlap))
        for size, side in ((width, tile_width), (height, tile_height))
    )
    return columns * rows


def _parts(sizes: Sequence[int], tile: Sequence[int], overlap: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Every tile; the last along an axis is shorter rather than begun earlier."""
    along = [
        [slice(at, min(at + side, size)) for at in (range(0, size - shared, side - shared) if size > side else [0])]
        for size, side, shared in zip(sizes, tile, overlap, strict=True)
    ]
    yield from product(*along)


def _share(length: int, feather: int, ndim: int, axis: int) -> Tensor:
    """How much a tile counts at each place along one axis: 1/n, 2/n, ... 1 from both ends, n being `feather`."""
    share = torch.ones(length)
    if feather < length:
        rise = torch.arange(1, feather + 1) / feather
        share[:feather] *= rise
        share[length - feather :] *= rise.flip(0)
    return share.reshape([-1 if at == axis else 1 for at in range(ndim)])
