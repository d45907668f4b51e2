"""From a file to the handle of a control net, in each of the layouts that they are published in.

Layouts: the authors' own (`control_model.`, or bare), also with the differences from a model instead of weights, and
that of the diffusers library. Sources: the headers of the published files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from heddle.graph.errors import WeightsError
from heddle.networks.control import ControlNet as ControlNetwork
from model_management.checkpoint import stored_net
from model_management.control import ControlNet
from model_management.family import NetPart, describe_names
from model_management.handles import Model
from model_management.header import Header, read_header
from model_management.net_sizes import control_config
from model_management.stored_net import OnPart, StoredNet, ignore_parts
from model_management.tensor_reading import open_tensors

ROLE = "control"

#: A tensor that only files of differences have.
DIFFERENCE = "difference"

#: Control nets that were trained with pooled residuals do not say so but in their published names.
POOLED = re.compile(r"_shuffle(_fp16)?$")

_RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ELSEWHERE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "controlnet_mid_block": "middle_block_out.0",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
}


def open_control_net(path: Path | str, model: Model | None = None) -> ControlNet:
    """The handle of a control net.

    Args:
        model: what a file of differences differs from; its own weights count, not what was put into it.
    Raises: WeightsError, if the file is missing, damaged, no control net, or one of differences and no model is given.
    """
    header = read_header(path)
    prefix = next((each for each in ("control_model.", "") if f"{each}zero_convs.0.0.weight" in header), None)
    if prefix is None and "controlnet_down_blocks.0.weight" in header:
        header, prefix = header.renamed(diffusers_names(header)), ""
    if prefix is None:
        raise WeightsError(
            f"{header.path.name} holds no control net known here: zero_convs (bare or behind control_model.) or "
            f"controlnet_down_blocks are wanted, but found were {describe_names(header)}; choose another file",
            file=header.path,
        )
    stored = stored_net(ROLE, header, NetPart(prefix, control_config, ControlNetwork))
    if DIFFERENCE in header:
        if model is None:
            raise WeightsError(
                f"{header.path.name} holds only what is to be added to a model's weights; "
                "load it with Load ControlNet Model (diff), which takes that model",
                file=header.path,
            )
        stored = DifferenceNet(stored.role, stored.header, stored.part, stored.config, model.stored)
        stored.check_base()
    return ControlNet(stored, stored.config, is_pooled=POOLED.search(header.path.stem) is not None)


@dataclass(frozen=True)
class DifferenceNet(StoredNet):
    """A net whose file says how it differs from another; what the other does not have is whole in the file."""

    base: StoredNet

    @property
    def key(self) -> tuple[object, ...]:
        return (*super().key, *self.base.key)

    @property
    def shared(self) -> list[str]:
        """The names of weights that the base has, too."""
        return [name for name in self.shapes if name in self.base.shapes]

    def check_base(self) -> None:
        """Raises: WeightsError, if the base has other sizes."""
        for name in self.shared:
            if self.shapes[name] != self.base.shapes[name]:
                raise WeightsError(
                    f"{self.header.path.name} holds differences from another kind of model: {name} has shape "
                    f"{list(self.shapes[name])}, but {list(self.base.shapes[name])} in {self.base.header.path.name}; "
                    "connect a model of the family that the control net was made for",
                    file=self.header.path,
                    key=name,
                )

    def load(self, device: torch.device, dtype: torch.dtype, on_part: OnPart = ignore_parts) -> nn.Module:
        net = super().load(device, dtype, on_part)
        with open_tensors(self.base.header) as tensors, torch.inference_mode(False), torch.no_grad():
            for name in self.shared:
                whole = tensors.get_tensor(self.base.key_of(name))
                net.get_parameter(name).add_(whole.to(device, dtype))
        return net


def diffusers_names(header: Header) -> dict[str, str]:
    """From the diffusers library's names to the authors'. Names that are no control net's are left out."""
    blocks = _count(header, r"down_blocks\.0\.resnets\.(\d+)\.")
    halves = _count(header, r"controlnet_cond_embedding\.blocks\.(\d+)\.")
    names: dict[str, str] = {}
    for old in header.tensors:
        module, _, kind = old.rpartition(".")
        new = _module_name(module, blocks, halves)
        if new is not None:
            names[old] = f"{new}.{kind}"
    return names


def _module_name(module: str, blocks: int, halves: int) -> str | None:
    if module in _ELSEWHERE:
        return _ELSEWHERE[module]
    if module == "controlnet_cond_embedding.conv_out":
        return f"input_hint_block.{2 * (halves + 1)}"
    if found := re.fullmatch(r"controlnet_cond_embedding\.blocks\.(\d+)", module):
        return f"input_hint_block.{2 * (int(found[1]) + 1)}"
    if found := re.fullmatch(r"controlnet_down_blocks\.(\d+)", module):
        return f"zero_convs.{found[1]}.0"
    if found := re.fullmatch(r"down_blocks\.(\d+)\.downsamplers\.0\.conv", module):
        return f"input_blocks.{(int(found[1]) + 1) * (blocks + 1)}.0.op"
    if found := re.fullmatch(r"down_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", module):
        stage = f"input_blocks.{1 + int(found[1]) * (blocks + 1) + int(found[3])}"
        return _layer_name(stage, found[2], 0, found[4])
    if found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", module):
        return _layer_name("middle_block", found[1], 2 * int(found[2]), found[3])
    return None


def _layer_name(stage: str, kind: str, place: int, rest: str) -> str | None:
    if kind == "attentions":
        return f"{stage}.1.{rest}"
    return f"{stage}.{place}.{_RESIDUAL[rest]}" if rest in _RESIDUAL else None


def _count(header: Header, pattern: str) -> int:
    """One more than the largest number that stands in names at the pattern's group."""
    found = [int(match[1]) for match in (re.match(pattern, name) for name in header.tensors) if match]
    return max(found, default=-1) + 1
