"""The ledger that a process works with, from what was asked for on the command line."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from heddle.graph.errors import SettingsError
from heddle.settings.memory import MemorySettings
from model_management.accelerators.accelerator import Accelerator
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.accelerators.torch_device import accelerator_for
from model_management.estimates import Estimates
from model_management.number_formats import NumberFormats
from model_management.resident import Keeps
from model_management.weights import Weights

log = logging.getLogger("heddle.weights")

_KEEPS = {
    "normalvram": Keeps.AS_FITS,
    "gpu-only": Keeps.WHOLE,
    "highvram": Keeps.WHOLE,
    "lowvram": Keeps.HALF,
    "novram": Keeps.NOTHING,
}


def ledger_for(device: torch.device, memory: MemorySettings, estimates: Path | None = None) -> Weights:
    """A ledger of this device, or of the one that is to be pretended, as it was asked for.

    Args:
        estimates: the file in which is kept what runs took; None = it is not kept.
    Raises: SettingsError, if a card is to be left less than nothing.
    """
    accelerator = _accelerator(device, memory)
    if accelerator is None and (memory.device_limit_bytes is not None or memory.reserve_bytes):
        log.warning("--vram-limit and --reserve-vram say nothing here: there is no graphics card; --ram-limit would")
    return Weights(
        device,
        limit_bytes=memory.main_limit_bytes,
        accelerator=accelerator,
        keeps=_KEEPS[memory.mode],
        keeps_unused=memory.keeps_unused and memory.mode != "lowvram",
        maps_files=memory.maps_files,
        formats=NumberFormats.from_settings(memory),
        vae_on_cpu=memory.vae_on_cpu,
        estimates=Estimates(estimates),
    )


def _accelerator(device: torch.device, memory: MemorySettings) -> Accelerator | None:
    limit, reserve = memory.device_limit_bytes, memory.reserve_bytes
    if memory.pretended_bytes is None:
        return accelerator_for(device, limit_bytes=limit, reserve_bytes=reserve)
    size = min(memory.pretended_bytes - reserve, limit or memory.pretended_bytes)
    if size <= 0:
        raise SettingsError("--reserve-vram leaves nothing of --pretend-device; make that larger")
    return PretendedAccelerator(size)
