"""A checked graph, ready to run: nodes with plain values and typed links, and the order that they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from heddle.graph.spec import InputSpec, NodeSpec


@dataclass(frozen=True, slots=True)
class Link:
    """Output number `output` of node `source`."""

    source: str
    output: int


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """One node: its values as they were checked, and where its other inputs come from.

    Attributes:
        links: inputs that get another node's output; those that are lazy only when the node asks for them.
        raw: inputs that get the link itself (`rawLink`), as [source, output]; nothing behind runs for them.
        more: what inputs are like that stand in no declaration: those of a dynamic combo, of a list that grows, ....
    """

    id: str
    spec: NodeSpec
    values: Mapping[str, Any]
    links: Mapping[str, Link]
    title: str = ""
    raw: Mapping[str, Link] = field(default_factory=dict)
    more: Mapping[str, InputSpec] = field(default_factory=dict)

    def input(self, name: str) -> InputSpec | None:
        return self.more.get(name) or self.spec.input(name)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(link.source for link in self.links.values()))

    @property
    def behind(self) -> tuple[str, ...]:
        """The nodes that any of its inputs names, also those of raw links, which it does not wait for."""
        if not self.raw:
            return self.sources
        return tuple(dict.fromkeys(link.source for link in (*self.links.values(), *self.raw.values())))


@dataclass(frozen=True)
class Plan:
    """The nodes that the targets need, in an order in which every node follows those behind it."""

    nodes: Mapping[str, PlannedNode]
    targets: tuple[str, ...]

    @property
    def order(self) -> tuple[str, ...]:
        return tuple(self.nodes)

    def needed_for(self, targets: Iterable[str], known: Iterable[str] = ()) -> tuple[str, ...]:
        """The nodes that must run so that `targets` have results, when those in `known` have theirs already."""
        have = set(known)
        needed: set[str] = set()
        waiting = [each for each in targets if each not in have]
        while waiting:
            node_id = waiting.pop()
            if node_id in needed:
                continue
            needed.add(node_id)
            waiting += [source for source in self.nodes[node_id].sources if source not in have]
        return tuple(each for each in self.order if each in needed)


def in_order(nodes: Mapping[str, PlannedNode], targets: Iterable[str]) -> Plan:
    """Put nodes in the order of a walk back from each target in turn, so that one target ends before the next starts.

    The walk keeps its own stack: a chain of 10,000 nodes is deeper than Python's. Cycles were refused by the check.
    """
    placed: dict[str, PlannedNode] = {}
    targets = tuple(targets)
    for target in targets:
        stack = [(target, iter(nodes[target].behind))]
        entered = {target}
        while stack:
            node_id, sources = stack[-1]
            source = next((each for each in sources if each not in placed and each not in entered), None)
            if source is None:
                placed.setdefault(node_id, nodes[node_id])
                stack.pop()
            else:
                entered.add(source)
                stack.append((source, iter(nodes[source].behind)))
    return Plan(placed, targets)
