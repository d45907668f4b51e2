"""Builds graphs of the API form in Python, as nodes do that return a graph in their place.

The names are those that packs know. Ids are made from the place of the running call (`heddle.graph.running`), so that
they are the same in the next run, whose results then come from the cache.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from heddle.graph.running import CallPlace, call_place
from heddle.graph.workflow import is_link

#: Ids that are put together from others grow up to this length.
LONGEST_ID = 100


class Node:
    """A node of a graph that is being built."""

    def __init__(self, id: str, class_type: str, inputs: Mapping[str, Any]) -> None:
        self.id = id
        self.class_type = class_type
        self.inputs = dict(inputs)
        self.override_display_id: str | None = None

    def out(self, index: int) -> list[Any]:
        """The link to one of its outputs, to be given as an input."""
        return [self.id, index]

    def set_input(self, key: str, value: Any) -> None:
        """Set an input; None takes it away."""
        if value is None:
            self.inputs.pop(key, None)
        else:
            self.inputs[key] = value

    def get_input(self, key: str) -> Any:
        return self.inputs.get(key)

    def set_override_display_id(self, override_display_id: str | None) -> None:
        """Let clients see this node as another."""
        self.override_display_id = override_display_id

    def serialize(self) -> dict[str, Any]:
        """Its record in the API form."""
        record: dict[str, Any] = {"class_type": self.class_type, "inputs": dict(self.inputs)}
        if self.override_display_id is not None:
            record["override_display_id"] = self.override_display_id
        return record


class GraphBuilder:
    """A graph that is being built. Without a `prefix`, ids begin with the place of the running call; False = none."""

    def __init__(self, prefix: str | Literal[False] | None = None) -> None:
        self.prefix = GraphBuilder.alloc_prefix() if prefix is None else prefix or ""
        self.nodes: dict[str, Node] = {}
        self._next_id = itertools.count(1)

    @classmethod
    def set_default_prefix(cls, prefix_root: str, call_index: int, graph_index: int = 0) -> None:
        """Say where ids begin from here on, where no executor has: node id, call, number of the next graph."""
        call_place.set(CallPlace(str(prefix_root), call_index, graphs=graph_index))

    @classmethod
    def alloc_prefix(
        cls, root: str | None = None, call_index: int | None = None, graph_index: int | None = None
    ) -> str:
        """A beginning for ids. What is not given comes from the running call."""
        place = call_place.get() or _NOWHERE
        root = place.node_id if root is None else root
        call_index = place.call_index if call_index is None else call_index
        graph_index = place.next_graph() if graph_index is None else graph_index
        return f"{_short(root)}.{call_index}.{graph_index}."

    def node(self, class_type: str, id: str | None = None, **inputs: Any) -> Node:
        """Add a node, or get the one that has this id already. None for an input leaves it out."""
        full_id = self._full(str(next(self._next_id)) if id is None else str(id))
        if full_id not in self.nodes:
            given = {name: value for name, value in inputs.items() if value is not None}
            self.nodes[full_id] = Node(full_id, class_type, given)
        return self.nodes[full_id]

    def lookup_node(self, id: str) -> Node | None:
        """The node that was added with this id."""
        return self.nodes.get(self._full(str(id)))

    def finalize(self) -> dict[str, dict[str, Any]]:
        """The graph in the API form."""
        return {id: node.serialize() for id, node in self.nodes.items()}

    def replace_node_output(self, node_id: str, index: int, new_value: Any) -> None:
        """Give whatever is linked to an output another value; None leaves those inputs out."""
        full_id = self._full(str(node_id))
        for name, node in _links_to(self.nodes.values(), full_id, index):
            node.set_input(name, new_value)

    def remove_node(self, id: str) -> None:
        """Take a node out; links to it stay, to be replaced by the caller."""
        del self.nodes[self._full(str(id))]

    def _full(self, id: str) -> str:
        return self.prefix + _short(id)


def _short(id: str) -> str:
    """An id, or what stands for a long one: a loop puts ids before ids, and the work would grow with their length.

    It begins as the id does, with the node of the graph as it was sent.
    """
    if len(id) <= LONGEST_ID:
        return id
    first = id.partition(".")[0][:LONGEST_ID]
    return f"{first}.~{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def _links_to(nodes: Any, id: str, index: int) -> Iterator[tuple[str, Node]]:
    for node in nodes:
        for name, value in list(node.inputs.items()):
            if is_link(value) and value[0] == id and value[1] == index:
                yield name, node


def add_graph_prefix(
    graph: Mapping[str, Mapping[str, Any]], outputs: Any, prefix: str
) -> tuple[dict[str, dict[str, Any]], tuple[Any, ...]]:
    """A graph and the links out of it, every id with a beginning before it. Links to nodes outside are kept."""

    def moved(value: Any) -> Any:
        return [prefix + str(value[0]), value[1]] if is_link(value) and str(value[0]) in graph else value

    nodes = {
        prefix + id: {**record, "inputs": {name: moved(value) for name, value in record.get("inputs", {}).items()}}
        for id, record in graph.items()
    }
    return nodes, tuple(moved(value) for value in outputs)


#: For graphs that are built while no node runs, in tests and consoles.
_NOWHERE = CallPlace("graph")
