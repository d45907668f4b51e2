"""Where the tokens of reference pictures stand beside those of the picture that is drawn, and what time they are told.

Sources: Black Forest Labs' published inference code of FLUX.1 Kontext (offset); the description of UNO,
arXiv:2504.02160, section 3.2 (uxo); the nodes of this ecosystem for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from heddle.networks.modulation import Modulation

#: offset: all references have the number 1 and none overlaps another: each goes to the right of or below all that came
#: before, whichever leaves the whole narrower. index: the first has the number 1, the second 2 ..., and each lies where
#: the picture lies. uxo: all have the picture's own number, 0, and follow it down its diagonal. index_timestep_zero: as
#: index, and they are told that they are clean at every level.
METHODS = ("offset", "index", "uxo", "index_timestep_zero")
OFFSET = METHODS[0]

_START = "reference_"


class Still(NamedTuple):
    """Tokens at the end of a sequence that are told of no noise.

    time: [B, D], the vector that blocks are moved by, as it is for a clean picture.
    """

    time: Tensor
    length: int


def reference_name(method: str, number: int) -> str:
    """What a network calls a reference that is placed by one of the methods."""
    return f"{_START}{method}_{number}"


def method_of(names: Iterable[str]) -> str:
    """How references of these names are placed."""
    name = next(iter(names), "")
    return name.removeprefix(_START).rpartition("_")[0] or OFFSET


def first_places(
    grids: Sequence[tuple[int, int]], method: str = OFFSET, *, side: int = 1
) -> Iterator[tuple[int, int, int]]:
    """The places at which the picture and its references begin: number, row, column, in cells.

    Args:
        grids: height and width in cells of the picture, then of each reference.
        side: cells of a patch; the picture is as large as its patches.
    """
    tall = wide = 0
    rows, columns = (-(-cells // side) * side for cells in grids[0])
    for number, (height, width) in enumerate(grids):
        if number == 0:
            yield 0, 0, 0
        elif method == "uxo":
            yield 0, rows + tall, columns + wide
            tall, wide = tall + height, wide + width
        elif method == OFFSET:
            top, left = (0, wide) if height + tall > width + wide else (tall, 0)
            yield 1, top, left
            tall, wide = max(tall, height + top), max(wide, width + left)
        else:
            yield number, 0, 0


def with_still(
    moves: tuple[Modulation, ...], still: tuple[Modulation, ...], tokens: int, last: int
) -> tuple[Modulation, ...]:
    """Modulations of a sequence of so many tokens, of which the `last` ones have others."""
    return tuple(
        Modulation(
            *(
                torch.cat([one.expand(-1, tokens - last, -1), other.expand(-1, last, -1)], dim=1)
                for one, other in zip(own, others, strict=True)
            )
        )
        for own, others in zip(moves, still, strict=True)
    )
