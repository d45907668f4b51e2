"""A checked graph, ready to run: nodes with plain values and typed links, and the order that they take."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from execution.machine import Task
from heddle.graph.spec import InputSpec, NodeSpec

#: How often each node may be looked at, on average, to find the target that is nearest.
COUNTED_PER_NODE = 20


@dataclass(frozen=True, slots=True)
class Link:
    """Output number `output` of node `source`."""

    source: str
    output: int


@dataclass(frozen=True)
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

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Every node that it has a link to."""
        return tuple(dict.fromkeys(link.source for link in (*self.links.values(), *self.raw.values())))

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The nodes without whose results it cannot begin."""
        if not self.lazy_links:
            return self.sources if not self.raw else _sources(self.links.values())
        return _sources(link for name, link in self.links.items() if name not in self.lazy_links)

    @cached_property
    def lazy_links(self) -> Mapping[str, Link]:
        """The links that it follows only when it asks to."""
        if not self.spec.lazy_names and not self.more:
            return _NO_LINKS
        return {
            name: link
            for name, link in self.links.items()
            if (declared := self.input(name)) is not None and declared.options.get("lazy")
        }

    @cached_property
    def task(self) -> Task:
        """What the machine knows of it."""
        needs = self.needs
        others = () if len(needs) == len(self.sources) else tuple(each for each in self.sources if each not in needs)
        return Task(needs, others, self.spec.is_async)


_NO_LINKS: Mapping[str, Link] = {}


def _sources(links: Iterable[Link]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(link.source for link in links))


@dataclass(frozen=True)
class Plan:
    """The nodes that the targets need, in an order in which every node follows those behind it."""

    nodes: Mapping[str, PlannedNode]
    targets: tuple[str, ...]

    @property
    def order(self) -> tuple[str, ...]:
        return tuple(self.nodes)


def nearest_first(plan: Plan, known: Collection[str]) -> Plan:
    """The plan with its nodes in the order in which they should run: the target that lacks least is made first.

    What is lazy counts as not needed. The count is given up where it would cost more than it can save.
    """
    if len(plan.targets) < 2:
        return plan
    lacking: dict[str, int] = {}
    budget = COUNTED_PER_NODE * len(plan.nodes)
    for target in plan.targets:
        seen: set[str] = set()
        waiting = [target]
        while waiting and budget > 0:
            node_id = waiting.pop()
            if node_id not in seen and node_id not in known:
                budget -= 1
                seen.add(node_id)
                waiting += plan.nodes[node_id].needs
        lacking[target] = len(seen) if budget > 0 else len(plan.nodes)
    return in_order(plan.nodes, sorted(plan.targets, key=lambda each: lacking[each]))


def in_order(nodes: Mapping[str, PlannedNode], targets: Iterable[str]) -> Plan:
    """Put nodes in the order of a walk back from each target in turn, so that one target ends before the next starts.

    Sources that are not among the nodes are left alone.

    The walk keeps its own stack: a chain of 10,000 nodes is deeper than Python's. Cycles were refused by the check.
    """
    placed: dict[str, PlannedNode] = {}
    targets = tuple(targets)
    for target in targets:
        stack = [(target, iter(nodes[target].sources))]
        entered = {target}
        while stack:
            node_id, sources = stack[-1]
            for source in sources:
                if source not in placed and source not in entered and source in nodes:
                    entered.add(source)
                    stack.append((source, iter(nodes[source].sources)))
                    break
            else:
                placed.setdefault(node_id, nodes[node_id])
                stack.pop()
    return Plan(placed, targets)
