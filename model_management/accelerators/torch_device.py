"""A graphics card as torch knows it: CUDA and ROCm (one interface in torch), XPU, MPS."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import psutil
import torch
from torch import Tensor

from model_management.accelerators.accelerator import Arrival, DeviceMemory

#: Main memory that is left to everything else, as a share of it, when weights are kept there ready for the card.
LEFT_TO_OTHERS = 0.25
#: Weights that may not be kept ready go through two pieces of memory of this size.
PIECE_BYTES = 32 << 20


def accelerator_for(
    device: torch.device, *, limit_bytes: int | None = None, reserve_bytes: int = 0
) -> StreamedDevice | PlainDevice | None:
    """The device, None for one whose memory is the main memory (or none at all).

    Args:
        limit_bytes: what tensors may take there at most; None = what other programs leave.
        reserve_bytes: of what they leave, so much is left alone.
    """
    if device.type in ("cuda", "xpu"):
        return StreamedDevice(device, limit_bytes, reserve_bytes)
    return PlainDevice(device, limit_bytes, reserve_bytes) if device.type == "mps" else None


def _within(limit_bytes: int | None, free_bytes: int) -> int:
    return free_bytes if limit_bytes is None else min(limit_bytes, free_bytes)


class _Here:
    """Tensors that were copied before anybody could ask for them."""

    def __init__(self, copies: tuple[Tensor, ...]) -> None:
        self._copies = copies

    def take(self) -> tuple[Tensor, ...]:
        return self._copies


class PlainDevice:
    """A device to which copies go in order with what is computed."""

    def __init__(self, device: torch.device, limit_bytes: int | None, reserve_bytes: int) -> None:
        self.device = device
        self._limit_bytes, self._reserve_bytes = limit_bytes, reserve_bytes
        self.api: Any = torch.mps

    def bring(self, tensors: Sequence[Tensor]) -> Arrival:
        return _Here(tuple(tensor.to(self.device) for tensor in tensors))

    def prepared(self, tensors: Sequence[Tensor]) -> None:
        return None

    def used_bytes(self) -> int:
        return int(self.api.current_allocated_memory())

    def total_bytes(self) -> int:
        return _within(self._limit_bytes, int(self.api.recommended_max_memory()) - self._reserve_bytes)

    def memory(self) -> DeviceMemory:
        return {
            "name": str(self.device),
            "size_bytes": int(self.api.recommended_max_memory()),
            "limit_bytes": self._limit_bytes,
            "reserve_bytes": self._reserve_bytes,
            "others_bytes": 0,  # nobody tells
        }

    def peak_bytes(self) -> int:
        return self.used_bytes()  # it keeps no record of peaks; what was too little shows in the next run

    def mark(self) -> float:
        return time.perf_counter()

    def seconds(self, first: float, last: float) -> float:
        return last - first

    def running(self) -> AbstractContextManager[object]:
        return nullcontext()

    def give_back(self) -> None:
        self.api.empty_cache()


class StreamedDevice:
    """A card to which copies go on a stream of their own, from memory that it reads by itself.

    A tensor is made in order with what is computed, so the memory that it gets is free by then; the copy waits for
    that moment, and whoever computes with it waits for the copy.
    """

    def __init__(self, device: torch.device, limit_bytes: int | None, reserve_bytes: int) -> None:
        self.device = device
        self._limit_bytes, self._reserve_bytes = limit_bytes, reserve_bytes
        self.api: Any = getattr(torch, device.type)
        self._copies = self.api.Stream(device=device)
        self._pieces: list[_Piece] = []
        self._next = 0
        self._free_seen_at = 0.0
        self._free_for_tensors = 0
        if limit_bytes is not None and device.type == "cuda":
            whole = self.api.get_device_properties(device).total_memory
            self.api.set_per_process_memory_fraction(min(1.0, limit_bytes / whole), device)

    def bring(self, tensors: Sequence[Tensor]) -> Arrival:
        stream = self.api.current_stream(self.device)
        copies = tuple(torch.empty(each.shape, dtype=each.dtype, device=self.device) for each in tensors)
        ready = stream.record_event()
        with self.api.stream(self._copies):
            self._copies.wait_event(ready)
            for each, copy in zip(tensors, copies, strict=True):
                if each.is_pinned():
                    copy.copy_(each, non_blocking=True)
                else:
                    self._copy_in_pieces(each.contiguous(), copy)
            arrived = self._copies.record_event()
        return _OnItsWay(self, copies, arrived)

    def prepared(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...] | None:
        memory = psutil.virtual_memory()
        nbytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        if memory.available - nbytes < LEFT_TO_OTHERS * memory.total:
            return None
        return tuple(tensor.contiguous().pin_memory() for tensor in tensors)

    def used_bytes(self) -> int:
        return int(self.api.memory_allocated(self.device))

    def total_bytes(self) -> int:
        now = time.monotonic()
        if now - self._free_seen_at > 0.5:  # asking the driver takes a while
            free, _whole = self.api.mem_get_info(self.device)
            self._free_for_tensors = free + self.api.memory_reserved(self.device) - self._reserve_bytes
            self._free_seen_at = now
        return _within(self._limit_bytes, self._free_for_tensors)

    def memory(self) -> DeviceMemory:
        free, whole = self.api.mem_get_info(self.device)
        return {
            "name": f"{self.device} {self.api.get_device_name(self.device)}",
            "size_bytes": whole,
            "limit_bytes": self._limit_bytes,
            "reserve_bytes": self._reserve_bytes,
            "others_bytes": max(0, whole - free - self.api.memory_reserved(self.device)),
        }

    def peak_bytes(self) -> int:
        peak = int(self.api.max_memory_allocated(self.device))
        self.api.reset_peak_memory_stats(self.device)
        return peak

    def mark(self) -> Any:
        event = self.api.Event(enable_timing=True)
        event.record(self.api.current_stream(self.device))
        return event

    def seconds(self, first: Any, last: Any) -> float:
        last.synchronize()
        return first.elapsed_time(last) / 1000

    def running(self) -> AbstractContextManager[object]:
        return nullcontext()

    def give_back(self) -> None:
        self.api.empty_cache()

    def _copy_in_pieces(self, tensor: Tensor, copy: Tensor) -> None:
        """Through memory that the card can read, in turns: one piece is filled while the other is on its way."""
        if not self._pieces:
            self._pieces = [_Piece(self.api) for _ in range(2)]
        source, target = tensor.reshape(-1).view(torch.uint8), copy.view(-1).view(torch.uint8)
        for part, into in zip(source.split(PIECE_BYTES), target.split(PIECE_BYTES), strict=True):
            piece = self._pieces[self._next % len(self._pieces)]
            self._next += 1
            piece.sent.synchronize()
            piece.memory[: len(part)].copy_(part)
            into.copy_(piece.memory[: len(part)], non_blocking=True)
            piece.sent.record(self._copies)


class _Event(Protocol):
    def synchronize(self) -> None: ...
    def record(self, stream: Any) -> None: ...


class _Piece:
    """Memory that the card can read. sent: once its content is there."""

    def __init__(self, api: Any) -> None:
        self.memory = torch.empty(PIECE_BYTES, dtype=torch.uint8, pin_memory=True)
        self.sent: _Event = api.Event()


class _OnItsWay:
    def __init__(self, place: StreamedDevice, copies: tuple[Tensor, ...], arrived: Any) -> None:
        self._place, self._copies, self._arrived = place, copies, arrived

    def take(self) -> tuple[Tensor, ...]:
        api = self._place.api
        api.current_stream(self._place.device).wait_event(self._arrived)
        return self._copies
