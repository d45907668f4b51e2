"""One graph of a saved workflow, read into nodes and links by id. What is damaged is refused in words.

Both generations of the schema are read, links as tuples and links as objects. Slots are known by name: the place of an
input says nothing, and a link ends where a slot holds its id.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.graph.spec import MATCH_TYPE

Record = Mapping[str, Any]

MUTED, BYPASSED = 2, 4

#: Inside a subgraph's definition: where links from the outside start, and where links to the outside end.
INLET, OUTLET = "-10", "-20"

_MODES = {2: MUTED, 4: BYPASSED, "2": MUTED, "4": BYPASSED, "2.0": MUTED, "4.0": BYPASSED}  # some write a text


class Wire(NamedTuple):
    """A link: from an output of a node to a slot of another. The slot counts at the outlet alone."""

    source: str
    output: int
    target: str
    slot: int


@dataclass
class Graph:
    """The workflow itself, the definition of a subgraph, or that of an older group node.

    `inputs` and `outputs` are the names a definition shows to the outside; the workflow itself has none. `promoted` are
    the inputs behind which there is a widget, `marked` those that the file calls widgets. `fed` are the links that the
    file names for each input, in the order in which they were drawn. `notes` are for the person,
    as is the `name` of a definition.
    """

    title: str
    nodes: dict[str, Record]
    links: dict[str, Wire]
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    fed: list[list[str]] = field(default_factory=list)
    promoted: list[str] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    name: str = ""

    @cached_property
    def ranked(self) -> list[tuple[str, Record]]:
        """The nodes in the order in which the editor ran them last."""
        return sorted(self.nodes.items(), key=lambda entry: _rank(entry[1]))

    @cached_property
    def input_names(self) -> frozenset[str]:
        return frozenset(self.inputs)

    @cached_property
    def outlets_by_name(self) -> dict[str, str | None]:
        """Which link ends at the output of a name; None for an output that nothing feeds."""
        return {name: self.outlets.get(place) for place, name in reversed(list(enumerate(self.outputs)))}

    @cached_property
    def outlets(self) -> dict[int, str]:
        """Which link ends at which output of a definition."""
        found: dict[int, str] = {}
        for link_id, wire in self.links.items():
            if wire.target == OUTLET:
                found.setdefault(wire.slot, link_id)
        return found

    @cached_property
    def behind(self) -> dict[str, list[tuple[str, Record]]]:
        """The slots inside that each input of the definition feeds, as (node, slot), in the order of their links."""
        ends: dict[str, list[tuple[str, Record]]] = {}
        for node_id, record in self.nodes.items():
            for slot in record.get("inputs") or ():
                if link_id := link_of(slot):
                    ends.setdefault(link_id, []).append((node_id, slot))
        found: dict[str, list[tuple[str, Record]]] = {}
        for link_id in dict.fromkeys([*chain.from_iterable(self.fed), *self.links]):
            wire = self.links.get(link_id)
            if wire is not None and wire.source == INLET and 0 <= wire.output < len(self.inputs):
                found.setdefault(self.inputs[wire.output], []).extend(ends.get(link_id, ()))
        return found


def read_graph(document: Record, title: str, *, is_definition: bool = False) -> Graph:
    """The nodes and links of a workflow or of a subgraph's definition.

    Raises: GraphError, if a node, a slot or a link is in no form that can be read.
    """
    nodes: dict[str, Record] = {}
    doubles: list[Record] = []
    listed = document.get("nodes")
    if not isinstance(listed or [], list):
        raise damage(say("{title}, nodes", title=title), listed, say("a list"))
    for record in listed or ():
        _refuse_damage(record, title)
        if nodes.setdefault(str(id_text(record["id"])), record) is not record:
            doubles.append(record)
    # Two nodes with one number: the first keeps it, and links mean that one; the others get numbers of their own.
    free = 1 + max((int(each) for each in nodes if each.isdecimal() and len(each) < 19), default=0)
    nodes |= {str(free + i): record for i, record in enumerate(doubles)}
    links = dict(_read_link(each, title) for each in _listed_links(document.get("links"), title))
    _settle_ends(nodes, links)
    if not is_definition:
        return Graph(title, nodes, links)
    inputs, outputs = (_names_of(document, side, title) for side in ("inputs", "outputs"))
    fed = [_ids_in(slot.get("linkIds")) for slot in document.get("inputs") or ()]
    return Graph(title, nodes, links, inputs, outputs, fed)


def objects_in(found: Any, place: str) -> list[Record]:
    """A list of objects; none at all is an empty one. Raises: GraphError, naming the place."""
    if not isinstance(found or [], list):
        raise damage(place, found, say("a list of objects"))
    for each in found or ():
        if not isinstance(each, Mapping):
            raise damage(place, each, say("an object"))
    return found or []


def damage(place: str, found: Any, wanted: str) -> GraphError:
    """The error for what is in no form that can be read."""
    return GraphError(
        say(
            "{place}: found {found}, wanted {wanted}; save the workflow again",
            place=place,
            found=shown(found),
            wanted=wanted,
        )
    )


def mapping_in(record: Record, key: str) -> Record:
    """What a record keeps under a key if that is an object, else an empty one."""
    found = record.get(key)
    return found if isinstance(found, Mapping) else {}


def id_text(value: Any) -> str | None:
    """An id as a text, since files write 8, "8" and 8.0; None if it is no id."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if -(1 << 63) <= value < 1 << 64 else None
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else None


def link_of(slot: Record) -> str:
    """The id of the link that an input holds, "" if it is not linked."""
    return id_text(slot.get("link")) or ""


def name_of(slot: Record) -> str:
    """The name of a slot, "" if it has none."""
    return slot.get("name") or ""


def mode_of(record: Record) -> int:
    """Whether a node is muted or bypassed, else 0."""
    mode = record.get("mode")
    return _MODES.get(mode, 0) if isinstance(mode, (int, float, str)) else 0


def shown(value: Any) -> str:
    """A value as a message quotes it: short, however large or deep it is."""
    try:
        text = reprlib.repr(value)
    except ValueError:  # a number of thousands of digits, which Python does not write out
        text = say("a number without end")
    return text if len(text) <= 80 else f"{text[:77]}..."


def type_of(slot: Record) -> str:
    """A slot's type as a text; very old files have 0 or -1 for any, some have lists, some a type that is still open."""
    kind = slot.get("type")
    if isinstance(kind, (list, tuple)):
        return ",".join(each for each in kind if isinstance(each, str)) or "*"
    return kind if isinstance(kind, str) and kind and kind != MATCH_TYPE else "*"


def opposite(record: Record, output: int, wanted: str) -> Record | None:
    """The input that a bypassed node passes on to an output because it stands in the same place.

    Args:
        wanted: the type of the input that is fed in the end.
    """
    slots = record.get("inputs") or []
    outputs = record.get("outputs") or []
    same = slots[output] if 0 <= output < len(slots) else None
    if wanted == "*":
        return same or (slots[0] if slots else None)
    given = type_of(outputs[output]) if 0 <= output < len(outputs) else "*"
    return same if same and fit(type_of(same), given) and fit(type_of(same), wanted) else None


def first_of_type(record: Record, wanted: str) -> Record | None:
    """The first input of a type, else the first that fits it: what a bypassed node passes on otherwise."""
    slots = record.get("inputs") or []
    exact = next((slot for slot in slots if type_of(slot) == wanted), None)
    return exact or next((slot for slot in slots if fit(type_of(slot), wanted)), None)


def fit(one: str, other: str) -> bool:
    """As editors join types. The engine lets more pass (a text for a choice), which would pick another input here."""
    ours = {name.strip().upper() for name in one.split(",")}
    theirs = {name.strip().upper() for name in other.split(",")}
    return bool(ours & theirs or (ours | theirs) & {"*", "", "0"})


def _refuse_damage(record: Any, title: str) -> None:
    """Raises: GraphError, if a saved node is not in a form that can be relied on from here on."""
    named = isinstance(record, Mapping) and id_text(record.get("id")) is not None
    if not named or not isinstance(record.get("type"), str):
        raise GraphError(
            say(
                "{title} has a node without id or type: {found}; save the workflow again",
                title=title,
                found=shown(record),
            )
        )
    for side in ("inputs", "outputs"):
        words = "{title}, node {node} ({type}), {side}"
        place = say(words, title=title, node=record["id"], type=record["type"][:80], side=side)
        for slot in objects_in(record.get(side), place):
            if not isinstance(slot.get("name"), (str, type(None))):
                raise damage(say("{place}, name", place=place), slot["name"], say("a text"))
            if slot.get("link") is not None and id_text(slot["link"]) is None:
                raise damage(say("{place}, link", place=place), slot["link"], say("the number of a link"))


def _listed_links(found: Any, title: str) -> list[Any]:
    if isinstance(found, Mapping):  # the oldest files: links by their ids
        found = list(found.values())
    if not isinstance(found or [], list):
        raise damage(say("{title}, links", title=title), found, say("a list"))
    return [each for each in found or () if each is not None]


def _read_link(entry: Any, title: str) -> tuple[str, Wire]:
    try:
        if isinstance(entry, Mapping):
            link_id, source, output = entry["id"], entry["origin_id"], entry["origin_slot"]
            target, slot = entry.get("target_id"), entry.get("target_slot", -1)
        else:
            link_id, source, output, target, *rest = entry
            slot = rest[0] if rest else -1
        texts = id_text(link_id), id_text(source)
        if texts[0] is None or texts[1] is None:
            raise ValueError
        return texts[0], Wire(texts[1], int(output), id_text(target) or "", whole(slot))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise GraphError(
            say(
                "{title} has a link in a form that cannot be read: found {found}, wanted [id, source "
                "node, output, target node, input, type] or an object of these; save the workflow again",
                title=title,
                found=shown(entry),
            )
        ) from None


def _settle_ends(nodes: dict[str, Record], links: Mapping[str, Wire]) -> None:
    """Let slots and links agree on where links end, as editors do when they open a file.

    The link names the node, since copies of nodes keep the links of the first in their slots. The slot that holds a
    link says which input it is; for a link that no slot of its node holds, its own number does.
    """
    changed: dict[str, list[Record]] = {}

    def set_link(node_id: str, place: int, link_id: str | None) -> None:
        record = nodes[node_id]
        if node_id not in changed:
            changed[node_id] = list(record["inputs"])
            nodes[node_id] = {**record, "inputs": changed[node_id]}
        changed[node_id][place] = {**changed[node_id][place], "link": link_id}

    held: set[tuple[str, str]] = set()
    for node_id, record in [*nodes.items()]:
        for place, slot in enumerate(record.get("inputs") or ()):
            wire = links.get(link_id := link_of(slot))
            if wire is not None and wire.target not in (node_id, ""):
                set_link(node_id, place, None)
            else:
                held.add((node_id, link_id))
    for link_id, wire in links.items():
        if (wire.target, link_id) not in held and wire.target in nodes:
            slots = nodes[wire.target].get("inputs") or ()
            if 0 <= wire.slot < len(slots) and link_of(slots[wire.slot]) not in links:
                set_link(wire.target, wire.slot, link_id)


def _ids_in(found: Any) -> list[str]:
    """The ids in a list; what is none is passed over."""
    return [text for each in found if (text := id_text(each))] if isinstance(found, list) else []


def whole(slot: Any) -> int:
    """The place of a slot, -1 if that is no number."""
    try:
        return int(slot)
    except (TypeError, ValueError, OverflowError):
        return -1  # the target's place counts at the outlet only, and files hold all sorts elsewhere


def _names_of(document: Record, side: str, title: str) -> list[str]:
    """The names that a definition gives to its inputs or outputs."""
    names = []
    for slot in objects_in(document.get(side), f"{title}, {side}"):
        if not isinstance(slot.get("name"), (str, type(None))):
            raise GraphError(
                say(
                    "{title}, {side}: found the name {name}, wanted a text; save the workflow again",
                    title=title,
                    side=side,
                    name=shown(slot["name"]),
                )
            )
        names.append(name_of(slot))
    return names


def _rank(record: Record) -> tuple[int, float]:
    order = record.get("order")
    return (0, order) if isinstance(order, (int, float)) else (1, 0)
