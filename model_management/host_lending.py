"""Weights lent on the device where their file is mapped: the CPU. Those that are stored as they are computed with are
used where they lie in the file; others are widened, the first time for that use alone, from the second on to stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from model_management.weight_sources import MayKeep, WeightSource

#: Copies tensors to a device.
Bring: TypeAlias = Callable[[Sequence[Tensor]], tuple[Tensor, ...]]


class HostLoan:
    """One weight.

    name: stands for it, see `heddle.networks.ops.LentTensor`.

    Args:
        may_keep: asked before the widened weight stays.
    """

    def __init__(self, source: WeightSource, dtype: torch.dtype, may_keep: MayKeep) -> None:
        self.name = torch.empty(0)
        self._source, self._dtype, self._may_keep = source, dtype, may_keep
        self._kept: Tensor | None = None
        self._was_used = False

    def lend(self) -> Tensor:
        """The weight in its net's dtype."""
        if self._kept is not None:
            return self._kept
        stored = self._source.stored()
        with torch.inference_mode(False), torch.no_grad():
            weight = stored.widened(self._dtype)
        if stored.is_ready(self._dtype) or (self._was_used and self._may_keep(weight.nbytes)):
            self._kept = weight
        self._was_used = True
        return weight

    def rows(self, ids: Tensor) -> Tensor:
        """See `heddle.networks.ops.LentTensor`: no other row is widened for them."""
        if self._kept is not None:
            return F.embedding(ids, self._kept)
        return self._source.stored().rows(ids, self._dtype)


class LookUp:
    """A weight of which some rows are read at a time, for a device that they are brought to."""

    def __init__(self, source: WeightSource, dtype: torch.dtype, bring: Bring) -> None:
        self.name = torch.empty(0)
        self._source, self._dtype, self._bring = source, dtype, bring

    def lend(self) -> Tensor:
        """All of it."""
        stored = self._source.stored()
        return stored.widened(self._dtype, self._bring(stored.tensors))

    def rows(self, ids: Tensor) -> Tensor:
        """See `heddle.networks.ops.LentTensor`."""
        (rows,) = self._bring((self._source.stored().rows(ids.cpu(), self._dtype),))
        return rows
