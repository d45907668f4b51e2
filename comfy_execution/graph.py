"""What packs find in `comfy_execution.graph`."""

from __future__ import annotations

from typing import Any

from heddle.graph.dynamic_prompt import DynamicPrompt as DynamicPrompt
from heddle.graph.dynamic_prompt import NodeNotFoundError as NodeNotFoundError
from heddle.graph.results import ExecutionBlocker as ExecutionBlocker
from heddle.graph.workflow import is_link as is_link
from nodes.closed_doors import behind


class NodeInputError(Exception):
    """An input of a node leads nowhere."""


class DependencyCycleError(Exception):
    """Nodes wait for each other in a circle."""


def get_input_info(
    class_def: Any, input_name: str, valid_inputs: Any = None
) -> tuple[str, str, dict[str, Any]] | tuple[None, None, None]:
    """Type, section and options of an input of a classic class; three times None, if it has none of this name."""
    sections = class_def.INPUT_TYPES() if valid_inputs is None else valid_inputs
    for section in ("required", "optional", "hidden"):
        entries = sections.get(section) or {}
        if input_name in entries:
            entry = entries[input_name]
            parts = list(entry) if isinstance(entry, (list, tuple)) else [entry]
            return parts[0], section, parts[1] if len(parts) > 1 else {}
    return None, None, None


def __getattr__(name: str) -> Any:
    return behind("comfy_execution.graph", name)
