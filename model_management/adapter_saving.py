"""Differences between models written as adapter files, which `adapter_files.py` reads again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from heddle.adapters.extraction import low_rank_shapes, nearest_low_rank
from model_management.handles import Clip, Model
from model_management.saving import safetensors_pieces
from model_management.stored_net import StoredNet
from model_management.weight_patches import WeightPatch, open_patches

Kind: TypeAlias = Literal["standard", "full_diff"]
_DTYPE = "F16"


@dataclass(frozen=True)
class _Difference:
    """A net whose weights are differences, and what its layers are called in the file."""

    stored: StoredNet
    patches: tuple[WeightPatch, ...]
    prefix: str


def adapter_pieces(
    model: Model | None, clip: Clip | None, rank: int, kind: Kind, with_biases: bool, metadata: Mapping[str, str]
) -> Iterator[bytes]:
    """The bytes of an adapter file that adds these differences, made one layer at a time.

    Args:
        model, clip: their weights are the differences, as the merging nodes' subtraction makes them.
        kind: "standard" writes the nearest product of the given rank, "full_diff" the differences themselves.
        with_biases: whether biases and norms are written too, which have no rank.
    Raises: WeightsError, while they are made, if a file that weights come from cannot be read.
    """
    nets = [] if model is None else [_Difference(model.stored, model.weight_patches, "diffusion_model.")]
    for each in () if clip is None else clip.encoders:
        name = f"text_encoders.clip_{each.part.name}.transformer."
        nets.append(_Difference(each.stored, each.weight_patches, name))
    planned = [(net, name, _plan(net, name, rank, kind, with_biases)) for net in nets for name in net.stored.shapes]
    entries = [(key, _DTYPE, shape) for _net, _name, plan in planned for key, shape in plan]
    return safetensors_pieces(entries, _tensors(nets, rank, kind, with_biases), metadata)


def _plan(net: _Difference, name: str, rank: int, kind: Kind, with_biases: bool) -> list[tuple[str, tuple[int, ...]]]:
    """The keys and shapes that one weight becomes."""
    layer, _, last = name.rpartition(".")
    shape = net.stored.shapes[name]
    start = f"{net.prefix}{layer}"
    if last == "weight" and kind == "standard" and len(shape) > 1:
        up, down = low_rank_shapes(shape, rank)
        return [(f"{start}.lora_up.weight", up), (f"{start}.lora_down.weight", down)]
    if last == "weight" and (with_biases or len(shape) > 1):
        return [(f"{start}.diff", shape)]
    if last == "bias" and with_biases:
        return [(f"{start}.diff_b", shape)]
    return []


def _tensors(nets: list[_Difference], rank: int, kind: Kind, with_biases: bool) -> Iterator[Tensor]:
    for net in nets:
        with net.stored.open() as read, open_patches(net.patches) as change:
            for name in net.stored.shapes:
                plan = _plan(net, name, rank, kind, with_biases)
                if not plan:
                    continue
                difference = change(name, read(name))
                parts = nearest_low_rank(difference, rank) if len(plan) > 1 else (difference,)
                yield from (part.to(torch.float16) for part in parts)
