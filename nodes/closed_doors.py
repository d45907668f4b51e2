"""Doors that packs know and that lead nowhere yet: they open to whoever imports, and say what is missing when used.

Packs import at their top what only some of their nodes need. Where that would fail, all of their nodes were lost. What
stands here can be imported, named in annotations, inherited from and tested against (nothing is ever an instance of
it). Calling it, or reading a value from it, raises `ClosedDoor`. Only names that packs have known for years are here:
those that they try to import in order to find out what an engine can do are still not found.
"""

from __future__ import annotations

import logging
import sys
from abc import ABCMeta
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from heddle.graph.errors import HeddleError

log = logging.getLogger(__name__)

_MODULES = (
    "checkpoint_pickle clip_model clip_vision conds context_windows controlnet diffusers_convert diffusers_load float "
    "gligen hooks latent_formats lora lora_convert model_base model_detection model_patcher model_sampling ops "
    "patcher_extension pixel_space_convert rmsnorm sample sampler_helpers sd sd1_clip sdxl_clip supported_models "
    "supported_models_base"
)
_PACKAGES = (
    "audio_encoders cldm extra_samplers image_encoders k_diffusion ldm t2i_adapter taesd text_encoders weight_adapter"
)

#: Modules without anything behind them, and packages of such modules.
MODULES = frozenset(f"comfy.{name}" for name in _MODULES.split()) | {"comfy_execution.caching"}
PACKAGES = frozenset(f"comfy.{name}" for name in _PACKAGES.split()) | {"comfy_extras.chainner_models"}

#: Names without anything behind them in doors that are open.
NAMES = {
    module: frozenset(names.split())
    for module, names in {
        "comfy_execution.graph": "ExecutionList TopologicalSort",
        "comfy_execution.progress": (
            "CLIProgressHandler NodeProgressState ProgressHandler WebUIProgressHandler add_progress_handler "
            "reset_progress_state"
        ),
        "comfy.model_management": (
            "LoadedModel archive_model_dtypes cast_to cast_to_gpu controlnet_device get_offload_stream "
            "load_model_gpu load_models_gpu lora_compute_dtype pick_weight_dtype resolve_lowvram_weight set_vram_to "
            "should_free_memory sync_stream unet_manual_cast unload_model_clones use_more_memory"
        ),
        "comfy.samplers": (
            "CFGGuider KSAMPLER KSamplerX0Inpaint Sampler calc_cond_batch calculate_sigmas cfg_function convert_cond "
            "get_area_and_mult ksampler process_conds sample sampler_object sampling_function"
        ),
        "comfy.utils": (
            "clip_text_transformers_convert convert_sd_to flux_to_diffusers reshape_mask "
            "safetensors_header transformers_convert unet_to_diffusers "
            "upscale_dit_mask"
        ),
        "latent_preview": "Latent2RGBPreviewer LatentPreviewer TAESDPreviewerImpl preview_to_image",
        "nodes": "",
    }.items()
}


class ClosedDoor(HeddleError, NotImplementedError):
    """A pack needs what nothing here answers for yet."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name}: packs know this name, but there is nothing behind it here yet; use a built-in node for this step"
        )
        self.name = name


class _Name(ABCMeta):
    """The class of all names behind closed doors. They are classes themselves, as that may be named most freely."""

    def __call__(cls, /, *_: Any, **__: Any) -> NoReturn:
        raise ClosedDoor(closed_base(cls) or cls.__qualname__)

    def __iter__(cls) -> Iterator[Any]:
        raise ClosedDoor(closed_base(cls) or cls.__qualname__)

    def __getitem__(cls, _: Any) -> NoReturn:
        raise ClosedDoor(closed_base(cls) or cls.__qualname__)

    def __getattr__(cls, name: str) -> Any:
        own = cls.__dict__.get("closed_door")
        if own is None or name.startswith("__"):  # what a pack's own class lacks is not ours to answer for
            raise AttributeError(f"{cls.__qualname__} has no attribute {name!r}")
        return _made(f"{own}.{name}")

    def __setattr__(cls, name: str, value: Any) -> None:
        if "closed_door" in cls.__dict__ and not name.startswith("_"):
            _say_in_vain(f"{cls.__dict__['closed_door']}.{name}")
        super().__setattr__(name, value)


@cache
def _made(name: str) -> Any:
    """What stands for a name, the same each time: packs use classes as keys."""
    module, _, last = name.rpartition(".")
    return _Name(last, (), {"closed_door": name, "__module__": module})


def closed_base(cls: Any) -> str | None:
    """The name behind a closed door that a class is built on, if it is built on one."""
    bases = cls.__mro__ if isinstance(cls, type) else ()
    return next((each.__dict__["closed_door"] for each in bases if "closed_door" in each.__dict__), None)


def behind(module: str, name: str) -> Any:
    """What stands for a name of a door that is open.

    Raises: AttributeError, for a name that packs cannot count on.
    """
    if name in NAMES[module]:
        return _made(f"{module}.{name}")
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return _made(f"{self.__name__}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__") and not isinstance(value, ModuleType):
            _say_in_vain(f"{self.__name__}.{name}")
        super().__setattr__(name, value)


def _say_in_vain(name: str) -> None:
    log.warning("a pack replaces %s, which has no effect: there is nothing behind that name here yet", name)


class ClosedDoors(MetaPathFinder, Loader):
    """Finds the modules behind which there is nothing."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        is_package = any(fullname == each or fullname.startswith(each + ".") for each in PACKAGES)
        if is_package or fullname in MODULES or fullname.startswith("comfy_extras.nodes_"):
            return ModuleSpec(fullname, self, is_package=is_package)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing in it."""


def hang_in() -> None:
    """Let packs import closed doors. Modules that are there are found first."""
    if not any(isinstance(each, ClosedDoors) for each in sys.meta_path):
        sys.meta_path.append(ClosedDoors())
