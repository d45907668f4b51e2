"""A graph that a node put in its own place: its records read into nodes that can run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from execution.calling import Answer, links_in
from execution.plan import Link, PlannedNode, in_order
from heddle.graph.dynamic import resolve
from heddle.graph.dynamic_prompt import DynamicPrompt
from heddle.graph.errors import GraphError
from heddle.graph.quoting import short
from heddle.graph.results import Expanded
from heddle.graph.said import say
from heddle.graph.spec import NodeSpec
from heddle.graph.workflow import is_kept, is_link, refuse_unreadable, title_of


@dataclass(frozen=True)
class Expansion:
    """The new nodes, sources first, and those of them that run for their own sake."""

    nodes: Mapping[str, PlannedNode]
    targets: tuple[str, ...]


def plan_expansion(
    parent_id: str,
    answers: Iterable[Answer],
    known_types: Mapping[str, NodeSpec],
    nodes: Mapping[str, PlannedNode],
    graph: DynamicPrompt,
) -> Expansion:
    """Read the graphs of a node's answers, and nodes of the graph as sent that were not needed until now.

    Args:
        nodes: those that are in the job already.
        graph: takes in the new records.
    Raises: GraphError, if a graph names what is not there or takes an id that is another's.
    """
    answers = list(answers)
    waiting: list[str] = []
    targets: list[str] = []
    taken: dict[str, Any] = {}
    for answer in answers:
        if isinstance(answer, Expanded):
            if not isinstance(answer.graph, Mapping):
                raise _problem(
                    parent_id, say("found {found}, wanted an object of node id -> record", found=short(answer.graph))
                )
            for node_id, record in answer.graph.items():
                node_id = str(node_id)
                if taken.setdefault(node_id, record) is not record and not _is_same(taken[node_id], record):
                    raise _problem(
                        parent_id,
                        say(
                            "two calls gave different nodes the id {node}; {use_builder}",
                            node=node_id,
                            use_builder=_USE_BUILDER,
                        ),
                    )
                _take_in(parent_id, node_id, record, nodes, graph)
                waiting.append(node_id)
                spec = known_types.get(record["class_type"])
                if spec is not None and spec.is_output:
                    targets.append(node_id)
    fresh = set(waiting)
    waiting += [source for source, _ in links_in(answers)]
    new: dict[str, PlannedNode] = {}
    while waiting:
        node_id = waiting.pop()
        if node_id in new or (node_id in nodes and node_id not in fresh):
            continue
        if not graph.has_node(node_id):
            raise _problem(parent_id, say("a link leads to node {node}, which is in no graph", node=node_id))
        new[node_id] = _read_node(parent_id, node_id, graph, known_types)
        waiting += new[node_id].sources
    inner = ((link.source, link.output) for node in new.values() for link in (*node.links.values(), *node.raw.values()))
    for source, output in (*links_in(answers), *inner):
        spec = (new.get(source) or nodes[source]).spec
        if spec.output(output) is None:
            words = "a link leads to output {output} of node {source} ({type}), which has {count}"
            count = len(spec.outputs)
            raise _problem(parent_id, say(words, output=output, source=source, type=spec.id, count=count))
    together = {node_id: new[node_id] for node_id in reversed(new)}
    ordered = in_order(together, together)
    return Expansion(ordered.nodes, tuple(targets))


_USE_BUILDER = say("a GraphBuilder gives each graph ids of its own")


def _is_same(record: Any, other: Any) -> bool:
    try:
        return bool(record == other)
    except Exception:  # tensors and arrays among the inputs, which say of each element whether it is the same
        return False


def _take_in(parent_id: str, node_id: str, record: Any, nodes: Mapping[str, PlannedNode], graph: DynamicPrompt) -> None:
    refuse_unreadable(node_id, record)
    if not isinstance(record.get("class_type"), str):
        raise _problem(parent_id, say("its node {node} has no class_type", node=node_id))
    if graph.has_node(node_id) and graph.get_parent_node_id(node_id) != parent_id:
        raise _problem(
            parent_id, say("its node id {node} is taken; {use_builder}", node=node_id, use_builder=_USE_BUILDER)
        )
    display = str(record.get("override_display_id") or parent_id)
    graph.add_ephemeral_node(node_id, record, parent_id, display)


def _read_node(parent_id: str, node_id: str, graph: DynamicPrompt, known_types: Mapping[str, NodeSpec]) -> PlannedNode:
    record = graph.get_node(node_id)
    spec = known_types.get(record["class_type"])
    if spec is None:
        raise _problem(
            parent_id,
            say("its node {node} is of the type {type!r}, which is not here", node=node_id, type=record["class_type"]),
        )
    values: dict[str, Any] = {}
    links: dict[str, Link] = {}
    raw: dict[str, Link] = {}
    resolved = resolve(spec, record.get("inputs", {}))
    for name, value in record.get("inputs", {}).items():
        wanted = resolved.inputs.get(name)
        if wanted is None:
            continue
        if not is_link(value) or not graph.has_node(str(value[0])):
            values[name] = value
        elif wanted.options.get("rawLink"):
            raw[name] = Link(str(value[0]), int(value[1]))
        else:
            links[name] = Link(str(value[0]), int(value[1]))
    return PlannedNode(node_id, spec, values, links, title_of(record), raw, resolved.added, is_kept(record))


def _problem(parent_id: str, words: str) -> GraphError:
    return GraphError(
        say("node {node}: the graph that it put in its place cannot run: {words}", node=parent_id, words=words),
        node_id=parent_id,
    )
