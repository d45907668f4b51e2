"""Tells whether a value on a wire was changed in place: a seal of its content, taken before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

_ROW = 16  # whole words that are added up before places count: a flip or a swap moves words further than that


def seal_of(value: Any) -> Any:
    """A small value that differs once a tensor, list or dictionary inside was changed; equal values, equal seals.

    It reads every tensor once, where it lies, and copies none. Objects of other kinds count as themselves.
    """
    kind = type(value)
    if isinstance(value, torch.Tensor):
        return (tuple(value.shape), value.dtype, _sum_of(value))
    if kind is np.ndarray and value.dtype.kind in "biufc":
        return (value.shape, value.dtype.str, _sum_of(torch.from_numpy(_bytes_of(value))))
    if kind is dict:
        return tuple((key, seal_of(each)) for key, each in value.items())
    if kind in (list, tuple):
        return tuple(seal_of(each) for each in value)
    return value if kind in (str, int, float, bool, bytes) else id(value)


def copy_of(value: Any) -> Any:
    """The value with tensors, lists and dictionaries of its own."""
    kind = type(value)
    if isinstance(value, torch.Tensor):
        return value.clone()
    if kind is np.ndarray:
        return value.copy()
    if kind is dict:
        return {key: copy_of(each) for key, each in value.items()}
    if kind in (list, tuple):
        return kind(copy_of(each) for each in value)
    return value


def memory_of(value: Any) -> Iterator[int]:
    """Where the tensors, lists and dictionaries of a value lie: values that share such a place change together."""
    if isinstance(value, torch.Tensor):
        if value.layout is torch.strided:
            yield value.untyped_storage().data_ptr()
    elif isinstance(value, np.ndarray):
        while isinstance(value.base, np.ndarray):
            value = value.base
        yield value.__array_interface__["data"][0]
    elif isinstance(value, Mapping):
        yield id(value)
        for each in value.values():
            yield from memory_of(each)
    elif isinstance(value, (list, tuple)):
        yield id(value)
        for each in value:
            yield from memory_of(each)


def _bytes_of(array: np.ndarray) -> np.ndarray:
    """The bytes of an array in a row; writable, as torch wants them, though nobody writes."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return flat if flat.flags.writeable else flat.copy()


def _sum_of(tensor: torch.Tensor) -> int:
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized:
        return id(tensor)
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    whole = flat.numel() // (8 * _ROW) * (8 * _ROW)
    total = int(flat[whole:].to(torch.int64).mul(torch.arange(1, flat.numel() - whole + 1, device=flat.device)).sum())
    if whole:
        # A storage that does not begin at a whole word cannot be read in words.
        words = flat[:whole].view(torch.int64) if flat.data_ptr() % 8 == 0 else flat[:whole].clone().view(torch.int64)
        rows = words.view(-1, _ROW).sum(1)
        total += int(rows.mul_(torch.arange(1, len(rows) + 1, device=rows.device).mul_(2).add_(1)).sum())
    return total
