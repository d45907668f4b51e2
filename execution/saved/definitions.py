"""The definitions of a workflow, subgraphs and older group nodes: found, read once, and held against each other.

Definitions may lie in each other; one that contains itself, or a nest that unfolds without end, is refused before
anything is unfolded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from execution.checks.told import FILE_KEYS, dicts_in, may_be_repeated
from execution.checks.words import file_name
from execution.saved.everywhere import add_unseen_links
from execution.saved.groups import PREFIXES, Group, read_group
from execution.saved.records import (
    BYPASSED,
    MUTED,
    Graph,
    Record,
    id_text,
    mapping_in,
    mode_of,
    name_of,
    objects_in,
    read_graph,
)
from execution.saved.widgets import widget_values
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.graph.spec import NodeSpec

#: Far above what people build, and low enough for a server: names in a nest grow with its depth.
MAX_DEPTH = 256
MAX_NODES = 250_000


class Definitions:
    """The definitions of a document by the types of their instances, read when first asked for."""

    def __init__(self, document: Record, nodes: Mapping[str, NodeSpec]) -> None:
        self._nodes = nodes
        self._raw: dict[str, tuple[str, Record]] = {}
        self._read: dict[str, Graph] = {}
        waiting = [document]
        while waiting:
            holder = waiting.pop()
            for name, raw in mapping_in(mapping_in(holder, "extra"), "groupNodes").items():
                if isinstance(raw, Mapping):
                    for prefix in PREFIXES:
                        self._raw.setdefault(f"{prefix}{name}", (str(name), raw))
            found = objects_in(mapping_in(holder, "definitions").get("subgraphs"), "definitions, subgraphs")
            for raw in found:
                if key := id_text(raw.get("id")):
                    name = raw.get("name")
                    self._raw.setdefault(key, (name if isinstance(name, str) and name else key, raw))
            waiting += reversed(found)

    @property
    def notes(self) -> list[str]:
        """What the definitions that are used have to say."""
        return [note for graph in self._read.values() for note in graph.notes]

    def sources_of_files(self, document: Record, root: Graph) -> dict[str, Record]:
        """What the workflow says of the model files that it wants, by their names."""
        lists = [document.get("models")]
        for graph in (root, *self._read.values()):
            lists += (mapping_in(record, "properties").get("models") for record in graph.nodes.values())
        told: dict[str, Record] = {}
        for each in chain.from_iterable(map(dicts_in, lists)):
            if may_be_repeated(name := each.get("name")):
                words = {key: text for key in FILE_KEYS if may_be_repeated(text := each.get(key))}
                told.setdefault(file_name(name), words)
        return told

    def __contains__(self, kind: str) -> bool:
        return kind in self._raw

    def of(self, kind: str) -> Graph | None:
        """The definition behind a node's type, if it has one. Raises: GraphError, if that is damaged."""
        if kind not in self._raw:
            return None
        if kind not in self._read:
            name, raw = self._raw[kind]
            if kind.startswith(PREFIXES) and "inputNode" not in raw:
                self._read[kind] = read_group(name, raw, self._nodes)
            else:
                self._read[kind] = read_graph(raw, say("the subgraph {name!r}", name=name[:80]), is_definition=True)
                add_unseen_links(self._read[kind], raw)
            self._read[kind].name = name
        return self._read[kind]

    def hold(self, root: Graph) -> None:
        """Read every definition that is used, and say of each which of its inputs are widgets.

        Raises: GraphError, if definitions contain each other or unfold into more than can be meant.
        """
        sizes: dict[str, int] = {}
        depths: dict[str, int] = {}
        walk: list[tuple[str, Graph, Iterator[str]]] = [("", root, iter(self._used_in(root)))]
        on_path: dict[str, None] = {}
        while walk:
            key, graph, used = walk[-1]
            kind = next(used, None)
            if kind is None:
                walk.pop()
                on_path.pop(key, None)
                self._find_widgets(graph)
                kinds = self._used_in(graph)
                depths[key] = 1 + max((depths[each] for each in kinds), default=0)
                sizes[key] = self._size_of(graph, sizes)
                if depths[key] > MAX_DEPTH + 1:
                    raise GraphError(
                        say(
                            "{graph} holds more than {max_depth} subgraphs, one in the other; unpack some of them",
                            graph=graph.title,
                            max_depth=MAX_DEPTH,
                        )
                    )
                if sizes[key] > MAX_NODES:
                    raise GraphError(
                        say(
                            "{graph} unfolds into more than {max_nodes} nodes; use its subgraphs fewer times",
                            graph=graph.title,
                            max_nodes=MAX_NODES,
                        )
                    )
            elif kind in on_path:
                circle = [*on_path][[*on_path].index(kind) :]
                names = " -> ".join(repr(self._raw[each][0][:80]) for each in _ends([*circle, kind]))
                raise GraphError(
                    say("subgraphs contain each other: {names}; take one of them out of the other", names=names)
                )
            elif kind not in sizes:
                definition = self.of(kind)
                assert definition is not None, "only kinds with a definition are walked"
                on_path[kind] = None
                walk.append((kind, definition, iter(self._used_in(definition))))

    def _used_in(self, graph: Graph) -> list[str]:
        return list(dict.fromkeys(each["type"] for each in graph.nodes.values() if each["type"] in self._raw))

    def _size_of(self, graph: Graph, sizes: Mapping[str, int]) -> int:
        total = 0
        for record in graph.nodes.values():
            is_open = record["type"] in sizes and mode_of(record) not in (MUTED, BYPASSED)
            total += 1 + (sizes[record["type"]] if is_open else 0)
        return min(total, MAX_NODES + 1)

    def _find_widgets(self, graph: Graph) -> None:
        """Fill in which inputs of a definition resolve to a widget; those of the definitions within are known."""
        if isinstance(graph, Group):
            widgets = {(part, each.name) for part, spec in graph.specs.items() for each in spec.widgets}
            graph.marked = {name for place, name in graph.names.items() if place in widgets}
            graph.promoted = [name for name in graph.inputs if name in graph.marked]
            return
        found: set[str] = set()
        for name, ends in graph.behind.items():
            for node_id, slot in ends:
                if slot.get("widget"):
                    graph.marked.add(name)
                if name not in found and self._is_widget(graph.nodes[node_id], slot):
                    found.add(name)
        graph.promoted = [name for name in dict.fromkeys(graph.inputs) if name in found]

    def _is_widget(self, record: Record, slot: Record) -> bool:
        within = self.of(record["type"])
        if within is not None:
            return name_of(slot) in within.promoted
        spec = self._nodes.get(record["type"])
        if spec is None:
            return bool(slot.get("widget"))
        wanted = spec.input(name_of(slot))
        if wanted is None and "." in name_of(slot):  # what the choice of a dynamic combo brings
            return any(each.widget.name == name_of(slot) for each in widget_values(record, spec))
        return wanted is not None and wanted.is_widget


def _ends(names: list[Any]) -> list[Any]:
    """A long circle as its first few names and its last."""
    return names if len(names) <= 6 else [*names[:5], names[-1]]
