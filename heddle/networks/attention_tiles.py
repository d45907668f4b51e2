"""HyperTile: self-attention of large pictures in tiles, which costs as much less as there are tiles.

Source: the public code and description of HyperTile (tfernd, 2023).
"""

from __future__ import annotations

import math
import random

from einops import rearrange
from torch import Tensor

from heddle.networks.hooks import AroundAttention, AttentionPlace, RunAttention


def attend_in_tiles(
    size: tuple[int, int], level: float, *, tile: int, sizes: int = 1, depth: int = 0, grows: bool = False
) -> AroundAttention:
    """A hook around attention.

    Tiles are all of one size, of which the picture is a whole number and which is not smaller than asked for. Other
    sizes at other times keep the seams from showing: which is taken is drawn for each attention at each level, by
    these alone.

    Args:
        size: rows and columns of the latent that the net is given.
        level: its noise level.
        tile: side of the smallest tile, in tokens.
        sizes: of so many sizes, from the smallest on, all but the last are drawn from.
        depth: how often the picture may have been halved where attention is in tiles.
        grows: tiles have twice as many tokens a side at each halving; else they have as many, and so cover more.
    """

    def around(place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor, run: RunAttention) -> Tensor:
        rows, columns = place.grid
        halvings = round(math.log2(size[0] * size[1] / (rows * columns)) / 2)
        # Another hook may have joined tokens or appended some: what is no grid any more is not cut.
        is_grid = all(each.shape[1] == rows * columns for each in (x, keys_of, values_of))
        if place.reads != "itself" or halvings > depth or not is_grid:
            return run(x, keys_of, values_of)
        least = tile * 2**halvings if grows else tile
        draw = random.Random(f"{level} {place.side} {place.stage} {place.block}")
        down, across = (_tiles(length, least, sizes, draw) for length in (rows, columns))
        if down * across == 1:
            return run(x, keys_of, values_of)

        def cut(tokens: Tensor) -> Tensor:
            return rearrange(
                tokens, "b (down h across w) c -> (b down across) (h w) c",
                down=down, across=across, h=rows // down,
            )  # fmt: skip

        tiled = cut(x)
        keys = tiled if keys_of is x else cut(keys_of)
        values = keys if values_of is keys_of else cut(values_of)
        return rearrange(
            run(tiled, keys, values), "(b down across) (h w) c -> b (down h across w) c",
            down=down, across=across, h=rows // down,
        )  # fmt: skip

    return around


def _tiles(length: int, least: int, sizes: int, draw: random.Random) -> int:
    """How many tiles a side is cut into."""
    least = min(least, length)
    fitting = [tile for tile in range(least, length + 1) if length % tile == 0][:sizes]
    return length // draw.choice(fitting[: max(1, len(fitting) - 1)])
