"""Node types that a graph names and nobody here knows: all of them at once, with the names near to them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from execution.checks.words import Nearest, carried, quoted
from heddle.graph.errors import GraphError
from heddle.graph.quoting import short
from heddle.graph.spec import NodeSpec
from heddle.graph.workflow import title_of

#: How many types one error lists.
LISTED_TYPES = 100


def missing_types(prompt: Mapping[str, Mapping[str, Any]], nodes: Mapping[str, NodeSpec]) -> dict[str, GraphError]:
    """For each node of an API-form graph whose type is unknown, what is wrong, by the node's id."""
    known = list(nodes)
    nearest = Nearest()
    are_known: dict[str, bool] = {}
    found: dict[str, GraphError] = {}
    for node_id, record in prompt.items():
        near: list[str] = []
        class_type = record.get("class_type")
        if isinstance(class_type, str):
            if class_type not in are_known:
                are_known[class_type] = class_type in nodes
            if are_known[class_type]:
                continue
            near = nearest.to(class_type, known, nodes, count=3)
            hint = f"; near to it: {', '.join(near)}" if near else ""
            message = f"node {node_id}: there is no node type {short(class_type)}{hint}; is a node pack missing?"
        elif class_type is None:
            message = f"node {node_id}: no class_type; export the workflow again with all its node packs installed"
        else:
            message = f"node {node_id}: its class_type is {short(class_type)}, wanted the name of a node type"
        name = carried(class_type) if isinstance(class_type, str) else short(class_type)
        found[node_id] = GraphError(
            message,
            node_id=node_id,
            class_type=name,
            found=class_type,
            wanted=near,
            kind="missing_node_type",
            more={"node_title": carried(title_of(record))},
        )
    return found


def all_missing(errors: Mapping[str, GraphError]) -> GraphError | None:
    """One error that lists every unknown type, where it stands and what is near to it; None if there are none."""
    if len(errors) < 2:
        return next(iter(errors.values()), None)
    first = next(iter(errors.values()))
    places: dict[str, list[str]] = {}
    near: dict[str, list[str]] = {}
    for node_id, error in errors.items():
        name = short(error.found)
        places.setdefault(name, []).append(node_id)
        near[name] = error.wanted
    lines = []
    for name, ids in islice(places.items(), LISTED_TYPES):
        hint = f"; near to it: {', '.join(near[name])}" if near[name] else ""
        lines.append(f"{name} (node {quoted(ids)}{hint})")
    if len(places) > LISTED_TYPES:
        lines.append(f"and {len(places) - LISTED_TYPES} more")
    return GraphError(
        f"{len(errors)} nodes are of {len(places)} types that are not here: {', '.join(lines)}; is a pack missing?",
        node_id=first.node_id,
        class_type=first.class_type,
        found=first.found,
        wanted=first.wanted,
        kind=first.kind,
        more=first.more,
    )
