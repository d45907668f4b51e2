"""Older group nodes, read as if they were subgraphs: their parts, the names they show, and their joined values.

A group lies in `extra.groupNodes`, its parts numbered; an instance keeps the values of all parts' widgets in one list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from execution.saved.records import (
    INLET,
    OUTLET,
    Graph,
    Record,
    Wire,
    damage,
    mapping_in,
    name_of,
    objects_in,
    read_graph,
    type_of,
)
from execution.saved.virtual import PRIMITIVE, REROUTE
from execution.saved.widgets import named_values, read_joined
from heddle.graph.said import say
from heddle.graph.spec import InputSpec, NodeSpec

#: How the type of an instance begins; the slash is the older way to write it.
PREFIXES = ("workflow>", "workflow/")

_Place = tuple[str, str]  # a part and one of its inputs


@dataclass
class Group(Graph):
    """A group node's definition.

    `names` are the widgets' names on the group, in the order of the joined values. Of these, `sockets` were turned into
    sockets, `linked` are fed by a link inside, `hidden` were hidden by the person.
    """

    specs: dict[str, NodeSpec] = field(default_factory=dict)
    names: dict[_Place, str] = field(default_factory=dict)
    sockets: set[_Place] = field(default_factory=set)
    linked: set[_Place] = field(default_factory=set)
    hidden: set[_Place] = field(default_factory=set)

    def values_of(self, record: Record) -> Iterator[tuple[str, str, Any]]:
        """(part, widget, value) of every widget for which an instance has a value of its own."""
        if named := named_values(record):
            yield from ((*place, named[name]) for place, name in self.names.items() if name in named)
            return
        values = record.get("widgets_values")
        if not isinstance(values, list):
            return
        # Whether sockets and hidden widgets have a place in the list depends on the program; its length tells.
        for skipped in product((self.sockets, set()), (self.hidden, set())):
            absent = self.linked.union(*skipped)
            by_part: dict[str, set[str]] = {part: set() for part in self.specs}
            for part, name in absent:
                by_part.setdefault(part, set()).add(name)
            found = read_joined([(part, spec, by_part[part]) for part, spec in self.specs.items()], values)
            if found is not None:
                yield from found
                return


def read_group(name: str, raw: Record, nodes: Mapping[str, NodeSpec]) -> Group:
    """The definition of a group node.

    Raises: GraphError, if it is in no form that can be read.
    """
    title = say("the group node {name!r}", name=name)
    listed = objects_in(raw.get("nodes"), f"{title}, nodes")
    numbered = [{**record, "id": record.get("index", place)} for place, record in enumerate(listed)]
    return _GroupReader(read_graph({"nodes": numbered}, title), raw, nodes).read()


class _GroupReader:
    """Gives the parts of a group their links, and their open ends the names that the group shows."""

    def __init__(self, parts: Graph, raw: Record, nodes: Mapping[str, NodeSpec]) -> None:
        self.raw = raw
        self.config = mapping_in(raw, "config")
        self.slots = {
            part: [{**slot, "link": None} for slot in record.get("inputs") or ()]
            for part, record in parts.nodes.items()
        }
        records: dict[str, Record] = {
            part: {**record, "inputs": self.slots[part]} for part, record in parts.nodes.items()
        }
        self.group = Group(parts.title, records, {})
        for part, record in records.items():
            spec = _primitive_spec(record) if record["type"] == PRIMITIVE else nodes.get(record["type"])
            if spec is not None:
                self.group.specs[part] = spec
        self.leaving: set[tuple[str, int]] = set()  # outputs with a link inside
        self.kinds: dict[str, str] = {}  # what flows through a reroute, which has no type of its own

    def read(self) -> Group:
        for entry in self._listed("links"):
            self._add_link(entry)
        self._name_inputs()
        self._name_outputs()
        return self.group

    def _add_link(self, entry: list[Any]) -> None:
        source, output, target, place = (_number(each) for each in entry[:4])
        kind = entry[5] if len(entry) > 5 and isinstance(entry[5], str) else "*"
        if source is None or output is None or target is None or place is None:
            return  # a link to the outside, which older files list here with null
        for part in (str(source), str(target)):
            self.kinds.setdefault(part, kind)
        self.leaving.add((str(source), output))
        slots = self.slots.get(str(target), [])
        if place < len(slots):
            self._link(str(target), slots[place], Wire(str(source), output, str(target), -1))
            self.group.linked.add((str(target), name_of(slots[place])))

    def _link(self, part: str, slot: dict[str, Any], wire: Wire) -> None:
        slot["link"] = len(self.group.links) + 1
        self.group.links[str(slot["link"])] = wire

    def _name_inputs(self) -> None:
        """Names as the editor gave them: each part's widgets, then its sockets; widgets made sockets come last."""
        seen: dict[str, int] = {}
        late: list[tuple[str, dict[str, Any]]] = []
        for part, record in self.group.nodes.items():
            own = {name_of(slot): slot for slot in self.slots[part]}
            spec = self.group.specs.get(part)
            widgets = [each.name for each in spec.widgets] if spec else []
            for widget in widgets:
                slot = own.get(widget)
                if slot is not None and slot.get("widget"):
                    self.group.sockets.add((part, widget))
                    continue
                if slot is None:
                    slot = {"name": widget, "type": "*", "link": None}
                    self.slots[part].append(slot)
                self._show(part, record, slot, seen)
            for slot in own.values():
                if slot.get("widget"):
                    late.append((part, slot))
                elif name_of(slot) not in widgets:
                    self._show(part, record, slot, seen)
        for part, slot in late:
            self._show(part, self.group.nodes[part], slot, seen)

    def _show(self, part: str, record: Record, slot: dict[str, Any], seen: dict[str, int]) -> None:
        place = part, name_of(slot)
        if place in self.group.linked:
            return
        wish = mapping_in(mapping_in(mapping_in(self.config, part), "input"), name_of(slot))
        if wish.get("visible") is False:
            self.group.hidden.add(place)
        plain = self.kinds.get(part, "*") if record["type"] == REROUTE else name_of(slot)
        name = _text(wish.get("name")) or _text(slot.get("label")) or plain
        title = _text(record.get("title"))
        key = name
        if name in seen or (record["type"] == PRIMITIVE and title):
            prefix = title or record["type"]
            key = name = f"{prefix} {plain}"
            if key in seen:
                name = f"{prefix} {seen[key]} {plain}"
        seen[key] = seen.get(key, 1) + 1
        self.group.names[place] = name
        if place not in self.group.hidden:
            self._link(part, slot, Wire(INLET, len(self.group.inputs), part, -1))
            self.group.inputs.append(name)

    def _name_outputs(self) -> None:
        external = {
            (str(_number(entry[0])), _number(entry[1])) for entry in self._listed("external") if len(entry) >= 2
        }
        seen: set[str] = set()
        for part, record in self.group.nodes.items():
            for output, (label, given) in enumerate(self._outputs_of(part, record)):
                wish = mapping_in(mapping_in(mapping_in(self.config, part), "output"), str(output))
                visible = wish.get("visible")
                if visible is None:
                    visible = (part, output) not in self.leaving or (part, output) in external
                if not visible:
                    continue
                name = _text(wish.get("name")) or label or given
                prefix = _text(record.get("title")) or record["type"]
                if name in seen:
                    name = f"{prefix} {name}"
                if name in seen:
                    name = f"{prefix}  {part} {label or given}"
                seen.add(name)
                link_id = str(len(self.group.links) + 1)
                self.group.links[link_id] = Wire(part, output, OUTLET, len(self.group.outputs))
                self.group.outputs.append(name)

    def _outputs_of(self, part: str, record: Record) -> list[tuple[str, str]]:
        """(label, name) of a part's outputs."""
        if record["type"] == REROUTE:
            return [("", self.kinds.get(part, "*"))]
        slots = record.get("outputs") or ()
        spec = self.group.specs.get(part)
        if slots or spec is None:
            return [(_text(slot.get("label")), name_of(slot) or type_of(slot)) for slot in slots]
        return [("", each.name) for each in spec.outputs]

    def _listed(self, key: str) -> list[list[Any]]:
        """A list of lists. Raises: GraphError, naming the place."""
        found = self.raw.get(key) or []
        if not isinstance(found, list) or not all(isinstance(each, list) for each in found):
            raise damage(say("{graph}, {key}", graph=self.group.title, key=key), found, say("a list of lists"))
        for each in found:
            if key == "links" and len(each) < 4:
                raise damage(
                    say("{graph}, links", graph=self.group.title), each, say("[source, output, target, input, ...]")
                )
        return found


def _primitive_spec(record: Record) -> NodeSpec:
    """A primitive's own widget, with a control where its values have one."""
    values = record.get("widgets_values")
    controlled = isinstance(values, list) and len(values) > 1
    options = {"widgetType": "*", "control_after_generate": controlled}
    return NodeSpec(PRIMITIVE, (InputSpec("value", "INT" if controlled else "*", options=options),))


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < 1 << 31 else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
