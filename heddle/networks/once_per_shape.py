"""What follows from shapes alone (places, masks, tables) is worked out once, not in every step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, ParamSpec, TypeVar

import torch

T = TypeVar("T")
P = ParamSpec("P")

MOST = 8  # shapes in one run: a few areas, positive and negative texts of two lengths


class OncePerShape(Generic[P, T]):
    """Calls a function and keeps its last few results by its arguments, which are hashable."""

    def __init__(self, work_out: Callable[P, T]) -> None:
        self._work_out = work_out
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        if torch.compiler.is_compiling():  # shapes are symbols there, and what is kept would be one more thing to guard
            return self._work_out(*args, **kwargs)
        key = (args, tuple(sorted(kwargs.items())))
        if key not in self._kept:
            # A tensor made in inference mode could not be used in a training step later.
            with torch.inference_mode(False), torch.no_grad():
                self._kept[key] = self._work_out(*args, **kwargs)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
