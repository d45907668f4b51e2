"""Which device to compute on, and what clients are told of it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from typing import Any

import psutil
import torch

from heddle.graph.errors import SettingsError
from heddle.samplers.behaviour import BEHAVIOUR
from heddle.samplers.noise_sources import DEFAULT
from heddle.settings.options import HEDDLE_VERSION
from model_management.accelerators.accelerator import Accelerator
from model_management.accelerators.pretended import PretendedAccelerator


def choose_device(*, cpu_only: bool) -> torch.device:
    """The first accelerator that torch can use, else the CPU.

    Raises: SettingsError, if torch finds an accelerator but cannot start it.
    """
    if cpu_only:
        return torch.device("cpu")
    try:
        if torch.cuda.is_available():
            torch.cuda.current_device()  # starts the driver: a card that is there but broken says so here
            return torch.device("cuda", 0)
        if hasattr(torch, "xpu") and torch.xpu.is_available():
            return torch.device("xpu", 0)
        if torch.backends.mps.is_available():
            return torch.device("mps")
    except RuntimeError as error:
        raise SettingsError(
            f"the graphics card cannot be used ({error}); mend its driver, or start with --cpu"
        ) from error
    return torch.device("cpu")


def describe_devices(device: torch.device, accelerator: Accelerator | None = None) -> dict[str, Any]:
    """The device and the versions around it, as GET /system_stats shows them. Sizes in bytes."""
    return {
        "python": sys.version,
        "torch": torch.__version__,
        "os": platform.system().lower(),
        "devices": [_describe(device, accelerator)],
    }


def surroundings(device: torch.device) -> str:
    """What the numbers of a result depend on besides its inputs: the version of torch and the kind of device."""
    return f"torch {torch.__version__}, {_kind_of(device)}"


def about_house(device: torch.device, attention: str, formats: Mapping[str, str]) -> dict[str, Any]:
    """What of this house decides how results come out, by the keys of a capsule (`heddle.graph.capsule`)."""
    return {
        "heddle": HEDDLE_VERSION,
        "samplers": BEHAVIOUR,
        "noise": f"{DEFAULT}, drawn on the CPU",
        "torch": torch.__version__,
        "device": _kind_of(device),
        "attention": attention,
        "formats": dict(formats),
    }


def _kind_of(device: torch.device) -> str:
    return f"{device.type} {torch.cuda.get_device_name(device) if device.type == 'cuda' else platform.machine()}"


def free_memory() -> int:
    """Bytes of main memory that programs can still have."""
    return psutil.virtual_memory().available


def _describe(device: torch.device, accelerator: Accelerator | None) -> dict[str, Any]:
    name, reserved, reserved_free = str(device), 0, 0
    if isinstance(accelerator, PretendedAccelerator):
        name, total = accelerator.memory()["name"], accelerator.size_bytes
        free = total - accelerator.used_bytes()
    elif device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        name = f"{device} {torch.cuda.get_device_name(device)}"
        reserved = torch.cuda.memory_reserved(device)
        reserved_free = reserved - torch.cuda.memory_allocated(device)
    else:
        memory = psutil.virtual_memory()
        free, total = memory.available, memory.total
    return {
        "name": name,
        "type": device.type,
        "index": device.index,
        "vram_total": total,
        "vram_free": free + reserved_free,
        "torch_vram_total": reserved or total,
        "torch_vram_free": reserved_free or free,
    }
