"""Where the nets of a ledger lie and what that costs, as plain data: for the log, for programs and for people."""

from __future__ import annotations

from typing import Any

import psutil

from model_management.resident import Resident
from model_management.weights import Weights


def memory_report(weights: Weights) -> dict[str, Any]:
    """What the devices of a ledger have, and each net that is lent there. Sizes in bytes.

    Returns: `resident_bytes` of this process, and `devices`: the ledger's own, then main memory, if that is another.
    Each has
        name, size_bytes;
        limit_bytes: a hard limit, None = there is none; reserve_bytes: left to other programs;
        others_bytes: what other programs have;
        used_bytes: what this process has there; weights_bytes: of these, weights;
        nets: least recently used first, see `net_report`.
    """
    devices = [_device(weights)]
    if weights.on_cpu is not None:
        devices.append(_main_memory(weights.on_cpu, weights.main_memory.used_bytes, weights.main_memory.limit_bytes))
    return {"resident_bytes": _process_bytes(), "devices": devices}


def net_report(resident: Resident) -> dict[str, Any]:
    """One net.

    Returns:
        file, role; is_patched: with changed weights; is_held: in use now;
        mode: "whole" or "partly" on its device, "streaming" (nothing large of it stays), "mapped" from its file;
        whole_bytes: of all its weights as they are stored; there_bytes: of those that are there now;
        coming_bytes: what comes in in each run; beside_bytes: the most that was seen beside weights in a run;
        working_bytes: what its holders asked for beside it.
    """
    streamed = resident.streamed
    return {
        "file": resident.stored.header.path.name,
        "role": resident.stored.role,
        "is_patched": resident.base is not None,
        "is_held": resident.holders > 0,
        "mode": resident.mode,
        "whole_bytes": resident.whole_bytes,
        "there_bytes": resident.device_bytes,
        "coming_bytes": 0 if streamed is None else streamed.coming_bytes,
        "beside_bytes": 0 if streamed is None else streamed.beside_bytes,
        "working_bytes": resident.working_bytes,
    }


def _device(weights: Weights) -> dict[str, Any]:
    if weights.accelerator is None:
        return _main_memory(weights, 0, weights.limit_bytes)
    return {
        **weights.accelerator.memory(),
        "used_bytes": weights.accelerator.used_bytes(),
        "weights_bytes": weights.resident_bytes,
        "nets": weights.each_resident(net_report),
    }


def _main_memory(weights: Weights, copies_bytes: int, limit_bytes: int | None) -> dict[str, Any]:
    memory, own = psutil.virtual_memory(), _process_bytes()
    return {
        "name": str(weights.device),
        "size_bytes": memory.total,
        "limit_bytes": limit_bytes,
        "reserve_bytes": 0,
        "others_bytes": max(0, memory.total - memory.available - own),
        "used_bytes": own,
        "weights_bytes": weights.resident_bytes + copies_bytes,
        "nets": weights.each_resident(net_report),
    }


def _process_bytes() -> int:
    return psutil.Process().memory_info().rss
