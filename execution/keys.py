"""What makes a node's result: a key of its class, its values and the keys of its sources.

Equal keys mean equal results, across runs and graphs, so a result is found again whatever number its node has now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from execution.plan import Plan, PlannedNode

#: `(kind, name)` -> a text that changes when the file's content does.
Fingerprint = Callable[[str, str], str]


def node_keys(plan: Plan, fingerprint: Fingerprint) -> dict[str, str]:
    """The key of every node of a plan, by node id."""
    keys: dict[str, str] = {}
    for node_id, node in plan.nodes.items():
        keys[node_id] = _key(node, keys, fingerprint)
    return keys


def _key(node: PlannedNode, keys: Mapping[str, str], fingerprint: Fingerprint) -> str:
    values: dict[str, Any] = {}
    for name, value in node.values.items():
        wanted = node.spec.input(name)
        kind = wanted.files if wanted else None
        on_disk = (
            kind is not None and isinstance(value, str) and wanted is not None and value not in wanted.extra_choices
        )
        values[name] = {"file": value, "content": fingerprint(kind, value)} if on_disk and kind else value
    links = {name: [keys[link.source], link.output] for name, link in node.links.items()}
    unique = any(each.section == "hidden" and each.type == "UNIQUE_ID" for each in node.spec.inputs)
    text = json.dumps(
        [node.spec.id, node.spec.python_module, values, links, node.id if unique else None],
        sort_keys=True,
        default=repr,
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
