"""What follows from tensors that stay the same from step to step is worked out once, not in every step."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

MOST = 8  # of one run: keys and values of a few texts


class OncePerTensor(Generic[T]):
    """Keeps what was worked out from tensors, by which tensors they are, as long as all of these are there.

    A tensor that was written to is another one. Where gradients are wanted nothing is kept.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, ...], tuple[tuple[weakref.ref[Tensor], ...], T]] = OrderedDict()

    def __call__(self, tensors: tuple[Tensor, ...], work_out: Callable[[], T]) -> T:
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return work_out()
        key = tuple(number for tensor in tensors for number in (id(tensor), _version(tensor)))
        found = self._kept.get(key)
        # A number may have been given to another tensor since.
        if found is not None and all(ref() is tensor for ref, tensor in zip(found[0], tensors, strict=True)):
            return found[1]

        def forget(_gone: object) -> None:
            self._kept.pop(key, None)

        made = work_out()
        self._kept[key] = (tuple(weakref.ref(tensor, forget) for tensor in tensors), made)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return made


def _version(tensor: Tensor) -> int:
    """How often it was written to; one that was made in inference mode does not count that."""
    return 0 if tensor.is_inference() else tensor._version
