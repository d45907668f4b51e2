"""What packs find in `comfy.cli_args`: the options under the names that they know.

Options that Heddle has not, or decides by itself, read as not given.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from heddle.settings.current import current_settings
from heddle.settings.memory import MODES, NORMAL, MemorySettings
from heddle.settings.memory_options import FORMATS


class LatentPreviewMethod(Enum):
    """How pictures are shown while they are made."""

    NoPreviews = "none"
    Auto = "auto"
    Latent2RGB = "latent2rgb"
    TAESD = "taesd"


class PerformanceFeature(Enum):
    """Short cuts that other engines offer; none is on here."""

    Fp16Accumulation = "fp16_accumulation"
    Fp8MatrixMultiplication = "fp8_matrix_mult"
    CublasOps = "cublas_ops"
    AutoTune = "autotune"


def _read(name: str) -> Any:
    settings = current_settings()
    match name:
        case "cpu":
            return settings.cpu
        case "listen":
            return ",".join(settings.listen)
        case "port":
            return settings.port
        case "verbose":
            return settings.log_level
        case "base_directory":
            return str(settings.base_directory)
        case "output_directory" | "input_directory" | "temp_directory" | "user_directory":
            path = getattr(settings, name)
            return None if path is None else str(path)
        case "extra_model_paths_config":
            return [[str(path)] for path in settings.extra_model_paths] or None
        case "disable_all_custom_nodes":
            return settings.no_packs
        case "disable_metadata":
            return settings.no_metadata
        case "whitelist_custom_nodes":
            return list(settings.packs_only)
        case "preview_method":
            return LatentPreviewMethod(settings.preview_method)
        case "preview_size":
            return settings.preview_px
        case "max_upload_size":
            return settings.upload_bytes / 2**20
        case "multi_user":
            return settings.multi_user
        case "front_end_root":
            return None if settings.front_end is None else str(settings.front_end)
        case "fast":
            return set()
    return _read_memory(name, settings.memory)


def _read_memory(name: str, memory: MemorySettings) -> Any:
    if name in _MODES:
        return memory.mode == _MODES[name]
    if name in _FORMATS:
        part, number_format = _FORMATS[name]
        return getattr(memory, f"{part}_format") == number_format
    match name:
        case "reserve_vram":
            return memory.reserve_bytes / 2**30 or None
        case "disable_mmap":
            return not memory.maps_files
        case "disable_smart_memory":
            return not memory.keeps_unused
        case "cpu_vae":
            return memory.vae_on_cpu
        case "force_fp16" | "force_fp32":
            return memory.force == f"float{name[-2:]}"
    return None


_MODES = {mode.replace("-", "_"): mode for mode in MODES if mode != NORMAL}
_FORMATS = {option.lstrip("-").replace("-", "_"): asked for option, asked in FORMATS.items()}


class _Arguments:
    """Reads each option when it is asked for. What a pack sets stays set."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _read(name)


args: Any = _Arguments()


def enables_dynamic_vram() -> bool:
    return False
