"""Upscalers and restorers of pictures: their files, told and built by spandrel, which knows some forty architectures.

spandrel is given tables of tensors that our own reader made, and no file: nothing of a file is executed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.ops import Ops
from heddle.numerics.torchvision_door import import_torchvision
from model_management.family import NetPart, describe_names
from model_management.header import Header, read_header
from model_management.stored_net import OnPart, StoredNet, ignore_parts
from model_management.tensor_reading import DTYPES, OpenTensors, open_tensors
from model_management.weight_patches import WeightPatch

#: Where a training's file has averages of the weights, which its authors use, beside the weights.
AVERAGES = ("params_ema.", "params-ema.")


@dataclass(frozen=True)
class UpscalerConfig:
    """What is known of a net once it was built.

    architecture: spandrel's name for it.
    purpose: "SR", "FaceSR", "Restoration" or "Inpainting"; the last takes a mask beside the picture.
    scale: how many pixels a side of one pixel becomes.
    has_half: it computes in float16 as well.
    tiling: whether it sees enough in a tile ("SUPPORTED", "DISCOURAGED"), or is to have the whole ("INTERNAL").
    least_px, step_px: sides are padded by spandrel to be at least so long, and a multiple.
    """

    architecture: str
    purpose: str
    scale: int
    input_channels: int
    output_channels: int
    has_half: bool
    tiling: str
    least_px: int
    step_px: int

    @property
    def takes_mask(self) -> bool:
        return self.purpose == "Inpainting"


class Upscaler(nn.Module):
    """A net of spandrel's, called as spandrel calls it: padded to what it asks for, cut again, 0..1."""

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.net: nn.Module = descriptor.model
        self._descriptor = descriptor

    def forward(self, *pictures: Tensor) -> Tensor:
        """[1, C, H, W], and of a net that fills in also its mask [1, 1, H, W], to [1, C', H * scale, W * scale]."""
        return self._descriptor(*pictures)


@dataclass(frozen=True)
class SpandrelNet(StoredNet):
    """A net that spandrel builds from all tensors of a file. Its tensors' names are those of the file."""

    @property
    def is_lendable(self) -> bool:
        return False  # spandrel's layers know nothing of lending

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: entry.shape for name, entry in self.header.tensors.items()}

    def load(self, device: torch.device, dtype: torch.dtype, on_part: OnPart = ignore_parts) -> nn.Module:
        total_bytes = self.numel * dtype.itemsize
        with torch.inference_mode(False), torch.no_grad(), open_tensors(self.header) as tensors:
            descriptor = _built(self.header, tensors)
            descriptor.model.requires_grad_(False).eval().to(device, dtype)
        on_part(total_bytes, total_bytes)
        return Upscaler(descriptor).eval()


@dataclass(frozen=True)
class UpscaleModel:
    """A net that makes pictures larger, or mends them. Held, it gives an `Upscaler`."""

    stored: StoredNet
    config: UpscalerConfig
    weight_patches: tuple[WeightPatch, ...] = ()

    @property
    def scale(self) -> int:
        return self.config.scale

    def computing_in(self, dtype: torch.dtype) -> UpscaleModel:
        return replace(self, stored=replace(self.stored, dtype=dtype))


def open_upscale_model(path: Path | str) -> UpscaleModel:
    """The handle of an upscaler or restorer. Its net is built once, since only then it is seen that all of it fits.

    Raises: WeightsError, if the file is missing, damaged, or nothing that spandrel knows.
    """
    header = read_header(path)
    if averages := next((prefix for prefix in AVERAGES if header.has_prefix(prefix)), None):
        header = header.below(averages)
    strange = next((name for name, entry in header.tensors.items() if entry.dtype not in DTYPES), None)
    if strange is not None:
        words = "{file}: {key} is stored as {dtype}, which upscalers do not have; choose another file"
        dtype = header.tensors[strange].dtype
        raise WeightsError(say(words, file=header.path.name, key=strange, dtype=dtype))
    with torch.inference_mode(False), torch.no_grad(), open_tensors(header) as tensors:
        config = _config_of(_built(header, tensors))
    return UpscaleModel(SpandrelNet("upscaler", header, _SPANDREL, config), config)


def _by_spandrel(config: UpscalerConfig, ops: Ops) -> nn.Module:
    raise NotImplementedError("spandrel builds it from the tensors themselves")


_SPANDREL = NetPart("", lambda header, prefix: None, _by_spandrel)


def _built(header: Header, tensors: OpenTensors) -> Any:
    """spandrel's descriptor of the net with the file's tensors copied into it. Raises: WeightsError."""
    spandrel = _import_spandrel()
    state = {name: tensors.get_tensor(name) for name in header.tensors}
    try:
        with torch.random.fork_rng(devices=[]):  # a new net draws weights, and nobody's noise is to change by that
            return spandrel.MAIN_REGISTRY.load(state)
    except spandrel.UnsupportedModelError:
        words = "{file} holds no upscaler known here: found were {names}; choose another file"
        raise WeightsError(say(words, file=header.path.name, names=describe_names(header)), file=header.path) from None
    except Exception as problem:  # whatever some forty architectures raise at tensors that do not belong together
        words = (
            "{file}: its tensors make no net of those that its names speak of ({why}); the file is damaged or of "
            "another kind: choose another"
        )
        why = " ".join(str(problem).split()) or type(problem).__name__
        raise WeightsError(say(words, file=header.path.name, why=why), file=header.path) from problem


def _config_of(descriptor: Any) -> UpscalerConfig:
    return UpscalerConfig(
        architecture=str(descriptor.architecture.id),
        purpose=descriptor.purpose,
        scale=descriptor.scale,
        input_channels=descriptor.input_channels,
        output_channels=descriptor.output_channels,
        has_half=descriptor.supports_half,
        tiling=descriptor.tiling.name,
        least_px=descriptor.size_requirements.minimum,
        step_px=descriptor.size_requirements.multiple_of,
    )


def _import_spandrel() -> ModuleType:
    """spandrel, imported when first needed: it is heavy, and most work goes without it."""
    import_torchvision()
    import spandrel

    return spandrel
