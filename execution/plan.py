"""A checked graph, ready to run: nodes with plain values and typed links, and the order that they take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from execution.machine import Task
from heddle.graph.spec import InputSpec, NodeSpec

#: Nodes of the largest graph of which the nearest target is looked for: it takes some 50 MB for a moment.
MOST_COUNTED = 20_000


T = TypeVar("T")


class _kept(Generic[T]):
    """A property that is worked out once. Python 3.11's own takes a lock, which takes longer than what is kept here."""

    def __init__(self, work_out: Callable[[Any], T]) -> None:
        self._work_out = work_out

    def __get__(self, owner: Any, kind: type) -> T:
        value = vars(owner)[self._work_out.__name__] = self._work_out(owner)
        return value


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
        is_kept: its result serves later jobs.
    """

    id: str
    spec: NodeSpec
    values: Mapping[str, Any]
    links: Mapping[str, Link]
    title: str = ""
    raw: Mapping[str, Link] = field(default_factory=dict)
    more: Mapping[str, InputSpec] = field(default_factory=dict)
    is_kept: bool = True

    def input(self, name: str) -> InputSpec | None:
        return self.more.get(name) or self.spec.input(name)

    @_kept
    def sources(self) -> tuple[str, ...]:
        """Every node that it has a link to."""
        return tuple(dict.fromkeys(link.source for link in (*self.links.values(), *self.raw.values())))

    @_kept
    def needs(self) -> tuple[str, ...]:
        """The nodes without whose results it cannot begin."""
        if not self.lazy_links:
            return self.sources if not self.raw else _sources(self.links.values())
        return _sources(link for name, link in self.links.items() if name not in self.lazy_links)

    @_kept
    def lazy_links(self) -> Mapping[str, Link]:
        """The links that it follows only when it asks to."""
        if not self.spec.lazy_names and not self.more:
            return _NO_LINKS
        return {
            name: link
            for name, link in self.links.items()
            if (declared := self.input(name)) is not None and declared.options.get("lazy")
        }

    @_kept
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

    What is lazy counts as not needed. Nothing is counted in a graph so large that it would cost more than it can save.
    """
    if len(plan.targets) < 2 or len(plan.nodes) > MOST_COUNTED:
        return plan
    # What each node lacks, itself included, as one bit per node: sets of that kind are joined at once.
    lacking: dict[str, int] = {}
    for place, node in enumerate(plan.nodes.values()):
        lacks = 0
        if node.id not in known:
            lacks = 1 << place
            for source in node.needs:
                lacks |= lacking[source]
        lacking[node.id] = lacks
    return in_order(plan.nodes, sorted(plan.targets, key=lambda each: lacking[each].bit_count()))


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
