"""What a graph names and nobody here has, node types and model files: all at once, where, and with what is near."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from execution.checks.told import CORE, about, pack_of, place_of
from execution.checks.words import Nearest, carried, quoted
from heddle.graph.errors import GraphError
from heddle.graph.quoting import short
from heddle.graph.spec import NodeSpec
from heddle.graph.workflow import is_instance

#: How many types and how many files one error lists.
LISTED = 100


def missing_types(prompt: Mapping[str, Mapping[str, Any]], nodes: Mapping[str, NodeSpec]) -> dict[str, GraphError]:
    """For each node of an API-form graph whose type is unknown, what is wrong, by the node's id."""
    known = list(nodes)
    nearest = Nearest()
    are_known: dict[str, bool] = {}
    found: dict[str, GraphError] = {}
    for node_id, record in prompt.items():
        class_type = record.get("class_type")
        if isinstance(class_type, str):
            if class_type not in are_known:
                are_known[class_type] = class_type in nodes
            if are_known[class_type]:
                continue
        near: list[str] = []
        place, pack = f"node {node_id}{about(record)}", pack_of(record)
        if isinstance(class_type, str):
            if is_instance(class_type):
                lost = f"the file does not hold the subgraph {short(class_type)} that this node stands for"
                message = f"{place}: {lost}; save the workflow again where it is whole"
            else:
                near = nearest.to(class_type, known, nodes, count=3)
                hint = f"; near to it: {', '.join(near)}" if near else ""
                message = f"{place}: there is no node type {short(class_type)}{hint}; {_step(pack)}"
        elif class_type is None:
            source = f"; the workflow has it from the pack {pack!r}" if pack and pack != CORE else ""
            message = f"{place}: no class_type; export the workflow again with all its node packs installed{source}"
        else:
            message = f"{place}: its class_type is {short(class_type)}, wanted the name of a node type"
        name = carried(class_type) if isinstance(class_type, str) else short(class_type)
        more = place_of(record) | ({"pack": pack} if pack else {}) | ({"near": near} if near else {})
        found[node_id] = GraphError(
            message,
            node_id=node_id,
            class_type=name,
            found=class_type,
            wanted=near,
            kind="missing_node_type",
            more=more,
        )
    return found


def _step(pack: str) -> str:
    if pack == CORE:
        return "it is one of the known engine's own, which is not here yet; no pack brings it"
    return f"the workflow has it from the pack {pack!r}" if pack else "is a node pack missing?"


def all_missing(
    prompt: Mapping[str, Mapping[str, Any]], types: Mapping[str, GraphError], files: Sequence[GraphError] = ()
) -> GraphError | None:
    """One error that lists every unknown type and missing file, where it stands and what is near to it.

    Args:
        files: errors with `missing_file` among their facts, in the order of their nodes.
    Returns: None if there are none.
    """
    if not types and not files:
        return None
    if len(types) + len(files) == 1:
        return next(iter(types.values()), None) or files[0]
    first, sentences = next(iter((*types.values(), *files))), []
    if types:
        listed = _gather(
            prompt, ((short(each.found), each, each.more.get("pack", ""), each.wanted) for each in types.values())
        )
        kinds = "1 type that is" if len(listed) == 1 else f"{len(listed)} types that are"
        words = f"{len(types)} nodes are of {kinds}" if len(types) > 1 else "a node type is"
        packs = {each.more.get("pack", "") for each in types.values()}
        step = "no pack brings them" if packs == {CORE} else "is a pack missing?"
        sentences.append(f"{words} not here: {_list(listed)}; {step}")
    if files:
        facts = [each.more["missing_file"] for each in files]
        listed = _gather(
            prompt,
            (
                (_named(each.found, told["kind"]), each, told.get("url", ""), told["near"])
                for each, told in zip(files, facts, strict=True)
            ),
        )
        words = f"{len(listed)} files are" if len(listed) > 1 else "a file is"
        sentences.append(f"{words} not here: {_list(listed)}; put each among the others of its kind")
    return GraphError(
        "; ".join(sentences),
        node_id=first.node_id,
        class_type=first.class_type,
        found=first.found if types else None,
        wanted=first.wanted if types else None,
        kind=first.kind if types else "prompt_outputs_failed_validation",
        more=first.more if types else {},
    )


def _named(file: Any, kind: str | None) -> str:
    return f"{short(file)} of the kind {kind!r}" if kind else short(file)


@dataclass
class _Missing:
    """One missing thing: the nodes that want it, where it comes from, and the names near to it."""

    places: list[str] = field(default_factory=list)
    source: str = ""
    near: Sequence[str] = ()


def _gather(
    prompt: Mapping[str, Mapping[str, Any]], found: Iterable[tuple[str, GraphError, str, Sequence[str]]]
) -> dict[str, _Missing]:
    """What is missing by its name, from (name, error, source, near names)."""
    gathered: dict[str, _Missing] = {}
    for name, error, source, near in found:
        each = gathered.setdefault(name, _Missing())
        node_id = str(error.node_id)
        each.places.append(f"{node_id}{about(prompt[node_id])}")
        each.source, each.near = each.source or source, each.near or near
    return gathered


def _list(gathered: Mapping[str, _Missing]) -> str:
    lines = []
    for name, each in islice(gathered.items(), LISTED):
        source = f"; from {each.source}" if each.source else ""
        near = f"; near to it: {', '.join(each.near)}" if each.near else ""
        lines.append(f"{name} (node {quoted(each.places)}{source}{near})")
    if len(gathered) > LISTED:
        lines.append(f"and {len(gathered) - LISTED} more")
    return ", ".join(lines)
