"""What feeds a link in the end: through reroutes, bypassed nodes, into subgraphs and out of them.

Each walk keeps its own path, so a chain may be as long as it likes; what one walk found, later ones share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from execution.saved.places import Place
from execution.saved.records import (
    BYPASSED,
    INLET,
    MUTED,
    Record,
    first_of_type,
    link_of,
    mode_of,
    name_of,
    opposite,
)
from execution.saved.virtual import SETTERS, Role
from execution.saved.widgets import NO_VALUE, first_value
from heddle.graph.errors import GraphError
from heddle.graph.said import say


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
    """Follows links, and remembers where they lead.

    Args:
        roles: what comes out of the virtual nodes, by their types.
        value_of: what a widget of a node holds, NO_VALUE if the node has no such widget.
    """

    def __init__(self, roles: Mapping[str, Role], value_of: Callable[[Place, str, str], Any]) -> None:
        self._roles = roles
        self._value_of = value_of
        self._setters: dict[Place, dict[tuple[str, str], str]] = {}
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
                    say(
                        "{graph}: reroutes or bypassed nodes form a circle; take one of these links away",
                        graph=place.graph.title,
                    ),
                    node_id=f"{place.path}{wire.source}",
                )
            if step in self._known:
                found = self._known[step]
                break
            steps[step] = None
            if place.above is not None and wire.source == INLET:
                found, at, value = self._leave(place, wire.output)
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
        mode, role = mode_of(record), self._roles.get(record["type"])
        if role is Role.VALUE:  # it stands in the widget that it drives, whatever becomes of the node
            return _value_of_primitive(place, node_id, record), None
        if mode == MUTED:
            return _Nothing(is_open=False), None
        if mode == BYPASSED:
            slot = opposite(record, output, wanted) or self._first_of_type(place, node_id, record, wanted)
        elif (inner := place.inside.get(node_id)) is not None:
            link_id = inner.outlet(output)
            return (_Nothing(is_open=False), None) if link_id is None else (None, (inner, link_id))
        elif role is Role.PASSES:
            slot = _first_linked(record)
        elif role is Role.GETS:
            place, slot = self._find_setter(place, record)
        elif role is Role.NOTHING:
            return _Nothing(is_open=False), None
        else:
            return Source(place, node_id, output), None
        if slot is None or not link_of(slot):
            return _Nothing(is_open=False), None
        return None, (place, link_of(slot))

    def _leave(
        self, place: Place, index: int
    ) -> tuple[Source | Value | _Nothing | None, tuple[Place, str] | None, Value | None]:
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
        return value or self._look_inside(place, name) or _Nothing(is_open=True), None, value

    def _look_inside(self, place: Place, name: str) -> Value | None:
        """The value of the first widget behind an input, which stands for all behind it where the instance has none."""
        while name in place.graph.promoted:
            for node_id, slot in place.graph.behind.get(name, ()):
                inner, widget = place.inside.get(node_id), name_of(slot)
                if inner is not None and widget in inner.values:
                    return Value(inner.values[widget], f"{inner.path}{widget}")
                if inner is not None and widget in inner.graph.promoted:
                    place, name = inner, widget
                    break
                value = NO_VALUE if inner is not None else self._value_of(place, node_id, widget)
                if value is not NO_VALUE:
                    return Value(value, f"{place.path}{node_id}.{widget}")
            else:
                return None
        return None

    def _find_setter(self, place: Place, record: Record) -> tuple[Place, Record | None]:
        """The input of the node that sets the name that another gets, sought here and then further out."""
        name = first_value(record)
        around: Place | None = place if isinstance(name, str) else None
        while around is not None:
            if around not in self._setters:
                self._setters[around] = _setters_in(around)
            node_id = self._setters[around].get((SETTERS[record["type"]], name))
            if node_id is not None:
                return around, _first_linked(around.graph.nodes[node_id])
            around = around.above
        return place, None

    def _first_of_type(self, place: Place, node_id: str, record: Record, wanted: str) -> Record | None:
        key = place, node_id, wanted
        if key not in self._by_type:
            self._by_type[key] = first_of_type(record, wanted)
        return self._by_type[key]


def _value_of_primitive(place: Place, node_id: str, record: Record) -> Value | _Nothing:
    value = place.given.get(node_id, {}).get("value", first_value(record))
    return _Nothing(is_open=False) if value is NO_VALUE else Value(value, f"{place.path}{node_id}.value")


def _first_linked(record: Record) -> Record | None:
    return next((slot for slot in record.get("inputs") or () if link_of(slot)), None)


def _setters_in(place: Place) -> dict[tuple[str, str], str]:
    """The nodes that set names, by their types and the names; of two for one name the first counts."""
    kinds = frozenset(SETTERS.values())
    found: dict[tuple[str, str], str] = {}
    for node_id, record in place.graph.nodes.items():
        name = first_value(record) if record["type"] in kinds else None
        if isinstance(name, str) and name:
            found.setdefault((record["type"], name), node_id)
    return found
