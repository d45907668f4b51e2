"""Where a saved workflow's nodes stand once its subgraphs are unfolded, under which ids, with which values.

A subgraph used twice is two places with one graph. What an instance keeps for its inside lies here: values of promoted
inputs, and values for widgets further in.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from execution.saved.definitions import Definitions
from execution.saved.groups import Group
from execution.saved.records import (
    BYPASSED,
    MUTED,
    Graph,
    Record,
    id_text,
    mapping_in,
    mode_of,
    name_of,
)
from execution.saved.widgets import named_values

#: How older files name a widget that lies deeper: "15: seed" is the widget `seed` of node 15 inside.
_DEEPER = re.compile(r"([^:\s]+): (.+)", re.DOTALL)


#: How many of the instances around a node are named, and how long their names may be: every node inside repeats them.
NAMED_AROUND, NAME_CHARS = 8, 80


@dataclass(eq=False)
class Place:
    """The workflow itself, or one instance of a definition.

    `values` are those of promoted inputs, by the input's name; `given` those for nodes inside, by node and widget.
    `ids` are the nodes' ids in the result.
    """

    graph: Graph
    path: str = ""
    above: Place | None = None
    record: Record = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    inside: dict[str, Place] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    @cached_property
    def slots(self) -> dict[str, Record]:
        """The instance's own inputs, by the names that its definition has for them."""
        slots: dict[str, Record] = {name_of(slot): slot for slot in reversed(self.record.get("inputs") or ())}
        if isinstance(self.graph, Group):
            # How an editor named a group's inputs is known in outline only; what fits no name is taken in order.
            strangers = [
                slot for slot in self.record.get("inputs") or () if name_of(slot) not in self.graph.input_names
            ]
            open_names = [name for name in self.graph.inputs if name not in slots and name not in self.graph.marked]
            slots |= dict(zip(open_names, strangers, strict=False))
        return slots

    @cached_property
    def within(self) -> tuple[str, ...]:
        """The names of the instances around what is here, from the outermost on."""
        if self.above is None:
            return ()
        title = self.record.get("title")
        name = title if isinstance(title, str) and title else self.graph.name
        names = (*self.above.within, name[:NAME_CHARS])
        return names if len(names) <= NAMED_AROUND else (*names[:3], "...", *names[-4:])

    def outlet(self, output: int) -> str | None:
        """The link inside that feeds one of the instance's outputs: found by its name, by its place if it has none."""
        slots = self.record.get("outputs") or ()
        if isinstance(self.graph, Group) and len(slots) == len(self.graph.outputs):
            return self.graph.outlets.get(output)
        name = name_of(slots[output]) if 0 <= output < len(slots) else ""
        found = self.graph.outlets_by_name
        return found[name] if name in found else self.graph.outlets.get(output)

    def assign(self, node_id: str, name: str, value: Any) -> None:
        """Set a value that an instance keeps: of an input of its own ("-1"), or of a widget of a node inside."""
        if node_id != "-1":
            self.given.setdefault(node_id, {})[name] = value
        elif name in self.graph.input_names:
            self.values[name] = value
        elif (deeper := _DEEPER.fullmatch(name)) and deeper[1] in self.graph.nodes:
            self.given.setdefault(deeper[1], {})[deeper[2]] = value
        else:
            for each, widget in proxies_of(self.record):
                if widget == name and each != "-1":
                    self.given.setdefault(each, {})[name] = value
                    break


def proxies_of(record: Record) -> list[tuple[str, str]]:
    """The (node inside, widget) pairs that older instances show as their own widgets."""
    found = mapping_in(record, "properties").get("proxyWidgets")
    if isinstance(found, str):  # some files have the list as a text
        with suppress(ValueError, RecursionError):
            found = json.loads(found)
    pairs = []
    for each in found if isinstance(found, list) else ():
        if isinstance(each, (list, tuple)) and len(each) >= 2 and isinstance(each[1], str):
            node_id, name = id_text(each[0]), each[1]
            if node_id is not None:
                deeper = _DEEPER.fullmatch(name)
                # Some name the node itself once more in front of its widget.
                pairs.append((node_id, deeper[2] if deeper and deeper[1] == node_id else name))
    return pairs


def unfold(
    root: Graph, definitions: Definitions, virtual: Container[str]
) -> tuple[Place, list[tuple[Place, str, Record]]]:
    """Every node that makes one of the result, with its place, in the order in which the editor ran them last.

    Args:
        virtual: the types that make none.
    """
    top = Place(root)
    taken: set[str] = set()
    nodes: list[tuple[Place, str, Record]] = []
    walk: list[tuple[Place, Iterator[tuple[str, Record]]]] = [(top, iter(root.ranked))]
    while walk:
        place, left = walk[-1]
        entry = next(left, None)
        if entry is None:
            walk.pop()
            continue
        node_id, record = entry
        if mode_of(record) in (MUTED, BYPASSED):
            continue  # nor is anything inside a muted or bypassed instance written
        definition = definitions.of(record["type"])
        if definition is not None:
            inner = _open(place, node_id, record, definition)
            walk.append((inner, iter(definition.ranked)))
        elif record["type"] not in virtual:
            name = f"{place.path}{node_id}"
            while name in taken:  # an old file may have an id with a colon that a subgraph's node gets as well
                name = f"{name}:0"
            taken.add(name)
            place.ids[node_id] = name
            nodes.append((place, node_id, record))
    return top, nodes


def _open(above: Place, node_id: str, record: Record, definition: Graph) -> Place:
    """The place that an instance makes of its definition, with the values that it and those above it keep."""
    place = Place(definition, f"{above.path}{node_id}:", above, record)
    above.inside[node_id] = place
    if isinstance(definition, Group):
        for part, widget, value in definition.values_of(record):
            place.assign(part, widget, value)
    else:
        for target, name, value in _own_values(record, definition):
            if value is not None:  # null is how editors write: nothing of its own
                place.assign(target, name, value)
    for name, value in above.given.get(node_id, {}).items():
        place.assign("-1", name, value)
    return place


def _own_values(record: Record, definition: Graph) -> Iterator[tuple[str, str, Any]]:
    """(node inside, widget, value) of what an instance keeps; "-1" is the instance's own input."""
    proxies = proxies_of(record)
    saved = record.get("widgets_values")
    if isinstance(saved, list) and saved:
        shown = _listed_proxies(proxies, definition, len(saved)) if proxies else None
        shown = shown or [("-1", name) for name in _listed_inputs(record, definition, len(saved))]
        yield from ((*target, value) for target, value in zip(shown, saved, strict=False))
    named = named_values(record)
    if not named:
        return
    widgets = definition.marked.union(definition.promoted)
    targets = list(dict.fromkeys((*(("-1", name) for name in definition.inputs if name in widgets), *proxies)))
    counts = Counter(name for _, name in targets)
    for target in targets:
        if target[1] in named and counts[target[1]] == 1:  # two of one name: only their places tell them apart
            yield (*target, named[target[1]])


def _listed_proxies(proxies: list[tuple[str, str]], definition: Graph, length: int) -> list[tuple[str, str]]:
    """The widgets that the values of an older instance belong to, in their order.

    Where the list of proxies leaves the inputs out, their values come first. Previews are listed as well and have a
    value only in some files.
    """
    listed = set(proxies)
    own = [("-1", name) for name in definition.promoted if ("-1", name) not in listed]
    valued = [each for each in proxies if not each[1].startswith("$$")]
    tries = (proxies, [*own, *proxies], valued, [*own, *valued])
    return next((each for each in tries if len(each) == length), proxies)


def _listed_inputs(record: Record, definition: Graph, length: int) -> list[str]:
    """The inputs that the values of an instance belong to, in their order.

    These are the inputs with a widget behind them here. Nodes change, and then the file knows better which of them were
    widgets when it was saved: it is asked where its count fits and ours does not.
    """
    if len(definition.promoted) == length:
        return definition.promoted
    marked = {name_of(slot) for slot in record.get("inputs") or () if slot.get("widget")} or definition.marked
    told = [name for name in dict.fromkeys(definition.inputs) if name in marked]
    return told if len(told) == length else definition.promoted
