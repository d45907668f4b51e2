"""Where the weights of a net come from, one by one, on main memory's side: its file, or what patches make of that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from model_management.stored_net import OnPart, StoredNet, ignore_parts
from model_management.stored_weight import StoredWeight
from model_management.weight_patches import WeightPatch, changed_weights, open_patches

#: Asked whether so many bytes may stay in main memory; they count from then on.
MayKeep: TypeAlias = Callable[[int], bool]


class WeightSource(Protocol):
    """One weight of a net, as it is brought to where it is used. nbytes: what it takes as it is stored."""

    nbytes: int

    def stored(self) -> StoredWeight:
        """The weight. Raises: WeightsError, if a file cannot be read or a patch makes no finite numbers."""
        ...


class FileWeight:
    """A weight as a file has it. is_mapped: it lies there, and not in memory of its own."""

    def __init__(self, stored: StoredWeight, *, is_mapped: bool = True) -> None:
        self.is_mapped = is_mapped
        self._stored = stored
        self.nbytes = stored.nbytes

    def stored(self) -> StoredWeight:
        return self._stored


class NarrowedWeight(FileWeight):
    """A weight of a file in 8 bits, kept so in main memory where there is room, else narrowed at each use."""

    def __init__(self, stored: StoredWeight, dtype: torch.dtype, may_keep: MayKeep) -> None:
        super().__init__(stored)
        self.nbytes = math.prod(stored.shape) * dtype.itemsize
        self._dtype = dtype
        self._kept = self._narrowed() if may_keep(self.nbytes) else None

    def stored(self) -> StoredWeight:
        return self._kept or self._narrowed()

    def _narrowed(self) -> StoredWeight:
        # What is larger than the format's numbers would become none.
        most = torch.finfo(self._dtype).max
        with torch.inference_mode(False), torch.no_grad():
            numbers = self._stored.raw.float().clamp(-most, most).to(self._dtype)
            return StoredWeight.plain(numbers.contiguous())


class ChangedWeight:
    """A weight that patches change. It is kept in main memory where there is room, else worked out at each use."""

    def __init__(self, own: FileWeight, name: str, patches: Sequence[WeightPatch], dtype: torch.dtype) -> None:
        self._own, self._name, self._patches, self._dtype = own, name, patches, dtype
        self.kept: StoredWeight | None = None
        self.nbytes = math.prod(own.stored().shape) * dtype.itemsize

    def stored(self) -> StoredWeight:
        if self.kept is not None:
            return self.kept
        with open_patches(self._patches) as change:
            return self._made(change)

    def work_out(self, change: Callable[[str, Tensor], Tensor], may_keep: MayKeep) -> None:
        """Have it ready, if it may be kept. change: what all its patches together make of a weight of this name."""
        if self.kept is None and may_keep(self.nbytes):
            self.kept = self._made(change)

    def _made(self, change: Callable[[str, Tensor], Tensor]) -> StoredWeight:
        # Weights made in inference mode could never be trained on.
        with torch.inference_mode(False), torch.no_grad():
            changed = change(self._name, self._own.stored().numbers())
            return StoredWeight.plain(changed.to(self._dtype, copy=True, memory_format=torch.contiguous_format))


def file_weights(
    stored: StoredNet,
    *,
    is_mapped: bool = True,
    widened_to: torch.dtype | None = None,
    on_part: OnPart = ignore_parts,
) -> dict[str, FileWeight]:
    """The weights of a net as they lie in its file, in that order, by the net's names.

    Args:
        is_mapped: else they are read into memory now, and on_part is told how far.
        widened_to: they have this dtype at once, None = as they are stored.
    Raises: WeightsError, if the file has changed since its header was read, or cannot be read.
    """
    names = stored.names_in_order
    weights: dict[str, FileWeight] = {}
    done, total = 0, sum(stored.entry(name).end - stored.entry(name).begin for name in names)
    # Weights made in inference mode could never be trained on; a node that holds them may run in it.
    with torch.inference_mode(False), torch.no_grad(), stored.open_stored(is_mapped=is_mapped) as read:
        for name in names:
            weight = read(name)
            if widened_to is not None:
                weight = StoredWeight.plain(weight.widened(widened_to))
            weights[name] = FileWeight(weight, is_mapped=is_mapped)
            if not is_mapped:
                done += stored.entry(name).end - stored.entry(name).begin
                on_part(done, total)
    return weights


def narrowed(
    weights: Mapping[str, FileWeight], dtype: torch.dtype, may_keep: MayKeep, on_part: OnPart = ignore_parts
) -> dict[str, FileWeight]:
    """Weights in 8 bits; those that are stored in as few stay as they are."""
    made: dict[str, FileWeight] = {}
    done, total = 0, sum(weight.nbytes for weight in weights.values())
    for name, weight in weights.items():
        stored = weight.stored()
        is_narrow = stored.kind is not None or stored.scale is not None or stored.raw.element_size() == 1
        made[name] = weight if is_narrow else NarrowedWeight(stored, dtype, may_keep)
        done += weight.nbytes
        on_part(done, total)
    return made


def changed_sources(
    own: Mapping[str, FileWeight],
    stored: StoredNet,
    patches: Sequence[WeightPatch],
    dtype: torch.dtype,
    may_keep: MayKeep,
    on_part: OnPart = ignore_parts,
) -> dict[str, WeightSource]:
    """The weights of a net with patches; those that no patch changes are the very ones of the net without.

    Args:
        dtype: of what patches make.
    Raises: WeightsError, if a file cannot be read or a change makes no finite numbers.
    """
    changed = {
        name: ChangedWeight(own[name], name, patches, dtype) for name in own if name in changed_weights(stored, patches)
    }
    done, total = 0, sum(each.nbytes for each in changed.values())
    with open_patches(patches) as change:
        for each in changed.values():
            each.work_out(change, may_keep)
            done += each.nbytes
            on_part(done, total)
    return {name: changed.get(name, weight) for name, weight in own.items()}
