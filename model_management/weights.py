"""The ledger of one device: which nets have their weights there, what that costs, and which leave first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from heddle.graph.errors import OutOfMemory
from heddle.graph.said import say
from model_management.allocator import give_back
from model_management.stored_net import OnPart, StoredNet, ignore_parts
from model_management.weight_patches import WeightPatch, change_weights, changed_numel, share_weights

T = TypeVar("T")


class Handle(Protocol):
    """Whatever names a stored net: a Model, a Clip, a Vae."""

    @property
    def stored(self) -> StoredNet: ...
    @property
    def weight_patches(self) -> tuple[WeightPatch, ...]: ...


@dataclass
class Resident:
    """A net on the device. `size_bytes` counts its weights, `working_bytes` what its holders asked for beside them.

    base: the net without changes, of which this one has all weights but those it counts; it stays as long as this does.
    """

    stored: StoredNet
    net: nn.Module
    size_bytes: int
    holders: int = 0
    working_bytes: int = 0
    base: Resident | None = None


class Weights:
    """Lends nets with their weights in place, and keeps those it lent until room is needed.

    Args:
        device: where the weights go.
        limit_bytes: how much weights and their working memory may take together; None = no limit.
        has_bfloat16: whether the device computes in bfloat16; None = ask it when the first net comes.
    """

    def __init__(
        self, device: torch.device, *, limit_bytes: int | None = None, has_bfloat16: bool | None = None
    ) -> None:
        self.device = device
        self.limit_bytes = limit_bytes
        self._has_bfloat16 = has_bfloat16
        # By the stored net's key and those of its patches, least recently used first.
        self._residents: dict[tuple[object, ...], Resident] = {}
        self._worked_out: dict[tuple[object, ...], Any] = {}  # by the stored net's key and a word
        self._working_out = threading.RLock()
        self._books = threading.Lock()  # held for moments, so that a report never waits for a disk
        self._loading = threading.Lock()  # held while weights come in: one file is read at a time, and never twice
        # Of nets that are to stay off the device. What they take there does not count against its limit.
        self._on_cpu = None if device.type == "cpu" else Weights(torch.device("cpu"))

    @property
    def resident_bytes(self) -> int:
        """Bytes of all weights on the device now."""
        with self._books:
            return sum(resident.size_bytes for resident in self._residents.values())

    @property
    def residents(self) -> list[tuple[str, str, int]]:
        """What is on the device, least recently used first: file name, role in it, bytes."""
        with self._books:
            return [
                (resident.stored.header.path.name, resident.stored.role, resident.size_bytes)
                for resident in self._residents.values()
            ]

    @property
    def resident_files(self) -> set[Path]:
        """The files of which something is on the device, or on the CPU beside it."""
        beside = set() if self._on_cpu is None else self._on_cpu.resident_files
        with self._books:
            return beside | {resident.stored.header.path for resident in self._residents.values()}

    @contextmanager
    def hold(self, handle: Handle, working_bytes: int = 0, on_part: OnPart = ignore_parts) -> Iterator[Any]:
        """The handle's net with its weights in place, which stay there at least until the block ends.

        The place is the device, or the CPU for a net that is to be there.

        Args:
            working_bytes: memory that running the net will take beside its weights.
            on_part: told how far loading is; may raise, which leaves nothing behind.
        Raises: OutOfMemory, if weights that are held leave no room; WeightsError, if the file cannot be read.
        """
        if handle.stored.on_cpu and self._on_cpu is not None:
            with self._on_cpu.hold(handle, working_bytes, on_part) as net:
                yield net
            return
        with self._loading:
            resident = self._take(handle.stored, handle.weight_patches, working_bytes, on_part)
        try:
            yield resident.net
        finally:
            with self._books:
                resident.holders -= 1
                resident.working_bytes -= working_bytes

    def worked_out(self, handle: Handle, what: str, work_out: Callable[[], T]) -> T:
        """Something small that follows from a net's weights alone, worked out once per file and kept from then on.

        Args:
            what: tells apart several things about one net.
            work_out: may hold weights; what it raises is not kept, so it is asked again next time.
        """
        key = (*_key(handle.stored, handle.weight_patches), what)
        with self._working_out:
            if key not in self._worked_out:
                self._worked_out[key] = work_out()
            return self._worked_out[key]

    def release_all(self) -> int:
        """Let go of every net that nobody holds, and of memory kept for more. Returns: the bytes that became free."""
        with self._loading:
            freed = self._release(lambda: True)
        give_back()
        return freed if self._on_cpu is None else freed + self._on_cpu.release_all()

    def compute_dtype(self, stored: StoredNet) -> torch.dtype:
        """What a net's weights are kept and computed in.

        Float32 on a CPU, which has no fast halves. Elsewhere the large network in half precision, in the kind it was
        published in, or, where the file is narrower than that, in bfloat16, in which nothing overflows; text encoders
        in float32, since they are small and run once; VAEs in bfloat16, since in float16 activations of published ones
        overflow. All that unless the handle asks for one.
        """
        if stored.dtype is not None:
            return stored.dtype
        if self.device.type == "cpu" or stored.role == "text":
            return torch.float32
        if self._has_bfloat16 is None:
            self._has_bfloat16 = self.device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
        if stored.role == "vae":
            return torch.bfloat16 if self._has_bfloat16 else torch.float32
        if stored.file_dtype is torch.bfloat16:
            return torch.bfloat16 if self._has_bfloat16 else torch.float32
        return torch.bfloat16 if stored.file_dtype is None and self._has_bfloat16 else torch.float16

    def _take(self, stored: StoredNet, patches: Sequence[WeightPatch], working_bytes: int, on_part: OnPart) -> Resident:
        key = _key(stored, patches)
        with self._books:
            resident = self._residents.pop(key, None)
            if resident is not None:
                self._residents[key] = resident  # last in line to leave
                resident.holders += 1
                resident.working_bytes += working_bytes
        if resident is not None:
            self._make_room(0)
            return resident
        if patches:
            self._release_changed(stored)
            resident = self._change(stored, patches, working_bytes, on_part)
        else:
            dtype = self.compute_dtype(stored)
            size_bytes = stored.numel * dtype.itemsize
            self._make_room(size_bytes + working_bytes, needed=size_bytes)
            resident = Resident(stored, stored.load(self.device, dtype, on_part), size_bytes)
        resident.holders, resident.working_bytes = 1, working_bytes
        with self._books:
            self._residents[key] = resident
        return resident

    def _change(
        self, stored: StoredNet, patches: Sequence[WeightPatch], working_bytes: int, on_part: OnPart
    ) -> Resident:
        """A net with changed weights; it shares the others with the unchanged one where there is room for both."""
        dtype = self.compute_dtype(stored)
        whole_bytes = stored.numel * dtype.itemsize
        own_bytes = changed_numel(stored, patches) * dtype.itemsize
        limit = self.limit_bytes
        if own_bytes == whole_bytes or (limit is not None and whole_bytes + own_bytes + working_bytes > limit):
            self._make_room(whole_bytes + working_bytes, needed=whole_bytes)
            net = stored.load(self.device, dtype, on_part)
            change_weights(net, stored, patches, on_part)
            return Resident(stored, net, whole_bytes)
        base = self._take(stored, (), 0, on_part)
        try:
            self._make_room(own_bytes + working_bytes, needed=own_bytes)
            net = share_weights(base.net)
            change_weights(net, stored, patches, on_part)
        except BaseException:
            with self._books:
                base.holders -= 1
            raise
        return Resident(stored, net, own_bytes, base=base)

    def _release_changed(self, stored: StoredNet) -> None:
        """Let go of a net's other changed states that nobody holds: each try of a strength would leave one."""
        with self._books:
            for key, resident in list(self._residents.items()):
                if resident.stored.key == stored.key != key and resident.holders == 0:
                    self._drop(key)

    def _make_room(self, wanted: int, needed: int = 0) -> None:
        """Let nets go, least recently used first, until `wanted` more bytes fit.

        Working memory is an estimate, so only `needed`, the weights themselves, is refused if it does not fit at last.
        """
        if self.limit_bytes is None:
            return
        limit = self.limit_bytes
        self._release(lambda: self._used() + wanted > limit)
        with self._books:
            used = sum(resident.size_bytes for resident in self._residents.values())
        if needed and used + needed > limit:
            raise OutOfMemory(
                say(
                    "the weights take {needed:,.0f} MB, but of the {limit:,.0f} MB for weights "
                    "{free:,.0f} MB are free; use a smaller model or raise the limit",
                    needed=needed / 1000000.0,
                    limit=limit / 1000000.0,
                    free=max(0, limit - used) / 1000000.0,
                ),
                asked=needed,
                free=max(0, limit - used),
            )

    def _used(self) -> int:
        return sum(resident.size_bytes + resident.working_bytes for resident in self._residents.values())

    def _release(self, goes_on: Any) -> int:
        freed = 0
        with self._books:
            while goes_on():
                # Anew each time: what shared another's weights may have been all that kept those.
                key = next((key for key, resident in self._residents.items() if resident.holders == 0), None)
                if key is None:
                    break
                freed += self._drop(key)
        if freed and self.device.type == "cuda":
            torch.cuda.empty_cache()  # or the memory would stay with torch, out of other programs' reach
        return freed

    def _drop(self, key: tuple[object, ...]) -> int:
        resident = self._residents.pop(key)
        if resident.base is not None:
            resident.base.holders -= 1
        return resident.size_bytes


def _key(stored: StoredNet, patches: Sequence[WeightPatch]) -> tuple[object, ...]:
    return (*stored.key, *(patch.key for patch in patches))
