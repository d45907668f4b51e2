"""What `--set NODE.INPUT=VALUE` does to a graph of the API form."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from execution.checks.values import TRUTHS
from heddle.graph.errors import SettingsError
from heddle.graph.spec import NodeSpec
from heddle.graph.workflow import Prompt, title_of
from heddle.settings.values import read_change


def apply_changes(prompt: Prompt, changes: Iterable[str], nodes: Mapping[str, NodeSpec]) -> Prompt:
    """A copy of the graph with the inputs changed that the texts name.

    Raises: SettingsError, if a text names no node, several nodes, or no input.
    """
    changed = {node_id: {**node, "inputs": dict(node.get("inputs") or {})} for node_id, node in prompt.items()}
    titles = Counter(title_of(node) for node in prompt.values())
    by_title = {title_of(node): node_id for node_id, node in prompt.items()}
    for text in changes:
        name, input_name, value = read_change(text, [*prompt, *titles])
        if name not in changed and titles[name] > 1:
            same = ", ".join(node_id for node_id, node in prompt.items() if title_of(node) == name)
            raise SettingsError(f"--set {name}.{input_name}: {titles[name]} nodes have that title; use an id ({same})")
        node_id = name if name in changed else by_title[name]
        node = changed[node_id]
        spec = nodes.get(str(node.get("class_type")))
        wanted = spec.input(input_name) if spec else None
        if spec is not None and (wanted is None or not wanted.is_widget):
            there = ", ".join(each.name for each in spec.widgets) or "none"
            raise SettingsError(
                f"--set {name}.{input_name}: node {node_id} ({spec.id}) has no such value; it has: {there}"
            )
        node["inputs"][input_name] = _read_value(value, wanted.type if wanted else "STRING")
    return changed


def _read_value(text: str, type_name: str) -> Any:
    kind = type_name.split(",")[0].strip()
    if kind == "BOOLEAN":
        return TRUTHS.get(text.strip().lower(), text)
    if kind in ("INT", "FLOAT"):
        try:
            return json.loads(text)
        except ValueError:
            return text  # the check says what was wanted
    return text
