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
from heddle.graph.said import each_of, listed, say
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
                lost = say(
                    "the file does not hold the subgraph {type} that this node stands for", type=short(class_type)
                )
                message = say("{place}: {lost}; save the workflow again where it is whole", place=place, lost=lost)
            else:
                near = nearest.to(class_type, known, nodes, count=3)
                hint = say("; near to it: {names}", names=", ".join(near)) if near else ""
                message = say(
                    "{place}: there is no node type {type}{hint}; {step}",
                    place=place,
                    type=short(class_type),
                    hint=hint,
                    step=_step(pack),
                )
        elif class_type is None:
            source = say("; the workflow has it from the pack {pack!r}", pack=pack) if pack and pack != CORE else ""
            message = say(
                "{place}: no class_type; export the workflow again with all its node packs installed{source}",
                place=place,
                source=source,
            )
        else:
            message = say(
                "{place}: its class_type is {type}, wanted the name of a node type", place=place, type=short(class_type)
            )
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
        return say("it is one of the known engine's own, which is not here yet; no pack brings it")
    return say("the workflow has it from the pack {pack!r}", pack=pack) if pack else say("is a node pack missing?")


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
        missing = _gather(
            prompt, ((short(each.found), each, each.more.get("pack", ""), each.wanted) for each in types.values())
        )
        packs = {each.more.get("pack", "") for each in types.values()}
        told = {
            "count": len(types),
            "kinds": len(missing),
            "list": _list(missing),
            "step": say("no pack brings them") if packs == {CORE} else say("is a pack missing?"),
        }
        if len(types) == 1:
            sentences.append(say("a node type is not here: {list}; {step}", **told))
        elif len(missing) == 1:
            sentences.append(say("{count} nodes are of 1 type that is not here: {list}; {step}", **told))
        else:
            sentences.append(say("{count} nodes are of {kinds} types that are not here: {list}; {step}", **told))
    if files:
        facts = [each.more["missing_file"] for each in files]
        missing = _gather(
            prompt,
            (
                (_named(each.found, told["kind"]), each, told.get("url", ""), told["near"])
                for each, told in zip(files, facts, strict=True)
            ),
        )
        one = "a file is not here: {list}; put each among the others of its kind"
        words = (
            one if len(missing) == 1 else "{count} files are not here: {list}; put each among the others of its kind"
        )
        sentences.append(say(words, count=len(missing), list=_list(missing)))
    return GraphError(
        each_of(sentences),
        node_id=first.node_id,
        class_type=first.class_type,
        found=first.found if types else None,
        wanted=first.wanted if types else None,
        kind=first.kind if types else "prompt_outputs_failed_validation",
        more=first.more if types else {},
    )


def _named(file: Any, kind: str | None) -> str:
    return say("{file} of the kind {kind!r}", file=short(file), kind=kind) if kind else short(file)


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
        source = say("; from {source}", source=each.source) if each.source else ""
        near = say("; near to it: {names}", names=", ".join(each.near)) if each.near else ""
        words = "{name} (node {places}{source}{near})"
        lines.append(say(words, name=name, places=quoted(each.places), source=source, near=near))
    if len(gathered) > LISTED:
        lines.append(say("and {more} more", more=len(gathered) - LISTED))
    return listed(lines)
