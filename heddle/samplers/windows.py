"""A window of a run: which of its pictures, rows or columns a call is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Window:
    """Some of what lies along one dimension of a run's latents [B, C, h, w], in the order in which it is shown.

    dim: 0 for pictures, 2 for rows, 3 for columns. length: how many of them the run has.
    ahead: how many of the first are only shown, and not asked about.
    """

    dim: int
    indices: tuple[int, ...]
    length: int
    ahead: int = 0

    @property
    def axis(self) -> int:
        """The dimension, as tensors without channels have it, too."""
        return self.dim if self.dim == 0 else self.dim - 4

    def of(self, tensor: Tensor, per_cell: int = 1, again: Sequence[int] = ()) -> Tensor:
        """What of a tensor belongs to it. One that is the same for all pictures stays.

        Args:
            tensor: laid out as the latents are, with or without channels. per_cell: rows and columns of it for each of
                the latents'.
            again: places that show what stands in the whole there, see `shown`.
        """
        if self.dim == 0 and len(tensor) == 1:
            return tensor
        indices = self.shown(again)
        per_cell = 1 if self.dim == 0 else per_cell
        if _is_unbroken(indices):
            return tensor.narrow(self.axis, indices[0] * per_cell, len(indices) * per_cell)
        cells = torch.tensor(indices, device=tensor.device)[:, None] * per_cell
        return tensor.index_select(self.axis, (cells + torch.arange(per_cell, device=tensor.device)).flatten())

    def shown(self, again: Sequence[int]) -> tuple[int, ...]:
        """Its indices, with those places taken by what stands in the whole there; negative ones count from the end."""
        shown = list(self.indices)
        own = len(shown) - self.ahead
        for number in again:
            place, index = (number, number) if number >= 0 else (number + own, number + self.length)
            if 0 <= place < own and 0 <= index < self.length:
                shown[self.ahead + place] = index
        return tuple(shown)

    def asked(self, tensor: Tensor) -> Tensor:
        """What of a tensor of the window's size it is asked about."""
        return tensor.narrow(self.axis, self.ahead, len(self.indices) - self.ahead)

    def add(self, piece: Tensor, whole: Tensor) -> None:
        """Add what it is asked about, of its size without what is only shown, to where that lies."""
        places = torch.tensor(self.indices[self.ahead :], device=whole.device)
        whole.index_add_(self.axis, places, piece)

    def whole_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the run's latents, from the window's."""
        return self._sized(size, self.length)

    def size_in(self, whole: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the window, from those of the run's latents."""
        return self._sized(whole, len(self.indices))

    def _sized(self, size: tuple[int, int], length: int) -> tuple[int, int]:
        height, width = size
        return (length if self.dim == 2 else height, length if self.dim == 3 else width)

    def spans(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """Where in it that lies which reaches in the whole from one place to just before another: first, and end."""
        start = None
        for place, index in enumerate((*self.indices, -1)):
            is_inside = first <= index < end
            if is_inside and start is None:
                start = place
            elif not is_inside and start is not None:
                yield start, place
                start = None

    def place(self, first: int, end: int) -> tuple[int, int]:
        """Where in it that lies, or beyond its borders if it does; of what lies there in several pieces, the first."""
        if _is_unbroken(self.indices):
            return first - self.indices[0], end - self.indices[0]
        beyond = len(self.indices)
        return next(self.spans(first, end), (beyond, beyond + end - first))


def _is_unbroken(indices: Sequence[int]) -> bool:
    return all(index == indices[0] + at for at, index in enumerate(indices))
