"""A graph in the API form as a workflow in the saved form: what `execution.convert` does, backwards.

Values are written by name as well as in the list that older editors read. A plain value on an input that is no widget
gets a primitive node. Unknown types become nodes that keep all their inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.layout import Size, lay_out
from execution.saved.virtual import PRIMITIVE
from execution.saved.widgets import CONTROLS, NO_VALUE, widget_values
from heddle.graph.dynamic import inputs_of_choice, resolve_inputs, unwrapped
from heddle.graph.errors import GraphError
from heddle.graph.quoting import short
from heddle.graph.said import say
from heddle.graph.spec import DYNAMIC_COMBO, MATCH_TYPE, UPLOADS, InputSpec, NodeSpec, OutputSpec
from heddle.graph.workflow import form_of, is_link, refuse_unreadable

WIDTH_PX = 320
_ROW_PX, _WIDGET_PX, _TEXT_PX, _PICTURE_PX, _EDGE_PX = 20, 24, 140, 220, 16
_OPTIONAL_SHAPE, _LIST_SHAPE = 7, 6
_LARGEST_ID = 2**53
_OPEN_TYPES = ("COMFY_", "*")


@dataclass
class Saved:
    """The saved form, and what of the graph could not be said in it."""

    workflow: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def to_workflow(prompt: Any, nodes: Mapping[str, NodeSpec]) -> Saved:
    """The saved form (schema 0.4) of a graph, laid out from left to right. Converted back, it is the same graph.

    Inputs that a known node declares as widgets and that the graph leaves out get their defaults, as anywhere.
    Raises: GraphError, if it is no graph in the API form.
    """
    if form_of(prompt) != "api":
        raise GraphError(say("this workflow has the saved form already"))
    return _Writer(prompt, nodes).write()


class _Writer:
    def __init__(self, prompt: Mapping[str, Any], nodes: Mapping[str, NodeSpec]) -> None:
        self._nodes = nodes
        self._prompt: dict[str, Mapping[str, Any]] = {}
        for node_id, node in prompt.items():
            refuse_unreadable(str(node_id), node)
            if not isinstance(node["class_type"], str):
                raise GraphError(
                    say(
                        "node {node}: class_type is {found}, wanted the name of a node type",
                        node=node_id,
                        found=short(node["class_type"]),
                    ),
                    node_id=str(node_id),
                    kind="invalid_prompt",
                )
            self._prompt[str(node_id)] = node
        self._ids = {node_id: _saved_id(node_id) for node_id in self._prompt}
        self._last_id = max((each for each in self._ids.values() if isinstance(each, int)), default=0)
        self._records: dict[str, dict[str, Any]] = {}
        self._primitives: list[dict[str, Any]] = []
        self._links: list[list[Any]] = []
        self._wanted: list[tuple[str, int, str, int, str]] = []  # source, output, target, slot, type of the slot
        self._notes: list[str] = []

    def write(self) -> Saved:
        for node_id in self._prompt:
            self._write_node(node_id)
        for source, output, target, slot, kind in self._wanted:
            self._link(source, output, target, slot, kind)
        records = [*self._records.values(), *self._primitives]
        place = {record["id"]: number for number, record in enumerate(records)}
        edges = [(place[source], place[target]) for _, source, _, target, _, _ in self._links]
        sizes = [Size(*record["size"]) for record in records]
        for order, (record, pos) in enumerate(zip(records, lay_out(sizes, edges), strict=True)):
            record["pos"], record["order"] = list(pos), order
        workflow = {
            "revision": 0,
            "last_node_id": self._last_id,
            "last_link_id": len(self._links),
            "nodes": records,
            "links": self._links,
            "groups": [],
            "config": {},
            "extra": {},
            "version": 0.4,
        }
        return Saved(workflow, self._notes)

    def _write_node(self, node_id: str) -> None:
        node = self._prompt[node_id]
        kind = node["class_type"]
        spec = self._nodes.get(kind)
        meta = node["_meta"] if isinstance(node.get("_meta"), Mapping) else {}
        links, values = self._split(node_id, node.get("inputs") or {})
        record: dict[str, Any] = {
            "id": self._ids[node_id],
            "type": kind,
            "pos": [0, 0],
            "size": [WIDTH_PX, 0],
            "flags": {},
            "order": 0,
            "mode": 0,
            "inputs": [],
            "outputs": [_output(each) for each in spec.outputs] if spec else [],
            "properties": {"Node name for S&R": kind} | _properties(meta),
        }
        title = meta.get("title")
        if isinstance(title, str) and title and title != (spec.display_name if spec else kind):
            record["title"] = title
        if spec is None:
            slots = [InputSpec(name, "*") for name in links]
            widgets = [InputSpec(name, _type_of_value(value)) for name, value in values.items()]
            record["widgets_values"], record["widgets_values_named"] = list(values.values()), dict(values)
        else:
            slots, widgets = self._fill_known(record, spec, links, values)
        record["inputs"] = [*map(_slot, slots), *(_slot(each) | {"widget": {"name": each.name}} for each in widgets)]
        self._records[node_id] = record
        declared = {each.name: each.type for each in (*slots, *widgets)}
        places = {slot["name"]: number for number, slot in enumerate(record["inputs"])}
        for name, (source, output) in links.items():
            self._wanted.append((source, output, node_id, places[name], declared[name]))
        for name, value in values.items():
            if spec is not None and name in places and "widget" not in record["inputs"][places[name]]:
                self._put_primitive(node_id, places[name], name, declared[name], value)
        record["size"][1] = _height(record, widgets)

    def _split(self, node_id: str, inputs: Mapping[str, Any]) -> tuple[dict[str, tuple[str, int]], dict[str, Any]]:
        """The inputs that are linked, and the values of the others."""
        links: dict[str, tuple[str, int]] = {}
        values: dict[str, Any] = {}
        for name, value in inputs.items():
            if not is_link(value):
                values[str(name)] = unwrapped(value)
            elif str(value[0]) in self._prompt and 0 <= value[1] < _LARGEST_ID and int(value[1]) == value[1]:
                links[str(name)] = (str(value[0]), int(value[1]))
            else:
                self._notes.append(
                    say(
                        "node {node}, {input}: it was linked to output {output} of node {source}, which is not there; "
                        "link it anew",
                        node=node_id,
                        input=name,
                        output=short(value[1]),
                        source=short(value[0]),
                    )
                )
        return links, values

    def _fill_known(
        self,
        record: dict[str, Any],
        spec: NodeSpec,
        links: Mapping[str, tuple[str, int]],
        values: Mapping[str, Any],
    ) -> tuple[list[InputSpec], list[InputSpec]]:
        """Write the values of the widgets. Returns: the node's sockets, and its widgets that have one."""
        settings = {
            each.widget.name: each.value for each in widget_values({"widgets_values_named": dict(values)}, spec)
        }
        named: dict[str, Any] = {}
        listed: list[Any] = []
        widgets: list[InputSpec] = []
        uploads = spec.file_companions
        waiting = list(reversed(spec.widgets))
        while waiting:
            widget = waiting.pop()
            if uploads and widget.section == "optional":
                listed, uploads = listed + ["image"] * uploads, 0
            value = settings.get(widget.name, NO_VALUE)
            widgets.append(widget)
            if value is not NO_VALUE:
                named[widget.name] = value
            listed.append(None if value is NO_VALUE else value)
            if widget.companions:
                control = widget.options.get("control_after_generate")
                name = control if isinstance(control, str) and control not in CONTROLS else "control_after_generate"
                named[name] = "fixed"
                listed.append("fixed")
            if widget.type == DYNAMIC_COMBO and value is not NO_VALUE:
                waiting += reversed([each for each in inputs_of_choice(widget, value) if each.is_widget])
        listed += ["image"] * uploads
        ours = {each.name for each in widgets}
        resolved = resolve_inputs(spec, {**values, **{name: [*link] for name, link in links.items()}})
        sockets = [
            each for name, each in resolved.items() if name not in ours and (name in links or not _is_open(each, spec))
        ]
        known = ours | {each.name for each in sockets}
        sockets += [InputSpec(name, "*", "optional") for name in links if name not in known]
        # What has no place of its own stays in the file by its name; a script of the node may look for it there.
        beside = {name: value for name, value in values.items() if name not in known}
        record["widgets_values_named"] = named | beside
        record["widgets_values"] = listed
        if beside or {each.widget.name: each.value for each in widget_values(record, spec)} != settings:
            del record["widgets_values"]  # the two would be read as one thing and are not
        return sockets, [each for each in widgets if not each.options.get("socketless") or each.name in links]

    def _put_primitive(self, node_id: str, slot: int, name: str, kind: str, value: Any) -> None:
        """A value for an input that is no widget: it comes from a node that holds it."""
        self._last_id += 1
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        kind = kind if kind and not kind.startswith(_OPEN_TYPES) else _type_of_value(value)
        record: dict[str, Any] = {
            "id": self._last_id,
            "type": PRIMITIVE,
            "pos": [0, 0],
            "size": [210, 82 if is_number else 58],
            "flags": {},
            "order": 0,
            "mode": 0,
            "inputs": [],
            "outputs": [{"name": kind, "type": kind, "links": [], "widget": {"name": name}}],
            "title": name,
            "properties": {"Run widget replace on values": False},
            "widgets_values": [value, "fixed"] if is_number else [value],
        }
        self._primitives.append(record)
        self._join(record, 0, self._records[node_id], slot, kind)

    def _link(self, source: str, output: int, target: str, slot: int, kind: str) -> None:
        record = self._records[source]
        spec = self._nodes.get(record["type"])
        outputs = record["outputs"]
        if output < len(outputs):
            declared = outputs[output]["type"]
            kind = declared if declared != "*" else kind
        elif output - len(outputs) < _MOST_OUTPUTS:
            more = spec.open_output if spec else None
            while len(outputs) <= output:
                outputs.append(_output(more or OutputSpec(f"output {len(outputs)}", "*")))
            if more is None:
                outputs[output]["type"] = kind if not kind.startswith(_OPEN_TYPES) else "*"
            record["size"][1] = max(record["size"][1], len(outputs) * _ROW_PX + _EDGE_PX)
        self._join(record, output, self._records[target], slot, kind if not kind.startswith(_OPEN_TYPES) else "*")

    def _join(self, source: dict[str, Any], output: int, target: dict[str, Any], slot: int, kind: str) -> None:
        number = len(self._links) + 1
        self._links.append([number, source["id"], output, target["id"], slot, kind])
        target["inputs"][slot]["link"] = number
        if output < len(source["outputs"]):
            source["outputs"][output]["links"].append(number)


#: A node that is linked at a higher output than it may have gets no slots for those between.
_MOST_OUTPUTS = 256


def _saved_id(node_id: str) -> int | str:
    """A number where that says the same; ids of nodes inside subgraphs, such as `8:25`, stay texts."""
    is_number = node_id.isascii() and node_id.isdigit() and (node_id == "0" or node_id[0] != "0")
    return int(node_id) if is_number and len(node_id) < 16 else node_id


def _slot(each: InputSpec) -> dict[str, Any]:
    kind = "*" if each.type in (MATCH_TYPE, "") else each.type
    slot: dict[str, Any] = {"name": each.name, "type": kind, "link": None}
    return slot | {"shape": _OPTIONAL_SHAPE} if each.section == "optional" else slot


def _output(each: OutputSpec) -> dict[str, Any]:
    kind = "*" if each.type in (MATCH_TYPE, "") else each.type
    slot: dict[str, Any] = {"name": each.name, "type": kind, "links": []}
    return slot | {"shape": _LIST_SHAPE} if each.is_list else slot


def _is_open(each: InputSpec, spec: NodeSpec) -> bool:
    """Whether an input is there only because a value was given to it under a name that nobody declared."""
    return spec.input(each.name) is None and "." not in each.name


def _properties(meta: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {key: meta[key] for key in ("cnr_id", "aux_id", "ver") if isinstance(meta.get(key), str)}
    if isinstance(meta.get("models"), list):
        told["models"] = meta["models"]
    if meta.get("cache") is False:
        told["cache"] = False
    return told


def _type_of_value(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    return {int: "INT", float: "FLOAT", str: "STRING"}.get(type(value), "*")


def _height(record: Mapping[str, Any], widgets: list[InputSpec]) -> int:
    """What a node takes with its sockets, its widgets, and a picture where one is chosen."""
    sockets = sum("widget" not in slot for slot in record["inputs"])
    height = max(sockets, len(record["outputs"])) * _ROW_PX + _EDGE_PX
    for widget in widgets:
        height += _TEXT_PX if widget.options.get("multiline") else _WIDGET_PX * (1 + widget.companions)
        height += _PICTURE_PX if any(widget.options.get(key) for key in UPLOADS) else 0
    return height
