"""Weights lent on the device where their file is mapped: the CPU. Those that are stored as they are computed with are
used where they lie in the file; others are widened, the first time for that use alone, from the second on to stay."""

from __future__ import annotations

import torch
from torch import Tensor

from model_management.weight_sources import MayKeep, WeightSource


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
