"""Token merging: tokens that are nearly alike ask as one, which makes self-attention of large pictures cheaper.

Source: Bolya and Hoffman 2023, arXiv:2303.17604, sections 4 and 5; the matching is that of Bolya et al. 2023,
arXiv:2210.09461, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import normalize

from heddle.networks.hooks import AroundAttention, AttentionPlace, RunAttention

CELL = 2  # tokens each way, of which one is kept


@dataclass(frozen=True, eq=False)
class Merging:
    """Which tokens of [B, T, D] are joined.

    kept: [D'], places of the tokens that others may join. free: [B, N], places of those that stay alone.
    joining: [B, R], places of those that join. into: [B, R], for each of them the number in `kept` of which it joins.
    """

    kept: Tensor
    free: Tensor
    joining: Tensor
    into: Tensor

    def merge(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, T - R, D]: the free ones, then the kept ones, each the mean of all that joined it."""
        kept = x[:, self.kept]
        into = self.into[..., None].expand(-1, -1, x.shape[-1])
        kept = kept.scatter_reduce(1, into, _taken(x, self.joining), "mean", include_self=True)
        return torch.cat([_taken(x, self.free), kept], dim=1)

    def unmerge(self, merged: Tensor) -> Tensor:
        """[B, T - R, D] -> [B, T, D]: each token gets what the one has that it joined."""
        return _taken(merged, self._sources)

    @cached_property
    def _sources(self) -> Tensor:
        """[B, T], where in a merged row each token is found."""
        batch, free = self.free.shape
        count = len(self.kept)
        sources = self.free.new_empty(batch, free + count + self.joining.shape[1])
        sources.scatter_(1, self.free, torch.arange(free, device=sources.device).expand(batch, -1))
        sources[:, self.kept] = free + torch.arange(count, device=sources.device)
        return sources.scatter_(1, self.joining, free + self.into)


def _taken(x: Tensor, places: Tensor) -> Tensor:
    return x.gather(1, places[..., None].expand(-1, -1, x.shape[-1]))


def match_tokens(x: Tensor, grid: tuple[int, int], count: int, seed: int) -> Merging:
    """Choose which tokens join which.

    One token of each cell of 2 x 2, drawn by the seed, is kept. The others are compared with all of these, by the
    cosine of the angle between them; those that are most alike join.

    Args:
        x: [B, T, D], a picture's tokens row by row. grid: its rows and columns.
        count: how many tokens join; never more than are not kept.
    """
    kept, others = (places.to(x.device) for places in _kept_and_others(grid, seed))
    unit = normalize(x.float(), dim=-1)
    likeness = unit[:, others] @ unit[:, kept].transpose(1, 2)
    most, nearest = likeness.max(-1)
    order = most.argsort(dim=-1, descending=True)
    count = min(count, len(others))
    chosen = order[:, :count]
    return Merging(kept, others[order[:, count:]], others[chosen], nearest.gather(1, chosen))


def _kept_and_others(grid: tuple[int, int], seed: int) -> tuple[Tensor, Tensor]:
    """Places of one token of each whole cell, and of all others."""
    rows, columns = grid
    numbers = torch.arange(rows * columns).view(rows, columns)
    down, across = rows // CELL, columns // CELL
    cells = numbers[: down * CELL, : across * CELL].unfold(0, CELL, CELL).unfold(1, CELL, CELL).flatten(2)
    draw = torch.Generator().manual_seed(seed)
    kept = cells.gather(2, torch.randint(CELL * CELL, (down, across, 1), generator=draw)).flatten()
    is_other = torch.ones(rows * columns, dtype=torch.bool)
    is_other[kept] = False
    return kept, numbers.flatten()[is_other]


def merge_queries(size: tuple[int, int], ratio: float, seed: int) -> AroundAttention:
    """A hook around attention: where tokens are as many as the latent has cells, a share of the queries is joined.

    Keys and values stay as they are: nothing is out of sight, and what a token finds is given to all that joined it.

    Args:
        size: rows and columns of the latent that the net is given.
        ratio: the share that joins, 0..1; three quarters is all that can.
        seed: changes from step to step, so that it is not always the same tokens that are kept.
    """

    def around(place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor, run: RunAttention) -> Tensor:
        count = int(x.shape[1] * ratio)
        if place.reads != "itself" or place.grid != size or x.shape[1] != size[0] * size[1] or count == 0:
            return run(x, keys_of, values_of)
        merging = match_tokens(x, place.grid, count, seed)
        return merging.unmerge(run(merging.merge(x), keys_of, values_of))

    return around
