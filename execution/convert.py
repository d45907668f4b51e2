"""A workflow of either form as the API form; `execution.saved` holds what the saved form needs for it.

What makes no node of the result: notes, primitives and reroutes, nodes that are muted (mode 2) or bypassed (4) with all
that is inside them, and instances of subgraphs and group nodes, whose inner nodes stand there as `8:25`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from execution.checks.missing import all_missing, missing_types
from execution.checks.told import dicts_in, may_be_repeated
from execution.checks.words import file_name
from execution.saved.definitions import Definitions
from execution.saved.everywhere import add_unseen_links
from execution.saved.places import Place, unfold
from execution.saved.records import Record, link_of, mapping_in, name_of, read_graph, type_of
from execution.saved.scripted import scripted_values
from execution.saved.sources import Source, Sources, Value
from execution.saved.texts import choose_words, fill_name
from execution.saved.virtual import Role, roles_beside
from execution.saved.widgets import NO_VALUE, Setting, further_values, values_of_unknown, widget_values
from heddle.graph.errors import GraphError
from heddle.graph.quoting import short
from heddle.graph.said import say
from heddle.graph.spec import NodeSpec
from heddle.graph.workflow import Prompt, form_of, is_instance, is_link, refuse_unreadable


@dataclass(frozen=True)
class ChosenText:
    """A text with choices or comments in it, and what was made of it."""

    node_id: str
    input_name: str
    text: str
    chosen: str


@dataclass
class Converted:
    """The API form, and which words were chosen on the way: with them a run can be repeated and shown.

    `missing` lists the node types that nobody knows, all in one error, with where they stand and what is near to them.
    `notes` say what was left out that a person may miss.
    """

    prompt: Prompt
    texts: list[ChosenText] = field(default_factory=list)
    missing: GraphError | None = None
    notes: list[str] = field(default_factory=list)


def to_prompt(
    document: Any, nodes: Mapping[str, NodeSpec], *, seed: int | None = None, now: datetime | None = None
) -> Prompt:
    """The API form of a workflow document, see `convert`."""
    return convert(document, nodes, seed=seed, now=now).prompt


def convert(
    document: Any, nodes: Mapping[str, NodeSpec], *, seed: int | None = None, now: datetime | None = None
) -> Converted:
    """The API form of a workflow document.

    Args:
        nodes: specs by class. A class that is not there stays, and is named in `missing`; the check refuses it.
        seed: chooses among `{a|b}` in texts that allow it, and takes their comments out. Such texts stay as they are
            if None, as does the API form.
        now: fills in `%date:FORMAT%` in names of files; left to the engine if None.
    Raises: GraphError, if it is no workflow or is damaged.
    """
    if form_of(document) == "api":
        for node_id, node in document.items():
            refuse_unreadable(str(node_id), node)
        prompt = {str(node_id): dict(node) for node_id, node in document.items()}
        return Converted(prompt, missing=all_missing(prompt, missing_types(prompt, nodes)))
    root = read_graph(document, say("the workflow"))
    add_unseen_links(root, document)
    definitions = Definitions(document, nodes)
    definitions.hold(root)
    roles = roles_beside(nodes)
    _, found = unfold(root, definitions, roles)
    writer = _Writer(nodes, roles, seed, now)
    writer.sources_of_files = definitions.sources_of_files(document, root)
    for place, node_id, record in found:
        writer.write(place, node_id, record)
    writer.result.notes += [*root.notes, *definitions.notes]
    writer.leave_out_bystanders()
    prompt = writer.result.prompt
    writer.result.missing = all_missing(prompt, missing_types(prompt, nodes))
    return writer.result


class _Writer:
    """Writes one node after the other into the result."""

    def __init__(
        self, nodes: Mapping[str, NodeSpec], roles: Mapping[str, Role], seed: int | None, now: datetime | None
    ) -> None:
        self.nodes = nodes
        self.sources = Sources(roles, self._value_in)
        self.seed = seed
        self.now = now
        self.result = Converted({})
        self.sources_of_files: Mapping[str, Record] = {}
        self._bystanders: list[str] = []
        self._named: dict[Place, dict[str, str]] = {}

    def write(self, place: Place, node_id: str, record: Record) -> None:
        kind = record["type"]
        spec = self.nodes.get(kind)
        links, values = self._follow_links(place, record, spec)
        given = place.given.get(node_id, {}) | {name: found.value for name, found in values.items()}
        inputs: dict[str, Any] = {}
        if spec is None:
            if not links and not values and not is_instance(kind):
                self._bystanders.append(place.ids[node_id])
            inputs |= {name: _wrapped(value) for name, value in (values_of_unknown(record) | given).items()}
        else:
            for widget, value in widget_values(record, spec, given):
                if isinstance(value, str) and widget.name not in links:
                    origin = values[widget.name].origin if widget.name in values else None
                    value = self._finish_text(place, node_id, Setting(widget, value), origin)
                inputs[widget.name] = _wrapped(value, widget.type)
            if spec.open_input is not None:  # its script adds widgets: a video's format brings those of the encoder
                further = further_values(record).items()
                inputs = {name: _wrapped(each) for name, each in further if spec.input(name) is None} | inputs
            inputs |= {name: _wrapped(each) for name, each in scripted_values(record, spec.id, inputs).items()}
            for name, found in values.items():  # a promoted value is written to sockets as well
                inputs.setdefault(name, _wrapped(found.value))
        for name, source in links.items():
            written = source.place.ids.get(source.node)
            if written is None:
                inputs.pop(name, None)
            else:
                inputs[name] = [written, source.output]
        self.result.prompt[place.ids[node_id]] = {
            "class_type": spec.id if spec else kind,
            "inputs": inputs,
            "_meta": self._tell(place, record, spec, inputs),
        }

    def _tell(self, place: Place, record: Record, spec: NodeSpec | None, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What people are told of a node: its title, the subgraphs around it, its pack, where its files come from."""
        properties = mapping_in(record, "properties")
        title = record.get("title") or (spec.display_name if spec else "") or record["type"]
        meta: dict[str, Any] = {"title": title if isinstance(title, str) else record["type"]}
        if place.within:
            meta["within"] = list(place.within)
        meta |= {key: each for key in ("cnr_id", "aux_id", "ver") if may_be_repeated(each := properties.get(key))}
        if self.sources_of_files:
            named: list[Any] = [*inputs.values()]
            if spec is None:  # its values may have no names, so what stands beside them has to do
                named += (each.get("name") for each in dicts_in(properties.get("models")))
            names = dict.fromkeys(file_name(each) for each in named if may_be_repeated(each))
            if found := [self.sources_of_files[each] for each in names if each in self.sources_of_files]:
                meta["models"] = found
        if properties.get("cache") is False:  # the person wants it to run each time
            meta["cache"] = False
        return meta

    def leave_out_bystanders(self) -> None:
        """Take out the nodes of unknown types that are joined to nothing that runs: labels, bookmarks and their like.

        They stay if nothing else does: then they are all that there is to tell of.
        """
        prompt = self.result.prompt
        if not self._bystanders or all(node["class_type"] not in self.nodes for node in prompt.values()):
            return
        used = {value[0] for node in prompt.values() for value in node["inputs"].values() if is_link(value)}
        for node_id in self._bystanders:
            if node_id not in used:
                kind, title = prompt[node_id]["class_type"], prompt[node_id]["_meta"]["title"]
                del prompt[node_id]
                self.result.notes.append(
                    say(
                        "node {node}{title}: there is no node type {kind}; it is joined to nothing that runs, "
                        "so it was left out",
                        node=node_id,
                        title="" if title == kind else f" ({short(title)})",
                        kind=short(kind),
                    )
                )

    def _follow_links(
        self, place: Place, record: Record, spec: NodeSpec | None
    ) -> tuple[dict[str, Source], dict[str, Value]]:
        """What the links of a node bring it in the end, by the names of its inputs."""
        links: dict[str, Source] = {}
        values: dict[str, Value] = {}
        for slot in record.get("inputs") or ():
            if not (link_id := link_of(slot)):
                continue
            name = name_of(slot)
            wanted = spec.input(name) if spec else None
            kind = type_of(slot) if wanted is None or wanted.type.startswith("COMFY_") else wanted.type
            found = self.sources.find(place, link_id, "*" if kind.startswith("COMFY_") else kind)
            if isinstance(found, Value):
                values[name] = found
            elif found is not None:
                links[name] = found
        return links, values

    def _finish_text(self, place: Place, node_id: str, setting: Setting, origin: str | None) -> str:
        """A text as it goes into the result. `origin` names the widget that holds it, the node's own if None."""
        widget, text = setting
        if self.seed is not None and widget.options.get("dynamicPrompts"):
            # One text that feeds several inputs gets one choice, so it is drawn for where the text stands.
            chosen = choose_words(text, self.seed, origin or f"{place.ids[node_id]}.{widget.name}")
            if chosen != text:
                self.result.texts.append(ChosenText(place.ids[node_id], widget.name, text, chosen))
            return chosen
        if widget.name == "filename_prefix" and "%" in text:
            return fill_name(text, lambda node, name: self._value_of(place, node, name), self.now)
        return text

    def _value_of(self, place: Place | None, node: str, name: str) -> Any:
        """The value of a widget of a node that texts call by its name, sought here and then further out."""
        while place is not None:
            node_id = self._names_in(place).get(node)
            if node_id is not None:
                value = self._value_in(place, node_id, name)
                return None if value is NO_VALUE else value
            place = place.above
        return None

    def _value_in(self, place: Place, node_id: str, name: str) -> Any:
        """The value of a widget of a node, NO_VALUE if it has no such widget."""
        record = place.graph.nodes[node_id]
        spec, given = self.nodes.get(record["type"]), place.given.get(node_id, {})
        if spec is None:
            return (values_of_unknown(record) | given).get(name, NO_VALUE)
        values = (each.value for each in widget_values(record, spec, given) if each.widget.name == name)
        return next(values, NO_VALUE)

    def _names_in(self, place: Place) -> dict[str, str]:
        """Node ids by the names that texts use: what the node says for this purpose, else its title or class."""
        if place not in self._named:
            names: dict[str, str] = {}
            aliases: dict[str, str] = {}
            for node_id, record in place.graph.nodes.items():
                spec = self.nodes.get(record["type"])
                alias = mapping_in(record, "properties").get("Node name for S&R")
                if isinstance(alias, str):
                    aliases.setdefault(alias, node_id)
                title = record.get("title") or (spec.display_name if spec else record["type"])
                if isinstance(title, str):
                    names.setdefault(title, node_id)
            self._named[place] = names | aliases
        return self._named[place]


def _wrapped(value: Any, kind: str = "") -> Any:
    """A value so that it cannot be taken for a link; curves say what they are."""
    if kind.split(",")[0] == "CURVE" and not (isinstance(value, Mapping) and "__value__" in value):
        return {"__type__": "CURVE", "__value__": value}
    return {"__value__": list(value)} if isinstance(value, (list, tuple)) else value
