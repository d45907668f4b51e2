"""What `@node` can say of inputs that stand for others: lists that grow, choices that bring inputs, shared types.

Marks of an annotation, like those of `heddle.graph.declare`. Inputs that are brought arrive as `<parameter>.<input>`;
the function gets them gathered in a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from heddle.graph.spec import AUTOGROW, DYNAMIC_COMBO, MATCH_TYPE, InputSpec

#: Reads the annotation of an input that is brought: name, annotation -> its spec.
Read = Callable[[str, Any], InputSpec]


@dataclass(frozen=True)
class Growing:
    """A list of inputs, all alike, that grows as they are linked. The function gets {name: value} in their order.

    name: of one; the inputs are this and a number from 0 on, unless `names` has them one by one.
    like: the annotation of one.
    low, high: how many there are at least and at most.
    """

    name: str
    like: Any
    low: int = 1
    high: int | None = None
    names: tuple[str, ...] = ()
    tip: str = ""

    type = AUTOGROW

    def options(self, read: Read) -> dict[str, Any]:
        template: dict[str, Any] = {"input": _sections([read(self.name, self.like)])}
        template |= {"names": list(self.names)} if self.names else {"prefix": self.name}
        template["min"] = self.low
        if self.high is not None:
            template["max"] = self.high
        return {"template": template}

    def gather(self, name: str, whole: Any, given: Mapping[str, Any], read: Read) -> dict[str, Any]:
        """What the parameter `name` gets.

        Args:
            whole: what is given in its own name, by Python code that calls the node.
            given: the elements, by their names.
        """
        found = {**(whole if isinstance(whole, Mapping) else {}), **given}
        places = {name: place for place, name in enumerate(self.names)}
        return dict(sorted(found.items(), key=lambda item: places.get(item[0], self._number(item[0]))))

    def _number(self, name: str) -> int:
        end = name.removeprefix(self.name)
        return int(end) if end.isdigit() else len(self.names)


@dataclass(frozen=True, eq=False)
class Brings:
    """A choice that brings inputs of its own. The function gets {its own name: choice, input: value, ...}.

    options: choice -> name of an input -> its annotation; one of `X | None` may stay unconnected. One that is such a
        choice itself is gathered into a dictionary in its place; None, if it is left out.
    """

    options_of: Mapping[str, Mapping[str, Any]]
    tip: str = ""

    type = DYNAMIC_COMBO

    def options(self, read: Read) -> dict[str, Any]:
        return {
            "options": [
                {"key": key, "inputs": {"required": {}} | _sections([read(*each) for each in inputs.items()])}
                for key, inputs in self.options_of.items()
            ]
        }

    def gather(self, name: str, whole: Any, given: Mapping[str, Any], read: Read) -> dict[str, Any]:
        """What the parameter `name` gets; what is left out is as it is declared.

        Args:
            whole: the choice, or what the parameter is to get, where Python code calls the node.
            given: the inputs that the choice brings, by their names.
        """
        if isinstance(whole, Mapping):
            given = {**whole, **given}
        choice = given[name] if isinstance(whole, Mapping) else whole
        key: Any = choice[0] if isinstance(choice, list) and choice else choice  # a list where all inputs are lists
        brought = self.options_of.get(key, {})
        inputs = [read(*each) for each in brought.items()]
        defaults = {each.name: each.options.get("default") for each in inputs}
        gathered = {name: choice} | defaults | {key: value for key, value in given.items() if key in defaults}
        for child, annotation in brought.items():
            inner = _brings(annotation)
            if inner is not None and gathered[child] is not None:
                below = {key[len(child) + 1 :]: value for key, value in given.items() if key.startswith(f"{child}.")}
                gathered[child] = inner.gather(child, gathered[child], below, read)
        return gathered


@dataclass(frozen=True)
class Shared:
    """A type that several sockets of one node share, whichever of `types` it is; on outputs, too.

    template: tells apart several such types of one node.
    """

    template: str
    types: str = "*"
    tip: str = ""
    lazy: bool = False
    many: bool = field(default=False, kw_only=True)

    type = MATCH_TYPE

    def options(self, read: Read) -> dict[str, Any]:
        lazy = {"lazy": True} if self.lazy else {}
        return {"template": {"template_id": self.template, "allowed_types": self.types}} | lazy


def _brings(annotation: Any) -> Brings | None:
    """The mark of an annotation, or of one of `X | None`."""
    for each in (annotation, *get_args(annotation)):
        for mark in getattr(each, "__metadata__", ()):
            if isinstance(mark, Brings):
                return mark
    return None


def _sections(inputs: list[InputSpec]) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    for each in inputs:
        sections.setdefault(each.section, {})[each.name] = [each.type, dict(each.options)]
    return sections
