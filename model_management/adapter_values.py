"""Adapters that flow along a wire as tensors, as nodes that train them give them, by the names of their files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.media.whole_files import write_new
from model_management.adapter_files import AdapterFile, open_adapter
from model_management.saving import safetensors_pieces
from model_management.tensor_reading import DTYPES

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def adapter_tensors(value: Any) -> dict[str, Tensor]:
    """What a LORA_MODEL wire carries. Raises: GraphError, if it is no table of tensors by their names."""
    tensors = dict(value) if isinstance(value, Mapping) else {}
    if not tensors or not all(isinstance(name, str) and isinstance(each, Tensor) for name, each in tensors.items()):
        found = type(value).__name__ if tensors or not isinstance(value, Mapping) else say("an empty table")
        raise GraphError(
            say(
                "lora: {found} came, but a table of tensors by the names of an adapter file is "
                "wanted; connect a node that trains a LoRA, or use LoraLoader for a file",
                found=found,
            ),
            input_name="lora",
            found=found,
            wanted="tensors by name",
        )
    return tensors


def file_pieces(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """The bytes of an adapter file with these tensors, made one tensor at a time."""
    # The wide ones first, so that each begins at a multiple of its numbers' size.
    named = sorted(tensors.items(), key=lambda item: -item[1].element_size())
    entries = [(name, _NAMES[tensor.dtype], tuple(tensor.shape)) for name, tensor in named]
    return safetensors_pieces(entries, (tensor.detach().cpu() for _name, tensor in named), metadata)


def open_tensors_as_adapter(tensors: Mapping[str, Tensor], folder: Path) -> AdapterFile:
    """An adapter that can be put into models, like one from a file: it is one, in this folder, named by its content.

    Raises: WeightsError, as `open_adapter`; FileProblem, if it cannot be written.
    """
    digest = hashlib.sha256()
    for piece in file_pieces(tensors, {}):
        digest.update(piece)
    path = folder / f"lora_{digest.hexdigest()[:32]}.safetensors"
    if not path.is_file():
        write_new([path], file_pieces(tensors, {}), lasting=False)
    return open_adapter(path)
