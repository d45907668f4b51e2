"""One weight in the form in which it is stored, and how the numbers that it stands for are made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from heddle.numerics.number_blocks import widen_blocks


@dataclass(frozen=True)
class StoredWeight:
    """A weight as it is stored.

    raw: its numbers in any layout; bytes of blocks, where `kind` names those.
    shape: of the weight.
    scale: what the numbers, or all of each row, are to be multiplied by, float32.
    kind: one of `BLOCK_KINDS`, None = plain numbers.
    """

    raw: Tensor
    shape: tuple[int, ...]
    scale: Tensor | None = None
    kind: str | None = None

    @classmethod
    def plain(cls, tensor: Tensor) -> StoredWeight:
        return cls(tensor, tuple(tensor.shape))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that it consists of."""
        return (self.raw,) if self.scale is None else (self.raw, self.scale)

    @property
    def nbytes(self) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors)

    def is_ready(self, dtype: torch.dtype) -> bool:
        """The raw numbers are the weight itself."""
        return self.kind is None and self.scale is None and self.raw.dtype is dtype and self.raw.is_contiguous()

    def numbers(self) -> Tensor:
        """The numbers that it stands for, in float32 where it is stored in another form. Not to be changed in place."""
        return self.raw if self.kind is None and self.scale is None else self.widened(torch.float32)

    def widened(self, dtype: torch.dtype, tensors: Sequence[Tensor] | None = None) -> Tensor:
        """The weight in this dtype, a new tensor unless it is ready.

        Args:
            tensors: copies of its own, on another device.
        """
        raw, *scales = self.tensors if tensors is None else tensors
        if self.kind is not None:
            return widen_blocks(self.kind, raw).view(self.shape).to(dtype)
        if scales:
            scale = scales[0].float()
            scale = scale.reshape(-1, *[1] * (raw.ndim - 1)) if scale.numel() > 1 else scale.reshape(())
            return (raw.float() * scale).to(dtype)
        return raw.to(dtype, memory_format=torch.contiguous_format)

    def rows(self, ids: Tensor, dtype: torch.dtype) -> Tensor:
        """Rows of a matrix in this dtype, with the very numbers that they have in it. ids: [...] -> [..., columns]."""
        if self.kind is not None:
            blocks = self.raw.view(self.shape[0], -1)[ids]
            return widen_blocks(self.kind, blocks.flatten()).view(*ids.shape, self.shape[1]).to(dtype)
        scale = self.scale
        if scale is not None and scale.numel() > 1:
            scale = scale.reshape(-1)[ids.flatten()]
        # There are no operations on numbers of 8 bits but to turn them into others.
        raw = self.raw.view(torch.uint8)[ids].view(self.raw.dtype) if self.raw.element_size() == 1 else self.raw[ids]
        picked = StoredWeight(raw.reshape(-1, self.shape[1]), (ids.numel(), self.shape[1]), scale)
        return picked.widened(dtype).view(*ids.shape, self.shape[1])


def widened_bytes(stored: StoredWeight, dtype: torch.dtype) -> int:
    """What a weight takes while it is used, beside the form in which it is stored."""
    return 0 if stored.is_ready(dtype) else math.prod(stored.shape) * dtype.itemsize
