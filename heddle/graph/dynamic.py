"""Inputs that stand in no declaration: what a dynamic combo's choice brings, the elements of a list that grows, ....

Such an input is named `<parent>.<child>`, to any depth. Which ones there are depends on what is given.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from heddle.graph.object_info import read_inputs
from heddle.graph.spec import AUTOGROW, DYNAMIC_COMBO, DYNAMIC_GROUP, DYNAMIC_SLOT, DYNAMIC_TYPES, InputSpec, NodeSpec
from heddle.graph.workflow import is_link


@dataclass
class Resolved:
    """The inputs that a node has with what is given to it.

    Attributes:
        inputs: by name, hidden ones left out.
        added: those of them that stand in no declaration.
        crowded: lists that were given more elements than they take, with how many came.
    """

    inputs: dict[str, InputSpec] = field(default_factory=dict)
    added: dict[str, InputSpec] = field(default_factory=dict)
    crowded: list[tuple[InputSpec, int]] = field(default_factory=list)


def resolve_inputs(spec: NodeSpec, given: Mapping[str, Any]) -> dict[str, InputSpec]:
    """Every input that a node has with what is given to it, by name; hidden ones are left out."""
    return resolve(spec, given).inputs


def resolve(spec: NodeSpec, given: Mapping[str, Any]) -> Resolved:
    """See `Resolved`. Of two inputs with one name the first counts."""
    resolved = Resolved()
    hidden = {each.name for each in spec.inputs if each.section == "hidden"}
    waiting = [(each, True) for each in reversed(spec.inputs) if each.section != "hidden"]
    names: _Names | None = None
    while waiting:
        each, is_declared = waiting.pop()
        more: Sequence[InputSpec] = ()
        if each.type in DYNAMIC_TYPES:
            names = names or _Names(given)
            if each.type == AUTOGROW:
                more = _elements(each, names, resolved)
            elif each.type == DYNAMIC_GROUP:
                more = [InputSpec(name, "*", "optional") for name in names.below(each.name)]
            elif each.type == DYNAMIC_COMBO and each.name in given:
                more = [_unless_older(one, spec, given) for one in inputs_of_choice(each, unwrapped(given[each.name]))]
            elif each.type == DYNAMIC_SLOT:
                more = _inputs_in(each, each.options.get("inputs")) if each.name in given else ()
                each = InputSpec(each.name, str(each.options.get("slotType") or "*"), each.section, each.options)
                is_declared = False
            waiting += [(one, False) for one in reversed(more)]
            if each.type in (AUTOGROW, DYNAMIC_GROUP):
                continue  # itself it is no input
        if each.name not in resolved.inputs:
            resolved.inputs[each.name] = each
            if not is_declared:
                resolved.added[each.name] = each
    for name in spec.open_hidden:
        if name in given and name not in resolved.inputs:
            resolved.inputs[name] = resolved.added[name] = InputSpec(name, "*", "optional")
    if spec.open_input is not None or spec.takes_links:
        like = spec.open_input or InputSpec("*", "*")
        for name, value in given.items():
            if not isinstance(name, str) or name in resolved.inputs or name in hidden:
                continue
            if spec.open_input is not None or is_link(value):
                one = InputSpec(name, like.type, "optional", like.options)
                resolved.inputs[name] = resolved.added[name] = one
    return resolved


def _unless_older(brought: InputSpec, spec: NodeSpec, given: Mapping[str, Any]) -> InputSpec:
    """An input that a choice brings; not required of a graph from before the choice brought it.

    Such a graph gives it beside the choice, where the node still takes it, hidden: `codec` for `format.codec`.
    """
    own = brought.name.rpartition(".")[2]
    if brought.name in given or own not in given:
        return brought
    is_older = any(each.name == own and each.options.get("hidden") for each in spec.inputs)
    return replace(brought, section="optional") if is_older else brought


def inputs_of_choice(combo: InputSpec, choice: Any) -> tuple[InputSpec, ...]:
    """The inputs that one choice of a dynamic combo brings, named `<combo>.<input>`; none for an unknown choice."""
    if isinstance(choice, str) and choice in combo.brought:
        return combo.brought[choice]
    for option in combo.choices or ():
        if isinstance(option, Mapping) and option.get("key") == choice:
            inputs = _inputs_in(combo, option.get("inputs"))
            if isinstance(choice, str):
                combo.brought[choice] = inputs
            return inputs
    return ()


def keys_of_choices(combo: InputSpec) -> tuple[Any, ...]:
    """What a dynamic combo offers."""
    return tuple(each.get("key") for each in combo.choices or () if isinstance(each, Mapping))


def unwrapped(value: Any) -> Any:
    """A value without the `__value__` that editors put around arrays, so that they are not taken for links."""
    return value["__value__"] if isinstance(value, Mapping) and "__value__" in value else value


def _inputs_in(parent: InputSpec, sections: Any) -> tuple[InputSpec, ...]:
    if not isinstance(sections, Mapping):
        return ()
    readable = {name: each for name, each in sections.items() if isinstance(each, Mapping)}
    return tuple(
        InputSpec(f"{parent.name}.{each.name}", each.type, each.section, each.options)
        for each in read_inputs(readable)
        if each.section != "hidden"
    )


def _elements(parent: InputSpec, given: _Names, resolved: Resolved) -> list[InputSpec]:
    """The elements of a list that grows: those that must be there, and those that are given."""
    template = parent.options.get("template")
    if not isinstance(template, Mapping) or not (like := _inputs_in(parent, template.get("input"))):
        return []
    fewest, most = (_whole(template.get(key)) for key in ("min", "max"))
    present = given.after(parent.name)
    names = template.get("names")
    if isinstance(names, (list, tuple)):
        offered = [str(each) for each in names]
        found = [each for each in offered if each in present]
    else:
        prefix = str(template.get("prefix") or "")
        offered = [f"{prefix}{number}" for number in range(min(fewest or 0, MAX_FEWEST))]
        found = [each for each in present if each.startswith(prefix) and _is_number(each[len(prefix) :])]
        found.sort(key=lambda each: int(each[len(prefix) :]))
    is_wanted = like[0].section == "required" and (parent.section == "required" or bool(found))
    required = dict.fromkeys(offered[: fewest or 0] if is_wanted else ())
    if most is not None and len(found) > most:
        resolved.crowded.append((parent, len(found)))
    return [
        InputSpec(
            f"{parent.name}.{each}", like[0].type, "required" if each in required else "optional", like[0].options
        )
        for each in dict.fromkeys([*required, *found])
    ]


#: No list that grows asks for more elements than this from the start.
MAX_FEWEST = 1000


def _whole(value: Any) -> int | None:
    return max(int(value), 0) if isinstance(value, (int, float)) and 0 <= value < 1e9 else None


def _is_number(text: str) -> bool:
    """True for a number as it is written at the end of a name: no sign, no zeros before it."""
    return text.isascii() and text.isdigit() and len(text) < 10 and (text == "0" or text[0] != "0")


class _Names:
    """The given names that lie under others, sorted, so that those under one are found at once."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._sorted = sorted(name for name in given if isinstance(name, str) and "." in name)

    def below(self, parent: str) -> list[str]:
        """The names under `parent`."""
        first = bisect_left(self._sorted, f"{parent}.")
        return self._sorted[first : bisect_left(self._sorted, f"{parent}/", first)]  # "/" comes right after "."

    def after(self, parent: str) -> Mapping[str, None]:
        """The next part of every name under `parent`."""
        start = len(parent) + 1
        ends = ((name, name.find(".", start)) for name in self.below(parent))
        return dict.fromkeys(name[start : end if end >= 0 else None] for name, end in ends)
