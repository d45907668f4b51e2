"""Hypernetworks from their files into models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from heddle.adapters.hypernetwork import Hypernetwork, read_hypernetwork
from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.hooks import AttentionPlace
from heddle.networks.unet import UNetConfig
from model_management.handles import Model
from model_management.patches import AttentionInputPatch
from model_management.tensor_reading import read_torch_content


@dataclass(frozen=True)
class HypernetworkFile:
    path: Path
    nets: Hypernetwork


def open_hypernetwork(path: Path) -> HypernetworkFile:
    """Read a hypernetwork file, which is small, whole.

    Raises: WeightsError, if it is missing, damaged, names code, or is something else.
    """
    content = read_torch_content(path)
    try:
        return HypernetworkFile(path, read_hypernetwork(content))
    except WeightsError as problem:
        raise WeightsError(
            say("{file}: {why}", file=path.name, why=problem.message), file=path, key=problem.key
        ) from problem


def put_hypernetwork(file: HypernetworkFile, model: Model, strength: float) -> tuple[Model, str]:
    """A copy of the model with the hypernetwork in it, and how much of the file the model has a use for, in words.

    Raises: WeightsError, if the model is no UNet, or the file has no net of a width that it has.
    """
    if not isinstance(model.config, UNetConfig):
        raise WeightsError(
            say(
                "{file} is a hypernetwork, which changes what the attention of a UNet reads, but "
                "{family} has none; choose a LoRA",
                file=file.path.name,
                family=model.family.name,
            ),
            file=file.path,
        )
    own = {*model.config.widths, model.config.context_width}
    widths = sorted(file.nets.pairs)
    used = [width for width in widths if width in own]
    if not used:
        raise WeightsError(
            say(
                "{file} has nets of the widths {widths}, but this model has {own}; choose a hypernetwork "
                "that was made for the model's family",
                file=file.path.name,
                widths=_listed(widths),
                own=_listed(sorted(own)),
            ),
            file=file.path,
        )
    report = say(
        "{file}: nets of {used} of {count} widths match ({names})",
        file=file.path.name,
        used=len(used),
        count=len(widths),
        names=_listed(used),
    )
    if not strength:
        return model, report
    nets = file.nets

    def change(place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x, *nets.change(keys_of, values_of, strength)

    return model.with_patch(file.path.name, AttentionInputPatch(change)), report


def _listed(widths: list[int]) -> str:
    return ", ".join(map(str, widths))
