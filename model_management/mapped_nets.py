"""Nets on the CPU, whose weights are used where they lie in the file, or widened at each use until they may stay."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from heddle.networks.ops import LentTensor
from model_management.host_lending import HostLoan
from model_management.lent_net import build_lent, replace_weight
from model_management.main_memory import MainMemory
from model_management.read_ahead import read_ahead
from model_management.stored_net import OnPart, StoredNet
from model_management.stored_weight import widened_bytes
from model_management.weight_patches import WeightPatch, changed_numel, share_weights
from model_management.weight_sources import (
    ChangedWeight,
    FileWeight,
    WeightSource,
    changed_sources,
    file_weights,
    narrowed,
)

#: Weights smaller than this are in place as long as their net is: they are many, and take little together.
SMALL_BYTES = 64 << 10

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Grants:
    """What main memory is granted.

    ask: for so many bytes, of which one use of a weight needs so many at least -> how many are granted.
    are_limited: the memory is; else whatever is wanted may stay.
    """

    ask: Callable[[int, int], int]
    are_limited: bool

    def up_to(self, granted: int) -> MainMemory:
        """What has been granted, to be taken piece by piece."""
        return MainMemory(granted if self.are_limited else None)


def map_net(
    stored: StoredNet,
    dtype: torch.dtype,
    narrow: torch.dtype | None,
    grants: Grants,
    on_part: OnPart,
    *,
    is_mapped: bool = True,
) -> tuple[nn.Module, int, dict[str, FileWeight]]:
    """A net, what it was granted, and where its weights come from.

    Args:
        dtype: that it is computed in. narrow: a format of 8 bits that its weights are kept in.
        is_mapped: else its weights are read and widened at once, if that is granted.
    """
    sources = file_weights(stored)
    wanted = stored.numel * (narrow or dtype).itemsize
    granted = grants.ask(wanted, _largest(sources.values(), dtype, narrow))
    if is_mapped or narrow is not None or granted < wanted:
        read_ahead(stored, on_part)
    else:
        sources = file_weights(stored, is_mapped=False, widened_to=dtype, on_part=on_part)
    may_keep = grants.up_to(granted).take
    if narrow is not None:
        sources = narrowed(sources, narrow, may_keep, on_part)
        may_keep = _never  # in the net's own format: they are narrow to take less

    def lend(name: str) -> LentTensor | None:
        is_in_place = sources[name].nbytes < SMALL_BYTES or sources[name].stored().is_ready(dtype)
        return None if is_in_place else HostLoan(sources[name], dtype, may_keep)

    weights = {name: source.stored() for name, source in sources.items()}
    net = build_lent(stored, weights, lend, CPU, dtype)
    on_part(granted, granted)
    return net, granted, sources


def map_changed(
    base: nn.Module,
    sources: dict[str, FileWeight],
    stored: StoredNet,
    patches: Sequence[WeightPatch],
    dtype: torch.dtype,
    grants: Grants,
    on_part: OnPart,
) -> tuple[nn.Module, int]:
    """A net with changed weights, which shares all others with the unchanged one, and what it was granted."""
    granted = grants.ask(changed_numel(stored, patches) * dtype.itemsize, 0)
    changed = changed_sources(sources, stored, patches, dtype, grants.up_to(granted).take, on_part)
    net = share_weights(base)
    for name, source in changed.items():
        if isinstance(source, ChangedWeight):
            replace_weight(net, name, source.kept, HostLoan(source, dtype, _never))
    return net, granted


def _never(nbytes: int) -> bool:
    """Allows nothing."""
    return False


def _largest(sources: Iterable[WeightSource], dtype: torch.dtype, narrow: torch.dtype | None) -> int:
    """The most that one use of a weight needs beside its file."""
    if narrow is not None:
        shapes = (source.stored().shape for source in sources)
        return max((math.prod(shape) * (narrow.itemsize + dtype.itemsize) for shape in shapes), default=0)
    return max((widened_bytes(source.stored(), dtype) for source in sources), default=0)
