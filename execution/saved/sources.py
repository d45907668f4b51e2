"""What feeds a link in the end: through reroutes, bypassed nodes, into subgraphs and out of them.

Each walk keeps its own path, so a chain may be as long as it likes; what one walk found, later ones share.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from execution.saved.places import Place
from execution.saved.records import (
    BYPASSED,
    INLET,
    MUTED,
    PRIMITIVE,
    REROUTE,
    VIRTUAL,
    Record,
    first_of_type,
    link_of,
    mode_of,
    opposite,
)
from heddle.graph.errors import GraphError


class Source(NamedTuple):
    """An output of a node."""

    place: Place
    node: str
    output: int


class Value(NamedTuple):
    """A value that is written where its link ends: a primitive's, or that of a promoted widget.

    `origin` names the widget that holds it.
    """

    value: Any
    origin: str


class _Nothing(NamedTuple):
    """The end of a walk at nothing. `is_open`: at a promoted widget without a value, so that one further in counts."""

    is_open: bool


_Step = tuple[Place, str, int, str]


class Sources:
    """Follows links, and remembers where they lead."""

    def __init__(self) -> None:
        self._known: dict[_Step, Source | Value | _Nothing] = {}
        self._by_type: dict[tuple[Place, str, str], Record | None] = {}

    def find(self, place: Place, link_id: str, wanted: str) -> Source | Value | None:
        """What a link brings to an input of type `wanted`; None if nothing.

        Raises: GraphError, if reroutes or bypassed nodes lead in a circle.
        """
        steps: dict[_Step, None] = {}
        spare: Value | None = None  # of the outermost instance on the way that has a value
        spared_at = 0
        found: Source | Value | _Nothing | None = None
        at: tuple[Place, str] | None = (place, link_id)
        while found is None:
            assert at is not None, "a walk goes on or has found its end"
            place, link_id = at
            wire = place.graph.links.get(link_id)
            if wire is None:
                found = _Nothing(is_open=False)
                break
            step = (place, wire.source, wire.output, wanted)
            if step in steps:
                raise GraphError(
                    f"{place.graph.title}: reroutes or bypassed nodes form a circle; take one of these links away",
                    node_id=f"{place.path}{wire.source}",
                )
            if step in self._known:
                found = self._known[step]
                break
            steps[step] = None
            if place.above is not None and wire.source == INLET:
                found, at, value = _leave(place, wire.output)
                if value is not None and found is None:
                    spare, spared_at = value, len(steps)
            else:
                record = place.graph.nodes.get(wire.source)
                found, at = (_Nothing(False), None) if record is None else self._pass(record, step)
        ending = spare if spare is not None and isinstance(found, _Nothing) and found.is_open else found
        for number, step in enumerate(steps, 1):
            self._known[step] = ending if number <= spared_at else found
        return None if isinstance(ending, _Nothing) else ending

    def _pass(self, record: Record, step: _Step) -> tuple[Source | Value | _Nothing | None, tuple[Place, str] | None]:
        """Through a node that is none of the result's, or to the end at one that is."""
        place, node_id, output, wanted = step
        mode, kind = mode_of(record), record["type"]
        slots = record.get("inputs") or ()
        if mode == MUTED:
            return _Nothing(is_open=False), None
        if mode == BYPASSED:
            slot = opposite(record, output, wanted) or self._first_of_type(place, node_id, record, wanted)
        elif (inner := place.inside.get(node_id)) is not None:
            link_id = inner.outlet(output)
            return (_Nothing(is_open=False), None) if link_id is None else (None, (inner, link_id))
        elif kind == REROUTE:
            slot = slots[0] if slots else None
        elif kind == PRIMITIVE:
            return _value_of_primitive(place, node_id, record), None
        elif kind in VIRTUAL:
            return _Nothing(is_open=False), None
        else:
            return Source(place, node_id, output), None
        if slot is None or not link_of(slot):
            return _Nothing(is_open=False), None
        return None, (place, link_of(slot))

    def _first_of_type(self, place: Place, node_id: str, record: Record, wanted: str) -> Record | None:
        key = place, node_id, wanted
        if key not in self._by_type:
            self._by_type[key] = first_of_type(record, wanted)
        return self._by_type[key]


def _leave(place: Place, index: int) -> tuple[Source | Value | _Nothing | None, tuple[Place, str] | None, Value | None]:
    """From inside an instance to what feeds its input: the end, or where to go on, and the input's own value."""
    above = place.above
    assert above is not None, "only an instance has an outside"
    name = place.graph.inputs[index] if 0 <= index < len(place.graph.inputs) else None
    if name is None:
        return _Nothing(is_open=False), None, None
    value = Value(place.values[name], f"{place.path}{name}") if name in place.values else None
    slot = place.slots.get(name)
    link_id = link_of(slot) if slot is not None else ""
    if link_id in above.graph.links:
        return None, (above, link_id), value
    return value or _Nothing(is_open=True), None, value


def _value_of_primitive(place: Place, node_id: str, record: Record) -> Value | _Nothing:
    origin = f"{place.path}{node_id}.value"
    given = place.given.get(node_id, {})
    if "value" in given:
        return Value(given["value"], origin)
    for found in (record.get("widgets_values_named"), record.get("widgets_values")):
        if isinstance(found, dict) and "value" in found:
            return Value(found["value"], origin)
        if isinstance(found, list) and found:
            return Value(found[0], origin)
    return _Nothing(is_open=False)
