"""The catalogue as data: a `NodeSpec` as the record that `/object_info` shows, and back.

A record made here keeps `{"files": KIND}` where a COMBO offers files; `with_files` puts the names in when a client
asks, so that a new file is seen without asking a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.graph.spec import DYNAMIC_COMBO, InputSpec, NodeSpec, OutputSpec, Section, Validation, listing_of

Record = dict[str, Any]


def record_of(spec: NodeSpec) -> Record:
    """The `/object_info` record of a node."""
    inputs: dict[str, dict[str, Any]] = {"required": {}}  # front ends read it without asking whether it is there
    for each in spec.inputs:
        entry: Any = each.type if each.section == "hidden" else [each.type, dict(each.options)]
        inputs.setdefault(each.section, {})[each.name] = entry
    opened, validation, more = spec.open_input, spec.validation, spec.open_output
    known = {
        "input": {section: inputs[section] for section in ("required", "optional", "hidden") if section in inputs},
        "input_order": {section: list(names) for section, names in inputs.items()},
        "is_input_list": spec.takes_lists,
        "output": [each.type for each in spec.outputs],
        "output_is_list": [each.is_list for each in spec.outputs],
        "output_name": [each.name for each in spec.outputs],
        "output_tooltips": [each.tip for each in spec.outputs],
        "name": spec.id,
        "display_name": spec.display_name or spec.id,
        "description": spec.description,
        "python_module": spec.python_module,
        "category": spec.category,
        "output_node": spec.is_output,
        "deprecated": spec.deprecated,
        "experimental": spec.experimental,
        "api_node": False,
        "search_aliases": list(spec.search_aliases),
    }
    if spec.was:
        known["was"] = list(spec.was)
    if spec.per_node:
        known["per_node"] = True
    if spec.takes_links:
        known["takes_links"] = True
    if opened is not None:
        known["open_input"] = [opened.type, dict(opened.options)]
    if more is not None:
        known["open_output"] = [more.type, more.is_list]
    if validation is not None:
        known["validates"] = {
            "names": sorted(validation.names),
            "all": validation.takes_all,
            "types": validation.takes_types,
        }
    return known | dict(spec.extras)


#: The keys of a record that a spec has a place for; all others are its `extras`.
_KNOWN = frozenset(
    {"input", "input_order", "is_input_list", "output", "output_is_list", "output_name", "output_tooltips", "name"}
    | {"display_name", "description", "python_module", "category", "output_node", "deprecated", "experimental"}
    | {"search_aliases", "was", "per_node", "takes_links", "open_input", "open_output", "validates"}
)


def spec_of_record(id: str, record: Mapping[str, Any]) -> NodeSpec:
    """The spec behind a record, without what only a worker has (the function itself).

    Raises: GraphError, if the record is none.
    """
    try:
        return NodeSpec(
            id=id,
            inputs=tuple(read_inputs(record.get("input") or {}, record.get("input_order"))),
            outputs=tuple(
                read_outputs(
                    record.get("output") or (),
                    record.get("output_name"),
                    record.get("output_is_list"),
                    record.get("output_tooltips"),
                )
            ),
            category=record.get("category", ""),
            display_name=record.get("display_name") or id,
            description=record.get("description", ""),
            is_output=bool(record.get("output_node")),
            takes_lists=bool(record.get("is_input_list")),
            python_module=record.get("python_module", "nodes"),
            deprecated=bool(record.get("deprecated")),
            experimental=bool(record.get("experimental")),
            was=tuple(map(str, record.get("was") or ())),
            search_aliases=tuple(record.get("search_aliases") or ()),
            per_node=bool(record.get("per_node")),
            takes_links=bool(record.get("takes_links")),
            open_input=read_input("*", record["open_input"], "optional") if record.get("open_input") else None,
            open_output=_read_open_output(record.get("open_output")),
            validation=_read_validation(record.get("validates")),
            extras={key: value for key, value in record.items() if key not in _KNOWN and (value or key != "api_node")},
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:  # a catalogue may come from anywhere
        raise GraphError(
            say(
                "the catalogue's entry of {id} cannot be read ({kind}: {why}); wanted the form of GET /object_info",
                id=id,
                kind=type(error).__name__,
                why=error,
            ),
            class_type=id,
        ) from error


def _read_open_output(entry: Any) -> OutputSpec | None:
    return OutputSpec("more", str(entry[0]), bool(entry[1])) if isinstance(entry, (list, tuple)) else None


def _read_validation(entry: Any) -> Validation | None:
    """What a front desk needs to know of a node's own check; it cannot ask."""
    if not isinstance(entry, Mapping):
        return None
    return Validation(frozenset(map(str, entry.get("names") or ())), bool(entry.get("all")), bool(entry.get("types")))


def read_inputs(sections: Mapping[str, Any], order: Mapping[str, Iterable[str]] | None = None) -> Iterable[InputSpec]:
    """Inputs in the known interface's form, `{section: {name: (type, options)}}`, read one by one."""
    names: tuple[Section, ...] = ("required", "optional", "hidden")
    for section in names:
        entries = sections.get(section) or {}
        listed = [name for name in (order or {}).get(section, ()) if name in entries]
        for name in [*listed, *(name for name in entries if name not in listed)]:
            yield read_input(name, entries[name], section)


def read_input(name: str, entry: Any, section: Section) -> InputSpec:
    """One input: `"TYPE"`, `("TYPE",)`, `("TYPE", options)` or `([choice, ...], options)`."""
    parts = list(entry) if isinstance(entry, (list, tuple)) else [entry]
    kind = parts[0] if parts else "*"
    options = dict(parts[1]) if len(parts) > 1 and isinstance(parts[1], Mapping) else {}
    if isinstance(kind, (list, tuple)):  # the older way to write a COMBO: the type is the list of its choices
        options["options"], kind = list(kind), "COMBO"
    return InputSpec(name, _plain_type(kind), section, options)


def _plain_type(kind: Any) -> str:
    """A type as a plain text: `COMBO` for a list of choices, `*` for a text that claims to be equal to any other."""
    if isinstance(kind, (list, tuple)):
        return "COMBO"
    if not isinstance(kind, str):
        return str(kind)
    if type(kind) is not str and not kind != _NO_TYPE:  # noqa: SIM202  # only `!=` is what packs override
        return "*"
    return str.__str__(kind)


#: A text that is no type's name.
_NO_TYPE = "\0"


def read_outputs(
    types: Iterable[Any],
    names: Iterable[str] | None,
    are_lists: Iterable[bool] | None,
    tips: Iterable[str] | None = None,
) -> Iterable[OutputSpec]:
    """Outputs from lists of which only the first must be whole."""
    given_names, given_lists, given_tips = list(names or ()), list(are_lists or ()), list(tips or ())
    for position, kind in enumerate(types):
        type_name = _plain_type(kind)
        name = given_names[position] if position < len(given_names) else None
        name = str(name) if name else type_name
        tip = given_tips[position] if position < len(given_tips) and isinstance(given_tips[position], str) else ""
        yield OutputSpec(name, type_name, position < len(given_lists) and bool(given_lists[position]), tip)


def with_files(record: Mapping[str, Any], list_files: Callable[[str], Iterable[str]]) -> Record:
    """A record as clients read it: every COMBO in its older form, `[[choice, ...], options]`, files listed.

    Front ends read both forms; older API clients know only this one.
    """
    answer = dict(record)
    answer["input"] = {
        section: {name: _listed(entry, list_files) for name, entry in entries.items()}
        for section, entries in record.get("input", {}).items()
    }
    return answer


def _listed(entry: Any, list_files: Callable[[str], Iterable[str]]) -> Any:
    if not isinstance(entry, (list, tuple)) or len(entry) < 2 or not isinstance(entry[1], Mapping):
        return entry
    if entry[0] == DYNAMIC_COMBO:
        return [entry[0], {**entry[1], "options": list(_listed_choices(entry[1].get("options"), list_files))}]
    if entry[0] != "COMBO":
        return entry
    options = dict(entry[1])
    choices = options.pop("options", None)
    if isinstance(choices, Mapping):
        choices = [*list_files(listing_of(choices)), *choices.get("also", ())]
    elif not isinstance(choices, (list, tuple)):
        return entry
    return [list(choices), options]


def _listed_choices(choices: Any, list_files: Callable[[str], Iterable[str]]) -> Iterator[Any]:
    """The choices of a dynamic combo, with the files of the inputs that they bring."""
    for choice in choices or ():
        if isinstance(choice, Mapping) and isinstance(choice.get("inputs"), Mapping):
            yield {**choice, "inputs": with_files({"input": choice["inputs"]}, list_files)["input"]}
        else:
            yield choice
