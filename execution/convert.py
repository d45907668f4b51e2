"""A workflow of either form as the API form: plain graphs with primitives, reroutes, notes, bypass and mute.

What makes no node of the result: notes, primitives and reroutes, and nodes that are muted (mode 2) or bypassed (4).
Subgraphs and the older group nodes are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.spec import NodeSpec, types_match
from heddle.graph.workflow import Prompt, form_of, refuse_unreadable

MUTED, BYPASSED = 2, 4
NOTES = frozenset({"Note", "MarkdownNote"})
VIRTUAL = NOTES | {"Reroute", "PrimitiveNode"}
CONTROLS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})


def to_prompt(document: Any, nodes: Mapping[str, NodeSpec]) -> Prompt:
    """The API form of a workflow document.

    Raises: GraphError, if it is no workflow or holds what cannot be converted yet.
    """
    if form_of(document) == "api":
        for node_id, node in document.items():
            refuse_unreadable(str(node_id), node)
        return {str(node_id): dict(node) for node_id, node in document.items()}
    return _Saved(document, nodes).convert()


def metadata_of(document: Any) -> dict[str, Any]:
    """What pictures made from a document carry besides the API form: the saved form, if it is one."""
    return {"workflow": document} if form_of(document) == "saved" else {}


@dataclass(frozen=True)
class _Wire:
    source: str
    output: int
    target: str
    type: str


@dataclass(frozen=True)
class _Value:
    """A primitive's value, written where its link ends."""

    value: Any


class _Saved:
    """A saved form, its nodes and links by id."""

    def __init__(self, document: Mapping[str, Any], nodes: Mapping[str, NodeSpec]) -> None:
        self.specs = nodes
        self.records: dict[str, Mapping[str, Any]] = {}
        doubles: list[Mapping[str, Any]] = []
        for record in document["nodes"]:
            _refuse_damage(record)
            if self.records.setdefault(str(record["id"]), record) is not record:
                doubles.append(record)
        # Two nodes with one number: the first keeps it, and links mean that one; the others get numbers of their own.
        free = 1 + max((int(each) for each in self.records if each.isdecimal()), default=0)
        self.records |= {str(free + i): record for i, record in enumerate(doubles)}
        definitions = document.get("definitions")
        subgraphs = _objects(definitions.get("subgraphs"), "definitions") if isinstance(definitions, Mapping) else []
        self._refuse_groups({str(each.get("id")): str(each.get("name", "")) for each in subgraphs})
        links = document.get("links") or []
        if not isinstance(links, list):
            raise GraphError(f"the workflow's links are {str(links)[:80]}, wanted a list; save the workflow again")
        self.links = dict(_read_link(each) for each in links if each is not None)

    def _refuse_groups(self, subgraphs: Mapping[str, str]) -> None:
        for node_id, record in self.records.items():
            kind = record["type"]
            name = subgraphs.get(kind) or (kind.split("workflow", 1)[1][1:] if kind.startswith("workflow") else "")
            if kind in subgraphs or name:
                raise GraphError(
                    f"node {node_id}: {name!r} is a subgraph, and subgraphs cannot be run yet; unpack it in the editor "
                    "that made it, or export the workflow in API form",
                    node_id=node_id,
                    class_type=kind,
                )

    def convert(self) -> Prompt:
        ranked = sorted(self.records.items(), key=lambda entry: _rank(entry[1]))
        prompt = {
            node_id: self._convert_node(record)
            for node_id, record in ranked
            if record["type"] not in VIRTUAL and _mode(record) not in (MUTED, BYPASSED)
        }
        for node in prompt.values():
            node["inputs"] = {
                name: value
                for name, value in node["inputs"].items()
                if not (isinstance(value, list) and str(value[0]) not in prompt)
            }
        return prompt

    def _convert_node(self, record: Mapping[str, Any]) -> dict[str, Any]:
        kind = record["type"]
        spec = self.specs.get(kind)
        inputs: dict[str, Any] = {}
        if spec is not None:
            for name, value in widget_values(record, spec).items():
                inputs[name] = {"__value__": value} if isinstance(value, list) else value
        for slot in record.get("inputs") or []:
            if slot.get("link") is None:
                continue
            name = slot.get("name", "")
            wanted = spec.input(name) if spec else None
            found = self._source(str(slot["link"]), wanted.type if wanted else str(slot.get("type") or "*"))
            if isinstance(found, _Value):
                inputs[name] = {"__value__": found.value} if isinstance(found.value, list) else found.value
            elif found is not None:
                inputs[name] = [found.source, found.output]
        title = record.get("title") or (spec.display_name if spec else "") or kind
        return {"class_type": spec.id if spec else kind, "inputs": inputs, "_meta": {"title": str(title)}}

    def _source(self, link_id: str, wanted: str) -> _Wire | _Value | None:
        """What feeds a link in the end, through reroutes and bypassed nodes; None if nothing does."""
        passed: set[str] = set()
        while link_id not in passed:
            passed.add(link_id)
            wire = self.links.get(link_id)
            record = self.records.get(wire.source) if wire else None
            if wire is None or record is None:
                return None
            slots = record.get("inputs") or []
            if _mode(record) == MUTED:
                return None
            if record["type"] == "PrimitiveNode":
                values = record.get("widgets_values")
                return _Value(values[0]) if isinstance(values, list) and values else None
            if record["type"] == "Reroute":
                slot = slots[0] if slots else None
            elif _mode(record) == BYPASSED:
                slot = _passed_through(record, wire.output, wanted)
            else:
                return wire
            if slot is None or slot.get("link") is None:
                return None
            link_id = str(slot["link"])
        raise GraphError("the workflow's reroutes or bypassed nodes form a circle; take one of these links away")


def _passed_through(record: Mapping[str, Any], output: int, wanted: str) -> Mapping[str, Any] | None:
    """The input that a bypassed node passes on to an output, for a consumer that wants a type."""
    slots = record.get("inputs") or []
    outputs = record.get("outputs") or []
    if not slots:
        return None
    same = slots[output] if output < len(slots) else None
    if wanted == "*":
        return same or slots[0]
    given = _type_of(outputs[output]) if output < len(outputs) else "*"
    if same and types_match(_type_of(same), given) and types_match(_type_of(same), wanted):
        return same
    exact = next((slot for slot in slots if _type_of(slot) == wanted), None)
    return exact or next((slot for slot in slots if types_match(_type_of(slot), wanted)), None)


def widget_values(record: Mapping[str, Any], spec: NodeSpec) -> dict[str, Any]:
    """The values of a saved node's widgets by name, defaults where the file has too few.

    Values by name win over the positional list: that one shifts when a node gains or loses a widget.
    """
    saved = record.get("widgets_values")
    by_name = record.get("widgets_values_named")
    named: Mapping[str, Any] = by_name if isinstance(by_name, Mapping) else saved if isinstance(saved, Mapping) else {}
    positional = list(saved) if isinstance(saved, list) else []
    values: dict[str, Any] = {}
    position = 0
    for widget in spec.widgets:
        given = position < len(positional)
        if given:
            values[widget.name] = positional[position]
        elif widget.has_default:
            values[widget.name] = widget.options["default"]
        elif widget.choices:
            values[widget.name] = widget.choices[0]
        position += 1
        if widget.companions and position < len(positional) and str(positional[position]) in CONTROLS:
            position += widget.companions
        if widget.name in named:
            values[widget.name] = named[widget.name]
    return values


def _refuse_damage(record: Any) -> None:
    """Raises: GraphError, if a saved node is not in a form that can be relied on from here on."""
    if not isinstance(record, Mapping) or "id" not in record or not isinstance(record.get("type"), str):
        raise GraphError(f"the workflow has a node without id or type: {str(record)[:80]}; save the workflow again")
    for side in ("inputs", "outputs"):
        place = f"node {record['id']} ({record['type']}), {side}"
        for slot in _objects(record.get(side), place):
            if not isinstance(slot.get("name", ""), str):
                raise GraphError(f"{place}: found the name {slot['name']!r}, wanted a text; save the workflow again")


def _objects(found: Any, place: str) -> list[Mapping[str, Any]]:
    """A list of objects; none at all is an empty one. Raises: GraphError, naming the place."""
    if not isinstance(found or [], list) or not all(isinstance(each, Mapping) for each in found or []):
        raise GraphError(f"{place}: found {str(found)[:80]}, wanted a list of objects; save the workflow again")
    return found or []


def _mode(record: Mapping[str, Any]) -> int:
    """Whether a node is muted or bypassed; some programs write the number as a text."""
    mode = record.get("mode")
    return int(mode) if isinstance(mode, (int, float, str)) and str(mode) in ("2", "4", "2.0", "4.0") else 0


def _read_link(entry: Any) -> tuple[str, _Wire]:
    try:
        if isinstance(entry, Mapping):
            link_id, source, output, target = (entry[key] for key in ("id", "origin_id", "origin_slot", "target_id"))
            kind = entry.get("type")
        else:
            link_id, source, output, target, _, *rest = entry
            kind = rest[0] if rest else "*"
        return str(link_id), _Wire(str(source), int(output), str(target), _type_name(kind))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise GraphError(f"the workflow has a link in a form that cannot be read: {str(entry)[:80]}") from None


def _type_of(slot: Mapping[str, Any]) -> str:
    return _type_name(slot.get("type"))


def _type_name(kind: Any) -> str:
    """A slot's type as a text; very old files have 0 or -1 for any, some have lists."""
    if isinstance(kind, (list, tuple)):
        return ",".join(map(str, kind))
    return kind if isinstance(kind, str) and kind else "*"


def _rank(record: Mapping[str, Any]) -> tuple[int, float]:
    order = record.get("order")
    return (0, order) if isinstance(order, (int, float)) else (1, 0)
