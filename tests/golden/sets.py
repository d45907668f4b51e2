"""Reading a golden set: its cases and their tensors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor


class BadSet(Exception):
    """A file that is no golden set, or a damaged one."""


@dataclass(frozen=True)
class Case:
    """One thing to compute again.

    Attributes:
        inputs: everything that is needed for it.
        tensors: output name -> key of its tensor.
        shapes: output name -> its shape.
        values: outputs that are no tensors, and facts about the case (atol, ..._stats, ..._slice).
        flag: why the numbers are not demanded, or None.
    """

    id: str
    inputs: dict[str, Any]
    tensors: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, list[int]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    flag: str | None = None


class GoldenSet:
    """`NAME.json` with the tensors beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        try:
            content = json.loads(path.read_text("utf-8"))
            self.about: dict[str, Any] = content.get("about", {})
            self.tolerance: dict[str, str] = content.get("tolerance", {})
            self.cases = [_case(name, case) for name, case in content["cases"].items()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadSet(f"{path.name} is no golden set: {type(error).__name__}: {error}") from error
        # Pieces of prompts with their weights stand beside the cases; here each prompt is one.
        for number, result in enumerate(content.get("weight_parser", {}).get("results", [])):
            inputs, values = {"weights_of": result["prompt"]}, {"segments": result["segments"]}
            self.cases.append(Case(f"weight_parser.{number}", inputs, values=values))
        self.tensor_path = path.with_name(content.get("tensor_file") or f"{self.name}.safetensors")
        self._tensors: dict[str, Tensor] | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the set by its key; none if the set has no tensor file."""
        if self._tensors is None:
            self._tensors = {}
            if self.tensor_path.is_file():
                with safe_open(self.tensor_path, "pt") as file:
                    self._tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        return self._tensors

    def case(self, case_id: str) -> Case | None:
        return next((case for case in self.cases if case.id == case_id), None)


def _case(case_id: str, content: dict[str, Any]) -> Case:
    tensors = content.get("tensors", {})
    values = content.get("values", {})
    flag = content.get("flag")
    if flag is None and "error" in values:
        flag = f"the reference raised {values['error']}"
    return Case(
        case_id,
        content["inputs"],
        {name: tensor["key"] for name, tensor in tensors.items()},
        {name: tensor["shape"] for name, tensor in tensors.items()},
        values,
        flag,
    )
