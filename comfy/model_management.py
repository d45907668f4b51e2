"""What packs find in `comfy.model_management`: devices, number formats, free memory, and the wish to stop.

Which weights stay is decided by the ledger alone (`model_management.weights`); what packs ask for here is answered
from it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from enum import Enum
from typing import Any

import psutil
import torch

from heddle.graph.errors import Cancelled, OutOfMemory
from heddle.graph.running import current_context, worker_side
from heddle.settings.current import current_settings
from model_management.current import current_weights
from nodes.closed_doors import behind

#: Raised where the person asked to stop. It is the house's own, so that catching either catches both.
InterruptProcessingException = Cancelled
OOM_EXCEPTION = (torch.cuda.OutOfMemoryError, OutOfMemory)


class VRAMState(Enum):
    """How other engines tell apart the sizes of a device's memory."""

    DISABLED = 0
    NO_VRAM = 1
    LOW_VRAM = 2
    NORMAL_VRAM = 3
    HIGH_VRAM = 4
    SHARED = 5


_STATES = {
    "gpu-only": VRAMState.HIGH_VRAM,
    "highvram": VRAMState.HIGH_VRAM,
    "lowvram": VRAMState.LOW_VRAM,
    "novram": VRAMState.NO_VRAM,
}


class CPUState(Enum):
    """The kinds of device."""

    GPU = 0
    CPU = 1
    MPS = 2


def __getattr__(name: str) -> Any:
    """What other engines keep in variables, worked out when it is asked for: importing asks no device."""
    kind = get_torch_device().type if name in ("vram_state", "cpu_state", "total_vram", "xpu_available") else ""
    match name:
        case "vram_state":
            mode = current_settings().memory.mode
            return VRAMState.DISABLED if kind == "cpu" else _STATES.get(mode, VRAMState.NORMAL_VRAM)
        case "cpu_state":
            return {"cpu": CPUState.CPU, "mps": CPUState.MPS}.get(kind, CPUState.GPU)
        case "total_vram":
            return get_total_memory() / (1 << 20)
        case "total_ram":
            return psutil.virtual_memory().total / (1 << 20)
        case "xpu_available":
            return kind == "xpu"
        case "XFORMERS_IS_AVAILABLE" | "XFORMERS_ENABLED_VAE" | "lowvram_available" | "directml_enabled":
            return False
        case "DISABLE_SMART_MEMORY":
            return not current_settings().memory.keeps_unused
        case "FORCE_FP32" | "FORCE_FP16":
            return current_settings().memory.force == f"float{name[-2:]}"
        case "ALLOW_SHARED":
            return False
        case "ENABLE_PYTORCH_ATTENTION":
            return True
        case "EXTRA_RESERVED_VRAM":
            return extra_reserved_memory()
        case "WINDOWS":
            return sys.platform == "win32"
        case "current_loaded_models":
            return [file for file, _, _ in current_weights().residents]
    return behind("comfy.model_management", name)


# Devices


def get_torch_device() -> torch.device:
    """The device that this worker computes on."""
    return current_weights().device


def get_torch_device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    return str(device)


def is_device_type(device: Any, type: str) -> bool:
    return getattr(device, "type", str(device)) == type


def is_device_cpu(device: Any) -> bool:
    return is_device_type(device, "cpu")


def is_device_mps(device: Any) -> bool:
    return is_device_type(device, "mps")


def is_device_cuda(device: Any) -> bool:
    return is_device_type(device, "cuda")


def is_device_xpu(device: Any) -> bool:
    return is_device_type(device, "xpu")


def cpu_mode() -> bool:
    return is_device_cpu(get_torch_device())


def mps_mode() -> bool:
    return is_device_mps(get_torch_device())


def is_nvidia() -> bool:
    return is_device_cuda(get_torch_device()) and bool(torch.version.cuda)


def is_amd() -> bool:
    return is_device_cuda(get_torch_device()) and bool(getattr(torch.version, "hip", None))


def is_intel_xpu() -> bool:
    return is_device_xpu(get_torch_device())


def is_directml_enabled() -> bool:
    return False


def get_autocast_device(device: Any) -> str:
    return getattr(device, "type", "cuda")


def text_encoder_device() -> torch.device:
    return get_torch_device()


def text_encoder_offload_device() -> torch.device:
    return torch.device("cpu")


def text_encoder_initial_device(load_device: torch.device, offload_device: torch.device, model_size: int = 0) -> Any:
    return offload_device


def vae_device() -> torch.device:
    return get_torch_device()


def vae_offload_device() -> torch.device:
    return torch.device("cpu")


def unet_offload_device() -> torch.device:
    return torch.device("cpu")


def unet_inital_load_device(parameters: int, dtype: torch.dtype) -> torch.device:
    """The name is misspelt where packs know it from."""
    return torch.device("cpu")


def intermediate_device() -> torch.device:
    """Where values lie on the wires between nodes."""
    return torch.device("cpu")


def maximum_vram_for_weights(device: Any = None) -> float:
    return get_total_memory(device) * 0.88


# Number formats


def should_use_fp16(
    device: Any = None, model_params: int = 0, prioritize_performance: bool = True, manual_cast: bool = False
) -> bool:
    """True where halves are fast: not on a CPU."""
    return not is_device_cpu(device if device is not None else get_torch_device())


def should_use_bf16(
    device: Any = None, model_params: int = 0, prioritize_performance: bool = True, manual_cast: bool = False
) -> bool:
    device = device if device is not None else get_torch_device()
    if is_device_cuda(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return is_device_xpu(device)


def supports_dtype(device: Any, dtype: torch.dtype) -> bool:
    """Whether a device computes in a format at a fair pace."""
    return dtype == torch.float32 or (not is_device_cpu(device) and dtype in (torch.float16, torch.bfloat16))


def supports_cast(device: Any, dtype: torch.dtype) -> bool:
    return dtype in (torch.float32, torch.float16, torch.bfloat16) or dtype in _FLOAT8


def supports_fp8_compute(device: Any = None) -> bool:
    return False


def unet_dtype(device: Any = None, model_params: int = 0, supported_dtypes: Any = None, **_: Any) -> torch.dtype:
    supported = tuple(supported_dtypes or (torch.float16, torch.bfloat16, torch.float32))
    if torch.float16 in supported and should_use_fp16(device):
        return torch.float16
    if torch.bfloat16 in supported and should_use_bf16(device):
        return torch.bfloat16
    return torch.float32


def text_encoder_dtype(device: Any = None) -> torch.dtype:
    return torch.float32 if is_device_cpu(device if device is not None else get_torch_device()) else torch.float16


def vae_dtype(device: Any = None, allowed_dtypes: Iterable[torch.dtype] = ()) -> torch.dtype:
    return torch.bfloat16 if should_use_bf16(device) and torch.bfloat16 in tuple(allowed_dtypes) else torch.float32


def intermediate_dtype() -> torch.dtype:
    return torch.float32


def dtype_size(dtype: torch.dtype) -> int:
    """Bytes of one number."""
    return dtype.itemsize


def module_size(module: torch.nn.Module) -> int:
    """Bytes of a net's weights."""
    return sum(each.nelement() * each.element_size() for each in module.state_dict().values())


def cast_to_device(tensor: torch.Tensor, device: Any, dtype: torch.dtype | None, copy: bool = False) -> torch.Tensor:
    return tensor.to(device=device, dtype=dtype, copy=copy)


def device_supports_non_blocking(device: Any) -> bool:
    return is_device_cuda(device)


def device_should_use_non_blocking(device: Any) -> bool:
    return False


def force_channels_last() -> bool:
    return False


def xformers_enabled() -> bool:
    return False


def xformers_enabled_vae() -> bool:
    return False


def sage_attention_enabled() -> bool:
    return False


def flash_attention_enabled() -> bool:
    return False


def pytorch_attention_enabled() -> bool:
    return True


def pytorch_attention_flash_attention() -> bool:
    """Whether torch's attention may take its flash kernel."""
    return is_nvidia()


# Memory


def get_total_memory(dev: Any = None, torch_total_too: bool = False) -> Any:
    """Bytes of a device's memory; with `torch_total_too` also those that torch holds."""
    device = dev if dev is not None else get_torch_device()
    if is_device_cuda(device):
        total, held = torch.cuda.mem_get_info(device)[1], torch.cuda.memory_reserved(device)
    else:
        total = held = psutil.virtual_memory().total
    return (total, held) if torch_total_too else total


def get_free_memory(dev: Any = None, torch_free_too: bool = False) -> Any:
    """Bytes that are free on a device; with `torch_free_too` also those free inside what torch holds."""
    device = dev if dev is not None else get_torch_device()
    if is_device_cuda(device):
        inside = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + inside
    else:
        free = inside = psutil.virtual_memory().available
    return (free, inside) if torch_free_too else free


def minimum_inference_memory() -> int:
    """Bytes that packs leave free for a run, as they know the figure."""
    return 1 << 30


def extra_reserved_memory() -> int:
    return current_settings().memory.reserve_bytes or 400 << 20


def soft_empty_cache(force: bool = False) -> None:
    """Give memory that torch keeps for more back to the device."""
    device = get_torch_device()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "xpu":
        torch.xpu.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def loaded_models(only_currently_used: bool = False) -> list[Any]:
    """None that a pack could use: handles of nets belong to the ledger."""
    return []


def debug_memory_summary() -> str:
    """What torch says of the device's memory; nothing for a CPU."""
    device = get_torch_device()
    return torch.cuda.memory_summary(device) if is_device_cuda(device) else ""


def free_memory(memory_required: float, device: Any, keep_loaded: Any = (), **_: Any) -> list[Any]:
    """Let go of weights that nobody holds, if less than this is free. The ledger brings them back when needed."""
    if get_free_memory(device) < memory_required:
        unload_all_models()
    return []


def unload_all_models() -> None:
    """Let go of every net that nobody holds."""
    current_weights().release_all()


def cleanup_models() -> None:
    gc.collect()


def cleanup_models_gc() -> None:
    gc.collect()


# The wish to stop


def interrupt_current_processing(value: bool = True) -> None:
    """Ask the job that runs to stop at the next chance."""
    if value:
        worker_side().stop()


def processing_interrupted() -> bool:
    """True if the person asked to stop."""
    try:
        throw_exception_if_processing_interrupted()
    except Cancelled:
        return True
    return False


def throw_exception_if_processing_interrupted() -> None:
    """Raises: InterruptProcessingException, if the person asked to stop."""
    context = current_context.get()
    if context is not None:
        context.check_cancelled()


def raise_non_oom(error: BaseException) -> None:
    """Raise whatever is no lack of memory."""
    if not is_oom(error):
        raise error


def is_oom(error: BaseException) -> bool:
    return isinstance(error, OOM_EXCEPTION)


_FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2)
