"""Short ways to hold a graph against a few nodes made for one test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution.check import Report, check_prompt
from execution.plan import PlannedNode
from heddle.graph.errors import GraphError
from heddle.graph.registry import Registry
from heddle.graph.spec import InputSpec, NodeSpec, OutputSpec


def taker(id: str, *inputs: InputSpec, **more: Any) -> NodeSpec:
    """A node that ends a graph."""
    return NodeSpec(id, inputs, is_output=True, **more)


def giver(id: str, *types: str, inputs: tuple[InputSpec, ...] = (), **more: Any) -> NodeSpec:
    """A node with outputs of these types."""
    return NodeSpec(id, inputs, tuple(OutputSpec(each, each) for each in types), **more)


def graph(**nodes: Mapping[str, Any]) -> dict[str, Any]:
    """`graph(Take={"image": ["Make", 0]})`: each node is of the type that it is called by, up to an underscore."""
    return {name: {"class_type": name.partition("_")[0], "inputs": dict(inputs)} for name, inputs in nodes.items()}


def check(prompt: Any, *specs: NodeSpec, files: Mapping[str, list[str]] | None = None, **more: Any) -> Report:
    lists = files or {}
    return check_prompt(
        prompt,
        Registry(specs),
        list_files=lambda kind: lists.get(kind, []),
        has_file=lambda kind, name: name in lists.get(kind, []),
        **more,
    )


def errors_of(report: Report) -> list[GraphError]:
    return [error for problems in report.problems.values() for error in problems.errors]


def kinds_of(report: Report) -> list[tuple[str, str | None]]:
    """What is wrong, in short: the kind of each error and the input."""
    return [(error.kind, error.input_name) for error in errors_of(report)]


def planned(report: Report, node_id: str) -> PlannedNode:
    assert report.plan is not None, report.messages
    return report.plan.nodes[node_id]
