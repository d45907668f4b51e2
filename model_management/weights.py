"""The ledger of one device: which nets have their weights there, what that costs, and which leave first."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from heddle.graph.errors import OutOfMemory
from heddle.graph.said import say
from model_management.accelerators.accelerator import Accelerator
from model_management.allocator import give_back
from model_management.estimates import Estimates
from model_management.host_lending import LookUp
from model_management.lent_net import build_lent, looked_up, run_by, run_directly
from model_management.main_memory import MainMemory
from model_management.mapped_nets import SMALL_BYTES, Grants, map_changed, map_net
from model_management.number_formats import NumberFormats, usual_format
from model_management.resident import Handle, Keeps, Resident
from model_management.running_out import bytes_asked, too_full, too_small
from model_management.stored_net import OnPart, StoredNet, ignore_parts
from model_management.stored_tensors import has_changed, refuse_changed, was_overwritten
from model_management.streaming import Streamed
from model_management.weight_patches import WeightPatch, change_weights
from model_management.weight_sources import (
    FileWeight,
    MayKeep,
    WeightSource,
    changed_sources,
    file_weights,
    narrowed,
)

T = TypeVar("T")

log = logging.getLogger("heddle.weights")


class Weights:
    """Lends nets with their weights in place, and keeps those it lent until room is needed.

    Args:
        device: where the weights go.
        limit_bytes: how much weights and their working memory may take together in main memory; None = no limit.
        has_bfloat16: whether the device computes in bfloat16; None = ask it when the first net comes.
        accelerator: the device, where weights are to be brought to it and may have to take turns there.
        keeps: how much of a net stays there, if there is room.
        keeps_unused: nets stay when nobody holds them any more.
        maps_files: weights are used where their file is mapped, else they are read into memory.
        formats: what nets are kept and computed in.
        vae_on_cpu: VAEs run on the CPU.
        estimates: what runs took beside weights.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        limit_bytes: int | None = None,
        has_bfloat16: bool | None = None,
        accelerator: Accelerator | None = None,
        keeps: Keeps = Keeps.AS_FITS,
        keeps_unused: bool = True,
        maps_files: bool = True,
        formats: NumberFormats | None = None,
        vae_on_cpu: bool = False,
        estimates: Estimates | None = None,
    ) -> None:
        self.device = device
        self.accelerator = accelerator
        self.keeps = keeps
        self.keeps_unused, self.maps_files = keeps_unused, maps_files
        self.formats = formats or NumberFormats()
        self._vae_on_cpu = vae_on_cpu
        self.estimates = estimates or Estimates()
        self.limit_bytes = None if accelerator is not None else limit_bytes
        self._has_bfloat16 = has_bfloat16
        # By the stored net's key and those of its patches, least recently used first.
        self._residents: dict[tuple[object, ...], Resident] = {}
        self._worked_out: dict[tuple[object, ...], Any] = {}  # by the stored net's key and a word
        self._working_out = threading.RLock()
        self.lock = threading.RLock()  # held for moments, so that a report never waits for a disk
        self._loading = threading.Lock()  # held while weights come in: one file is read at a time, and never twice
        # Of nets that are to stay off the device. What they take counts against no limit but main memory's.
        self.on_cpu: Weights | None = None
        if device.type != "cpu" or accelerator is not None:
            self.on_cpu = Weights(
                torch.device("cpu"),
                limit_bytes=limit_bytes,
                keeps_unused=keeps_unused,
                maps_files=maps_files,
                formats=self.formats,
            )
        self.main_memory = MainMemory(limit_bytes, lambda: 0 if self.on_cpu is None else self.on_cpu.resident_bytes)

    @property
    def resident_bytes(self) -> int:
        """Bytes of all weights on the device now."""
        return sum(self.each_resident(lambda resident: resident.device_bytes))

    @property
    def residents(self) -> list[tuple[str, str, int]]:
        """What is on the device, least recently used first: file name, role in it, bytes."""
        return self.each_resident(lambda each: (each.stored.header.path.name, each.stored.role, each.device_bytes))

    def each_resident(self, tell: Callable[[Resident], T]) -> list[T]:
        """Something of each net that is lent, least recently used first."""
        with self.lock:
            return [tell(resident) for resident in self._residents.values()]

    @property
    def resident_files(self) -> set[Path]:
        """The files of which something is on the device, or on the CPU beside it."""
        beside = set() if self.on_cpu is None else self.on_cpu.resident_files
        with self.lock:
            return beside | {resident.stored.header.path for resident in self._residents.values()}

    @contextmanager
    def hold(self, handle: Handle, working_bytes: int = 0, on_part: OnPart = ignore_parts) -> Iterator[Any]:
        """The handle's net with its weights in place, which stay there at least until the block ends.

        The place is the device, or the CPU for a net that is to be there.

        Args:
            working_bytes: memory that running the net will take beside its weights.
            on_part: told how far loading is; may raise, which leaves nothing behind.
        Raises: OutOfMemory, if weights that are held leave no room; WeightsError, if the file cannot be read or has
            changed, at the end also where it was written into meanwhile.
        """
        if (place := self.place_of(handle.stored)) is not self:
            if (limit := self.main_memory.limit_bytes) is not None:
                place.limit_bytes = limit - self.main_memory.used_bytes
            with place.hold(handle, working_bytes, on_part) as net:
                yield net
            return
        with self._loading:
            resident = self._take(handle.stored, handle.weight_patches, working_bytes, on_part)
        self._tell(resident)
        try:
            yield resident.net
        finally:
            with self.lock:
                self._tell(resident)
                resident.holders -= 1
                resident.working_bytes -= working_bytes
            if not self.keeps_unused:
                self._release(lambda: True)
            self.estimates.save()
        if (overwritten := next(filter(was_overwritten, handle.stored.header.stamps), None)) is not None:
            refuse_changed(overwritten)  # what was computed may be of both

    def place_of(self, stored: StoredNet) -> Weights:
        """The ledger of where a net runs: the device, or the CPU beside it."""
        is_beside = stored.on_cpu or (self._vae_on_cpu and stored.role == "vae")
        return self.on_cpu if self.on_cpu is not None and is_beside else self

    def _tell(self, resident: Resident) -> None:
        """Say in the log how a net lies, if that is new."""
        if (mode := resident.mode) != resident.told:
            resident.told = mode
            log.info("%s", resident.words())

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
        gc.collect()  # nets and those who lend to them know each other
        give_back()
        return freed if self.on_cpu is None else freed + self.on_cpu.release_all()

    def compute_dtype(self, stored: StoredNet) -> torch.dtype:
        """What a net's weights are kept and computed in.

        Float32 on a CPU, which has no fast halves, and for text encoders, since they are small and run once; elsewhere
        as `usual_format` says. All that unless the handle or whoever started the program asks for one.
        """
        if (asked := stored.dtype or self.formats.computed_in(stored.role)) is not None:
            return asked
        if self.device.type == "cpu" or stored.role == "text":
            return torch.float32
        if self._has_bfloat16 is None:
            self._has_bfloat16 = self.device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
        return usual_format(stored.role, stored.file_dtype, has_bfloat16=self._has_bfloat16)

    def _take(self, stored: StoredNet, patches: Sequence[WeightPatch], working_bytes: int, on_part: OnPart) -> Resident:
        key = _key(stored, patches)
        if key in self._residents and (changed := next(filter(has_changed, stored.header.stamps), None)) is not None:
            self._release_outdated()
            refuse_changed(changed)
        with self.lock:
            resident = self._residents.pop(key, None)
            if resident is not None:
                self._residents[key] = resident  # last in line to leave
                resident.holders += 1
                resident.working_bytes += working_bytes
        if resident is not None:
            if resident.streamed is None:
                self._make_room(0)
            elif resident.holders == 1:
                self._begin_streaming(resident, ignore_parts)
            return resident
        if patches:
            self._release_changed(stored)
        self._release_outdated()
        if not stored.is_lendable or (self.accelerator is None and self.device.type != "cpu"):
            resident = self._load_whole(stored, patches, working_bytes, on_part)
        elif self.accelerator is not None:
            resident = self._stream(stored, patches, on_part)
        else:
            resident = self._map(stored, patches, working_bytes, on_part)
        resident.holders, resident.working_bytes = 1, working_bytes
        with self.lock:
            self._residents[key] = resident
        return resident

    def _load_whole(
        self, stored: StoredNet, patches: Sequence[WeightPatch], working_bytes: int, on_part: OnPart
    ) -> Resident:
        """A copy of the file's weights."""
        dtype = self.compute_dtype(stored)
        size_bytes = stored.numel * dtype.itemsize
        self._make_room(size_bytes + working_bytes, needed=size_bytes)
        if self.accelerator is not None:
            free = self.accelerator.total_bytes() - self.accelerator.used_bytes()
            self.make_leave(None, max(0, size_bytes + working_bytes - free))
        net = stored.load(self.device, dtype, on_part)
        change_weights(net, stored, patches, on_part)
        return Resident(stored, net, size_bytes)

    def _map(self, stored: StoredNet, patches: Sequence[WeightPatch], working_bytes: int, on_part: OnPart) -> Resident:
        """A net on the CPU, whose weights stay in their file as far as that can be."""
        dtype = self.compute_dtype(stored)
        grants = Grants(lambda wanted, least: self._grant(wanted, working_bytes, least), self.limit_bytes is not None)
        if not patches:
            narrow = self.formats.kept_in(stored.role)
            net, granted, sources = map_net(stored, dtype, narrow, grants, on_part, is_mapped=self.maps_files)
            return Resident(stored, net, granted, sources=sources)
        base = self._take(stored, (), 0, on_part)
        try:
            net, granted = map_changed(base.net, base.sources, stored, patches, dtype, grants, on_part)
        except BaseException:
            with self.lock:
                base.holders -= 1
            raise
        return Resident(stored, net, granted, base=base, sources=base.sources)

    def _grant(self, wanted: int, working_bytes: int, least: int) -> int:
        """How much of what is wanted a net may take, after others left.

        Raises: OutOfMemory, if that is less than one use of its largest weight needs.
        """
        self._make_room(wanted + working_bytes)
        if self.limit_bytes is None:
            return wanted
        with self.lock:
            free = self.limit_bytes - sum(resident.device_bytes for resident in self._residents.values())
        if wanted > free and least > free:
            raise too_small(least, free)
        return max(0, min(wanted, free))

    def _stream(self, stored: StoredNet, patches: Sequence[WeightPatch], on_part: OnPart) -> Resident:
        """A net whose weights are brought to the device."""
        assert self.accelerator is not None
        accelerator, dtype = self.accelerator, self.compute_dtype(stored)
        base = self._take(stored, (), 0, ignore_parts) if patches else None
        share = self.main_memory.share()
        try:
            own = self._own_weights(stored, share, on_part) if base is None else base.sources
            sources: dict[str, WeightSource] = dict(own)
            if patches:
                sources = changed_sources(own, stored, patches, dtype, share, on_part)
            large = {
                name: source
                for name, source in sources.items()
                if source.nbytes >= SMALL_BYTES and name in stored.lent_names
            }
            look_ups = {
                name: LookUp(large.pop(name), dtype, self._bring) for name in looked_up(stored) if name in large
            }
            streamed = Streamed(
                large,
                dtype,
                accelerator,
                self,
                base=base.streamed if base else None,
                estimates=None if self.keeps is Keeps.WHOLE else self.estimates.of(_kind(stored, dtype)),
                most_bytes=self._most_bytes,
                share=share,
            )
            if streamed.largest_bytes > accelerator.total_bytes():
                raise too_small(streamed.largest_bytes, accelerator.total_bytes())
            before = accelerator.used_bytes()
            weights = {name: source.stored() for name, source in sources.items()}

            def build() -> nn.Module:
                return build_lent(
                    stored, weights, lambda name: streamed.loans.get(name, look_ups.get(name)),
                    self.device, dtype, self._bring,
                )  # fmt: skip

            net = self._with_room(build, streamed)
            resident = Resident(
                stored, net, 0, base=base, sources=own, streamed=streamed,
                in_place_bytes=accelerator.used_bytes() - before, share=share,
            )  # fmt: skip
            run_by(net, streamed.run)
            self._begin_streaming(resident, on_part)
        except BaseException:
            share.close()
            if base is not None:
                with self.lock:
                    base.holders -= 1
            raise
        return resident

    def _own_weights(self, stored: StoredNet, may_keep: MayKeep, on_part: OnPart) -> dict[str, FileWeight]:
        """A net's weights in main memory, in the form in which they are brought to the device."""
        sources, narrow = file_weights(stored), self.formats.kept_in(stored.role)
        if narrow is not None:
            return narrowed(sources, narrow, may_keep, on_part)
        if self.maps_files or not may_keep(sum(source.nbytes for source in sources.values())):
            return sources
        return file_weights(stored, is_mapped=False, on_part=on_part)

    def _begin_streaming(self, resident: Resident, on_part: OnPart) -> None:
        """Before a net's first run: have it whole on the device, if it fits beside what is held."""
        streamed, accelerator = resident.streamed, self.accelerator
        assert streamed is not None and accelerator is not None
        streamed.forget()
        if streamed.most_bytes is not None and streamed.whole_bytes > streamed.most_bytes:
            return
        wanted = streamed.whole_bytes - streamed.books.device_bytes
        reserve = streamed.reserve_bytes
        if self.keeps is not Keeps.WHOLE:
            reserve = max(resident.working_bytes, reserve)
        lacking = wanted + reserve - (accelerator.total_bytes() - accelerator.used_bytes())
        if lacking > 0:
            self.make_leave(streamed, lacking)
            lacking = wanted + reserve - (accelerator.total_bytes() - accelerator.used_bytes())
        if lacking <= 0:
            try:
                streamed.bring_all(on_part)
            except torch.OutOfMemoryError:
                return  # there is less room than was thought: they come when they are used
            streamed.settle(resident.net)

    def _with_room(self, make: Callable[[], T], streamed: Streamed) -> T:
        """What is made on the device; once more after others left, if there was no room.

        Raises: OutOfMemory, if there is none then.
        """
        asked = None
        for _ in range(2):
            try:
                return make()
            except torch.OutOfMemoryError as error:
                asked = bytes_asked(str(error))
            self.make_leave(streamed, asked or 1)
        assert self.accelerator is not None
        raise OutOfMemory(
            say("out of memory: there is no room for the weights that are always there; raise the limit"),
            asked=asked,
            free=self.accelerator.total_bytes() - self.accelerator.used_bytes(),
        )

    @property
    def _most_bytes(self) -> int | None:
        if self.keeps is Keeps.HALF and self.accelerator is not None:
            return self.accelerator.total_bytes() // 2
        return 0 if self.keeps is Keeps.NOTHING else None

    def _bring(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        assert self.accelerator is not None
        return self.accelerator.bring(tensors).take()

    def others_bytes(self, streamed: Streamed, /) -> int:
        """What other nets' weights take on the device, see `Neighbours`."""
        with self.lock:
            total = sum(resident.device_bytes for resident in self._residents.values())
            own = any(
                each.streamed is not None and each.streamed.books is streamed.books for each in self._residents.values()
            )
        return total - (streamed.books.device_bytes if own else 0)

    def make_leave(self, streamed: Streamed | None, wanted_bytes: int, /) -> int:
        """Let other nets' weights leave the device: first all of those that nobody holds, see `Neighbours`.

        streamed: the net that they leave for, if it is one that streams.
        """
        assert self.accelerator is not None
        before = self.accelerator.used_bytes()

        def freed() -> int:
            assert self.accelerator is not None
            return before - self.accelerator.used_bytes()

        with self.lock:
            for key, resident in list(self._residents.items()):
                if freed() >= wanted_bytes:
                    break
                is_other = resident.streamed is None or resident.streamed is not streamed
                if resident.holders == 0 and key in self._residents and is_other:
                    self._drop(key)
            for resident in self._residents.values():
                other = resident.streamed
                if freed() >= wanted_bytes:
                    break
                if other is not None and (streamed is None or other.books is not streamed.books):
                    other.let_go(wanted_bytes - freed())
        self.accelerator.give_back()
        return freed()

    def _release_changed(self, stored: StoredNet) -> None:
        """Let go of a net's other changed states that nobody holds: each try of a strength would leave one."""
        with self.lock:
            for key, resident in list(self._residents.items()):
                if resident.stored.key == stored.key != key and resident.holders == 0:
                    self._drop(key)

    def _release_outdated(self) -> None:
        """Let go of what nobody holds of files that are others by now: it is asked for no more."""
        with self.lock:
            # First those that share the weights of another, which stays as long as they do.
            for key, resident in sorted(self._residents.items(), key=lambda each: each[1].base is None):
                if resident.holders == 0 and any(map(has_changed, resident.stored.header.stamps)):
                    self._drop(key)

    def _make_room(self, wanted: int, needed: int = 0) -> None:
        """Let nets go, least recently used first, until `wanted` more bytes fit.

        Working memory is an estimate, so only `needed`, the weights themselves, is refused if it does not fit at last.
        """
        if self.limit_bytes is None:
            return
        limit = self.limit_bytes
        self._release(lambda: self._used() + wanted > limit)
        with self.lock:
            used = sum(resident.device_bytes for resident in self._residents.values())
        if needed and used + needed > limit:
            raise too_full(needed, limit, limit - used)

    def _used(self) -> int:
        return sum(resident.device_bytes + resident.working_bytes for resident in self._residents.values())

    def _release(self, goes_on: Any) -> int:
        freed = 0
        with self.lock:
            while goes_on():
                # Anew each time: what shared another's weights may have been all that kept those.
                key = next((key for key, resident in self._residents.items() if resident.holders == 0), None)
                if key is None:
                    break
                freed += self._drop(key)
        if freed and self.accelerator is not None:
            self.accelerator.give_back()  # or the memory would stay with torch, out of other programs' reach
        return freed

    def _drop(self, key: tuple[object, ...]) -> int:
        resident = self._residents.pop(key)
        if resident.base is not None:
            resident.base.holders -= 1
        freed = resident.device_bytes
        if resident.streamed is not None:
            run_directly(resident.net)
            resident.streamed.leave()
        if resident.share is not None:
            resident.share.close()
        return freed


def _kind(stored: StoredNet, dtype: torch.dtype) -> str:
    """Of a net whose runs take as much: its structure, and what it is computed in."""
    return f"{type(stored.config).__name__} {stored.numel} {stored.role} {dtype}"


def _key(stored: StoredNet, patches: Sequence[WeightPatch]) -> tuple[object, ...]:
    return (*stored.key, *(patch.key for patch in patches))
