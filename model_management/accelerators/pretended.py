"""A device that is only counted: tensors lie in main memory, each byte of them against a size that is set.

Its clock has two hands. Computing moves the one, by arithmetic and by bytes touched; copies to it move the other, one
after the other, beside what is computed. Whoever takes what has not arrived waits until it has.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from heddle.numerics.layers import as_on_a_card
from model_management.accelerators.accelerator import DeviceMemory


class PretendedAccelerator:
    """See above.

    Args:
        total_bytes: its size, which no tensor exceeds by a byte.
        link_bytes_s: how fast copies reach it.
        flops: multiplications and additions a second.
        memory_bytes_s: how fast it reads and writes its own memory.
        refuses: asked before each new tensor whether the allocator fails there, with how many there were before.
    """

    def __init__(
        self,
        total_bytes: int,
        *,
        link_bytes_s: float = 25e9,
        flops: float = 50e12,
        memory_bytes_s: float = 500e9,
        refuses: Callable[[int], bool] = lambda count: False,
    ) -> None:
        self.device = torch.device("cpu")
        self.size_bytes = total_bytes
        self.link_bytes_s, self.flops, self.memory_bytes_s = link_bytes_s, flops, memory_bytes_s
        self.refuses = refuses
        self.computed_s = self.linked_s = 0.0
        self.brought_bytes = 0
        self.allocations = 0
        self.most_bytes = 0
        self._used = self._peak = 0
        self._tensors: dict[int, weakref.ref[Any]] = {}
        self._mode = _Counting(self)
        self._depth = 0
        self.is_copying = False

    def bring(self, tensors: Sequence[Tensor]) -> _Arrival:
        with self.running():
            self.is_copying = True
            try:
                copies = tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in tensors)
            finally:
                self.is_copying = False
        nbytes = sum(copy.nbytes for copy in copies)
        self.linked_s = max(self.linked_s, self.computed_s) + nbytes / self.link_bytes_s
        self.brought_bytes += nbytes
        return _Arrival(self, copies, self.linked_s)

    def prepared(self, tensors: Sequence[Tensor]) -> None:
        return None

    def used_bytes(self) -> int:
        return self._used

    def total_bytes(self) -> int:
        return self.size_bytes

    def memory(self) -> DeviceMemory:
        return {
            "name": f"{self.device} (pretended)",
            "size_bytes": self.size_bytes,
            "limit_bytes": None,
            "reserve_bytes": 0,
            "others_bytes": 0,
        }

    def peak_bytes(self) -> int:
        peak, self._peak = self._peak, self._used
        return peak

    def mark(self) -> float:
        return self.computed_s

    def seconds(self, first: float, last: float) -> float:
        return last - first

    @contextmanager
    def running(self) -> Iterator[None]:
        if self._depth:
            yield
            return
        self._depth = 1
        try:
            with as_on_a_card(), self._mode:
                yield
        finally:
            self._depth = 0

    def give_back(self) -> None:
        return

    def wait_until(self, arrived_s: float) -> None:
        self.computed_s = max(self.computed_s, arrived_s)

    def count(self, made: Tensor) -> None:
        """Book a tensor that is new, until its memory goes. Raises: torch.OutOfMemoryError, if there is no room."""
        storage = made.untyped_storage()
        key, nbytes = storage._cdata, storage.nbytes()
        if key in self._tensors or not nbytes:
            return
        self.allocations += 1
        if self._used + nbytes > self.size_bytes or self.refuses(self.allocations):
            raise torch.OutOfMemoryError(
                f"Tried to allocate {nbytes} bytes; {self.size_bytes - self._used} bytes are free"
            )

        def gone(_storage: object) -> None:
            del self._tensors[key]
            self._used -= nbytes

        self._tensors[key] = weakref.ref(storage, gone)
        self._used += nbytes
        self._peak = max(self._peak, self._used)
        self.most_bytes = max(self.most_bytes, self._used)

    def knows(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._tensors


class _Arrival:
    def __init__(self, place: PretendedAccelerator, copies: tuple[Tensor, ...], arrived_s: float) -> None:
        self._place, self._copies, self._arrived_s = place, copies, arrived_s

    def take(self) -> tuple[Tensor, ...]:
        self._place.wait_until(self._arrived_s)
        return self._copies


class _Counting(TorchDispatchMode):
    """Tells the device of each operation: what it made, and how long that took there."""

    def __init__(self, place: PretendedAccelerator) -> None:
        super().__init__()
        self._place = place

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        made = func(*args, **kwargs)
        taken = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        given = [each for each in tree_leaves(made) if isinstance(each, Tensor)]
        places = {tensor.untyped_storage()._cdata for tensor in taken}
        new = [tensor for tensor in given if tensor.untyped_storage()._cdata not in places]
        for tensor in new:
            self._place.count(tensor)
        if not self._place.is_copying and (new or func._schema.is_mutable):
            self._place.computed_s += self._seconds(func, args, kwargs, made, [*taken, *given])
        return made

    def _seconds(self, func: Any, args: Any, kwargs: Any, made: Any, tensors: Sequence[Tensor]) -> float:
        touched = sum(tensor.nbytes for tensor in tensors) / self._place.memory_bytes_s
        return max(touched, _flops_of(func, args, kwargs, made) / self._place.flops)


def _flops_of(func: Any, args: Any, kwargs: Any, made: Any) -> float:
    """Of products, convolutions and attention; 0 for all else."""
    count = flop_registry.get(func._overloadpacket)
    if count is None:
        return 0.0
    try:
        return float(count(*args, **kwargs, out_val=made))
    except (TypeError, ValueError, AssertionError, IndexError):
        return 2.0 * math.prod(args[0].shape)
