"""The catalogue as data: a `NodeSpec` as the record that `/object_info` shows, and back.

A record made here keeps `{"files": KIND}` where a COMBO offers files; `with_files` puts the names in when a client
asks, so that a new file is seen without asking a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.spec import InputSpec, NodeSpec, OutputSpec, Section

Record = dict[str, Any]


def record_of(spec: NodeSpec) -> Record:
    """The `/object_info` record of a node."""
    inputs: dict[str, dict[str, Any]] = {}
    for each in spec.inputs:
        entry: Any = each.type if each.section == "hidden" else [each.type, dict(each.options)]
        inputs.setdefault(each.section, {})[each.name] = entry
    return {
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
        **({"was": list(spec.was)} if spec.was else {}),
    }


def spec_of_record(id: str, record: Mapping[str, Any]) -> NodeSpec:
    """The spec behind a record, without what only a worker has (the function itself).

    Raises: GraphError, if the record is none.
    """
    try:
        return NodeSpec(
            id=id,
            inputs=tuple(read_inputs(record.get("input") or {}, record.get("input_order"))),
            outputs=tuple(
                read_outputs(record.get("output") or (), record.get("output_name"), record.get("output_is_list"))
            ),
            category=record.get("category", ""),
            display_name=record.get("display_name") or id,
            description=record.get("description", ""),
            is_output=bool(record.get("output_node")),
            takes_lists=bool(record.get("is_input_list")),
            python_module=record.get("python_module", "nodes"),
            deprecated=bool(record.get("deprecated")),
            experimental=bool(record.get("experimental")),
            was=tuple(record.get("was") or ()),
            search_aliases=tuple(record.get("search_aliases") or ()),
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:  # a catalogue may come from anywhere
        raise GraphError(
            f"the catalogue's entry of {id} cannot be read ({type(error).__name__}: {error}); wanted the form of "
            "GET /object_info",
            class_type=id,
        ) from error


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
    return InputSpec(name, kind if isinstance(kind, str) else str(kind), section, options)


def inputs_of_choice(combo: InputSpec, choice: Any) -> tuple[InputSpec, ...]:
    """The inputs that one choice of a dynamic combo brings, named `<combo>.<input>`; none for an unknown choice."""
    for option in combo.choices or ():
        if isinstance(option, Mapping) and option.get("key") == choice and isinstance(option.get("inputs"), Mapping):
            sections = {name: each for name, each in option["inputs"].items() if isinstance(each, Mapping)}
            return tuple(
                InputSpec(f"{combo.name}.{each.name}", each.type, each.section, each.options)
                for each in read_inputs(sections)
                if each.section != "hidden"
            )
    return ()


def read_outputs(
    types: Iterable[Any], names: Iterable[str] | None, are_lists: Iterable[bool] | None
) -> Iterable[OutputSpec]:
    """Outputs from three lists of which only the first must be whole."""
    given_names, given_lists = list(names or ()), list(are_lists or ())
    for position, kind in enumerate(types):
        type_name = "COMBO" if isinstance(kind, (list, tuple)) else kind if isinstance(kind, str) else str(kind)
        name = given_names[position] if position < len(given_names) and given_names[position] else type_name
        yield OutputSpec(name, type_name, position < len(given_lists) and bool(given_lists[position]))


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
    if not isinstance(entry, (list, tuple)) or len(entry) < 2 or entry[0] != "COMBO":
        return entry
    options = dict(entry[1])
    choices = options.pop("options", None)
    if isinstance(choices, Mapping):
        choices = [*list_files(choices["files"]), *choices.get("also", ())]
    elif not isinstance(choices, (list, tuple)):
        return entry
    return [list(choices), options]
