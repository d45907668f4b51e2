"""What the ledger asks of a device that has memory of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypedDict

import torch
from torch import Tensor


class Arrival(Protocol):
    """Tensors on their way to the device."""

    def take(self) -> tuple[Tensor, ...]:
        """The copies. What is computed with them afterwards waits for them, whoever asks does not."""
        ...


class DeviceMemory(TypedDict):
    """What a device has, in bytes.

    limit_bytes: what tensors may take at most, None = what there is. reserve_bytes: left to other programs.
    others_bytes: what those have now.
    """

    name: str
    size_bytes: int
    limit_bytes: int | None
    reserve_bytes: int
    others_bytes: int


class Accelerator(Protocol):
    """A device with memory of its own. Sizes in bytes, times in seconds."""

    device: torch.device

    def bring(self, tensors: Sequence[Tensor]) -> Arrival:
        """Begin to copy tensors from main memory, beside what is computed.

        Raises: torch.OutOfMemoryError, if there is no room for them.
        """
        ...

    def prepared(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...] | None:
        """Copies in main memory which the device reads quicker, to be kept; None, if there are none or no room."""
        ...

    def used_bytes(self) -> int:
        """What tensors of this process take there now."""
        ...

    def total_bytes(self) -> int:
        """What they may take: its size less what other programs have, or a hard limit."""
        ...

    def memory(self) -> DeviceMemory:
        """What it has, and who has what of it."""
        ...

    def peak_bytes(self) -> int:
        """The most that was used at once since the last call of this."""
        ...

    def mark(self) -> Any:
        """A moment of the computation."""
        ...

    def seconds(self, first: Any, last: Any) -> float:
        """Between two marks. It may wait for the second."""
        ...

    def running(self) -> AbstractContextManager[object]:
        """What is computed within is computed there."""
        ...

    def give_back(self) -> None:
        """Hand memory that is kept for later tensors to other programs."""
        ...
