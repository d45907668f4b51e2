"""Links between nodes: whether types fit, and what a type that several sockets share is on this node.

A shared type (`COMFY_MATCHTYPE_V3`) is one for all inputs of a template on one node; outputs of the template have it.
Nodes are asked about in the order of a walk from the sources, so chains of them need no recursion.
"""

from __future__ import annotations

from collections.abc import Mapping

from heddle.graph.said import say
from heddle.graph.spec import MATCH_TYPE, InputSpec, NodeSpec, common_types, names_of_types

Types = frozenset[str] | None


class Mismatch(Exception):
    """A link brings a type that does not fit. `wanted` says which would."""

    def __init__(self, input_name: str, given: str, wanted: str) -> None:
        super().__init__(input_name)
        self.input_name = input_name
        self.given = given
        self.wanted = wanted


def shares_types(spec: NodeSpec) -> bool:
    """True if a node may have inputs or outputs whose type depends on what is linked."""
    return spec.is_dynamic or any(each.type == MATCH_TYPE for each in (*spec.inputs, *spec.outputs))


def shared_types(
    inputs: Mapping[str, InputSpec], arriving: Mapping[str, str]
) -> tuple[dict[str, Types], list[Mismatch]]:
    """What each template of a node is, given the types that arrive, and the links that do not agree."""
    templates: dict[str, Types] = {}
    settled_by: dict[str, str] = {}
    mismatches = []
    for name, wanted in inputs.items():
        if wanted.type != MATCH_TYPE:
            continue
        template, allowed = _template_of(wanted)
        so_far = templates.setdefault(template, allowed)
        if name not in arriving:
            continue
        types = names_of_types(arriving[name])
        shared = common_types(so_far, types)
        if shared == frozenset():
            words = _written(so_far)
            if template in settled_by:
                words = say("{types} as its input {input} gets", types=words, input=settled_by[template])
            mismatches.append(Mismatch(name, arriving[name], words))
        else:
            templates[template] = shared
            if types is not None:
                settled_by.setdefault(template, name)
    return templates, mismatches


def output_types(spec: NodeSpec, templates: Mapping[str, Types]) -> tuple[str, ...]:
    """The types of a node's outputs, shared ones as they turned out; `*` where nothing says what they are."""
    declared = spec.extras.get("output_matchtypes")
    named = declared if isinstance(declared, (list, tuple)) else ()
    types = []
    for position, output in enumerate(spec.outputs):
        template = named[position] if position < len(named) else None
        if output.type == MATCH_TYPE and template is None and len(templates) == 1:
            (template,) = templates  # a catalogue that says nothing of templates, and only one to choose from
        if isinstance(template, str) and template in templates:
            types.append(_written(templates[template]))
        else:
            types.append("*" if output.type == MATCH_TYPE else output.type)
    return tuple(types)


def _template_of(wanted: InputSpec) -> tuple[str, Types]:
    template = wanted.options.get("template")
    if not isinstance(template, Mapping):
        return "", None
    allowed = template.get("allowed_types", "*")
    if isinstance(allowed, (list, tuple)):
        allowed = ",".join(map(str, allowed))
    return str(template.get("template_id")), names_of_types(str(allowed))


def _written(types: Types) -> str:
    return "*" if types is None else ",".join(sorted(types))
