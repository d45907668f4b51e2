"""Values of wires as files: tensors in the safetensors layout, what lies around them as JSON in its header.

Only what can be written down is: tensors, numbers, texts, lists, tuples and dictionaries of these. A handle of a model
or an object of a pack is not, and nothing that is read back is ever run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from heddle.graph.errors import FileProblem
from heddle.graph.said import say

_STRUCTURE = "heddle.value"


def to_bytes(value: Any) -> bytes | None:
    """The file that holds a value, or None if some part of it cannot be written down."""
    tensors: dict[str, torch.Tensor] = {}
    try:
        structure = json.dumps(_take_apart(value, tensors))
    except (_NotStorable, RecursionError):
        return None
    if not tensors:  # the layout wants one
        tensors["nothing"] = torch.zeros(0)
    return save(tensors, {_STRUCTURE: structure})


def read_value(path: Path) -> Any:
    """The value of a file that `to_bytes` made; its tensors lie in main memory.

    Raises: FileProblem, if the file is cut short or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            structure = json.loads((file.metadata() or {})[_STRUCTURE])
            return _put_together(structure, file)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise FileProblem(
            say("{path}: not a stored value ({kind}: {why})", path=path, kind=type(error).__name__, why=error),
            path=path,
        ) from error


class _NotStorable(Exception):
    pass


def _take_apart(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """`value` as JSON: lists stand for themselves, everything with a kind of its own is `{kind: ...}`."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [_take_apart(each, tensors) for each in value]
    if kind is tuple:
        return {"tuple": [_take_apart(each, tensors) for each in value]}
    if kind is dict and all(type(key) is str for key in value):
        return {"dict": {key: _take_apart(each, tensors) for key, each in value.items()}}
    if kind is torch.Tensor and value.layout is torch.strided and not value.requires_grad and not value.is_meta:
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    raise _NotStorable


def _put_together(structure: Any, file: Any) -> Any:
    if isinstance(structure, list):
        return [_put_together(each, file) for each in structure]
    if not isinstance(structure, Mapping):
        return structure
    ((kind, inner),) = structure.items()
    match kind:
        case "tuple":
            return tuple(_put_together(each, file) for each in inner)
        case "dict":
            return {key: _put_together(each, file) for key, each in inner.items()}
        case "tensor":
            return file.get_tensor(inner)
    raise ValueError(f"unknown kind {kind!r}")
