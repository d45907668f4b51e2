"""A node of the schema class protocol, read into a `NodeSpec`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from heddle.graph.answers import read_answer, read_names
from heddle.graph.asking import chooser, validation_by
from heddle.graph.errors import GraphError
from heddle.graph.object_info import read_input
from heddle.graph.plain import plain, plain_options, plain_text
from heddle.graph.said import say
from heddle.graph.schema.dynamic import Autogrow, DynamicCombo, DynamicInput, DynamicSlot
from heddle.graph.schema.node import ComfyNode, Schema, hidden_values, overrides
from heddle.graph.schema.sockets import Input
from heddle.graph.schema.widgets import Combo
from heddle.graph.spec import InputSpec, NodeSpec, OutputSpec, Section, Validation


def spec_of_schema(cls: type[ComfyNode], *, id: str = "", display_name: str = "", python_module: str = "") -> NodeSpec:
    """Read a schema class. Its schema is defined anew, so that lists of files in it are fresh.

    Args:
        id: in place of the schema's own.
    Raises: GraphError, if it cannot be defined or is none.
    """
    place = id or cls.__name__
    try:
        return _read(cls, cls.FINALIZE_SCHEMA(), id, display_name, python_module)
    except (Exception, SystemExit) as error:  # whatever a pack's code raises, the house stands without this node
        raise GraphError(
            say(
                "node {place}: its class cannot list its inputs and outputs ({kind}: {why})",
                place=place,
                kind=type(error).__name__,
                why=error,
            ),
            class_type=place,
        ) from error


def _read(cls: type[ComfyNode], schema: Schema, id: str, display_name: str, python_module: str) -> NodeSpec:
    if not overrides(cls, "execute"):
        raise TypeError("it has no method execute")
    caller = _Caller(cls, schema)
    return NodeSpec(
        id=id or plain_text(schema.node_id),
        inputs=tuple(_read_inputs(schema)),
        outputs=tuple(
            OutputSpec(
                name=plain_text(each.display_name or each.get_io_type()),
                type=each.get_io_type(),
                is_list=bool(each.is_output_list),
                tip=plain_text(each.tooltip or ""),
            )
            for each in schema.outputs
        ),
        category=plain_text(schema.category),
        display_name=display_name or plain_text(schema.display_name or id or schema.node_id),
        description=plain_text(schema.description or ""),
        is_output=bool(schema.is_output_node),
        takes_lists=bool(schema.is_input_list),
        python_module=python_module or cls.__module__,
        deprecated=bool(schema.is_deprecated),
        experimental=bool(schema.is_experimental),
        search_aliases=tuple(plain_text(each) for each in schema.search_aliases or ()),
        per_node=bool(schema.not_idempotent),
        open_input=InputSpec("*", "*", "optional") if schema.accept_all_inputs else None,
        validation=caller.validation() if overrides(cls, "validate_inputs") else None,
        extras=_extras(schema),
        call=caller.run,
        ask_lazy=caller.ask_lazy if overrides(cls, "check_lazy_status") else None,
        fingerprint=caller.asking("fingerprint_inputs") if overrides(cls, "fingerprint_inputs") else None,
        classic=cls,
        declared=declared(schema),
    )


def declared(schema: Schema) -> int | None:
    """A mark of all that a schema says; None if something in it has no form in JSON that shows all of it."""
    try:
        return hash(_encode(schema))
    except (TypeError, ValueError, RecursionError):
        return None


def _in_json(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if type(value).__module__ in _OURS:  # a pack's own object may hold more than it shows
        return [type(value).__qualname__, getattr(value, "io_type", None), vars(value)]
    raise TypeError


_OURS = frozenset(each.__module__ for each in (Schema, Input, Combo, Autogrow))  # the modules that declare
_encode = json.JSONEncoder(check_circular=False, default=_in_json).encode


class _Caller:
    """Calls a schema class's methods with nested inputs, its hidden ones in `cls.hidden`."""

    def __init__(self, cls: type[ComfyNode], schema: Schema) -> None:
        self._cls = cls
        self._declared = schema.inputs
        self._hidden = frozenset(schema.hidden_inputs())
        self._outputs = len(schema.outputs)
        self._choose_lazy: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
        self._takes_lists = bool(schema.is_input_list)
        self._grows = any(isinstance(each, DynamicInput) for each in schema.inputs)

    def run(self, /, **inputs: Any) -> Any:
        return self._ask(self._cls.execute, inputs, lambda answer: read_answer(answer, self._outputs))

    def ask_lazy(self, /, **inputs: Any) -> Any:
        if self._choose_lazy is None:
            self._choose_lazy = chooser(self._cls.check_lazy_status)
        return self._ask(self._cls.check_lazy_status, inputs, read_names, self._choose_lazy)

    def asking(self, name: str) -> Callable[..., Any]:
        """A question of the class as a function of the flat inputs, with the method's own signature."""
        method = getattr(self._cls, name)
        choose = chooser(method)

        def ask(**inputs: Any) -> Any:
            return self._ask(method, inputs, lambda answer: answer, choose)

        setattr(ask, "__signature__", inspect.signature(method))  # noqa: B010 - what `validation_by` reads
        return ask

    def validation(self) -> Validation:
        ask = self.asking("validate_inputs")
        # It takes the flat inputs, of which it makes those that the signature names.
        return replace(validation_by(ask), ask=ask)

    def _ask(
        self,
        method: Callable[..., Any],
        inputs: Mapping[str, Any],
        read: Callable[[Any], Any],
        choose: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    ) -> Any:
        hidden = {name: value for name, value in inputs.items() if name in self._hidden}
        if self._takes_lists:  # each hidden value comes in a list then, too, but `cls.hidden` never shows lists
            hidden = {
                name: value[0] if isinstance(value, list) and len(value) == 1 else value
                for name, value in hidden.items()
            }
        given: Mapping[str, Any] = {name: value for name, value in inputs.items() if name not in self._hidden}
        if self._grows:
            given = gather(self._declared, given)
        if choose is not None:
            given = choose(given)
        with hidden_values(self._cls, hidden):
            answer = method(**given)
        if not inspect.isawaitable(answer):
            return read(answer)

        async def later() -> Any:
            # The body of an async method only begins to run here.
            with hidden_values(self._cls, hidden):
                return read(await answer)

        return later()


def gather(declared: Iterable[Input], flat: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """The inputs as `execute` takes them: what arrives as `<input>.<name>` in a dictionary of its input.

    A growing input becomes {name: value}, a dynamic combo {its own name: choice, name: value}, and so does a slot that
    brings inputs.
    """
    made: dict[str, Any] = {}
    used: set[str] = set()
    for each in declared:
        path = before + each.id
        inside = path + "."
        if isinstance(each, Autogrow.Input):
            children = {name[len(inside) :]: value for name, value in flat.items() if name.startswith(inside)}
            if path in flat and isinstance(flat[path], Mapping):  # handed over as a whole, as Python code does
                children = {**flat[path], **children}
            order = {name: position for position, name in enumerate(each.template.names)}
            made[each.id] = dict(sorted(children.items(), key=lambda item: order.get(item[0], len(order))))
        elif isinstance(each, DynamicCombo.Input):
            if path not in flat:
                continue
            choice = flat[path]
            if isinstance(choice, Mapping):  # handed over as a whole
                made[each.id] = dict(choice)
                used.add(path)
                continue
            key = choice[0] if isinstance(choice, list) and choice else choice  # a list where all inputs are lists
            option = next((option for option in each.options if option.key == key), None)
            made[each.id] = {each.id: choice} | gather(option.inputs if option else (), flat, inside)
        elif isinstance(each, DynamicSlot.Input) and path in flat:
            made[each.id] = {each.id: flat[path]} | gather(each.inputs, flat, inside)
        elif path in flat:
            made[each.id] = flat[path]
        used |= {name for name in flat if name == path or name.startswith(inside)}
    if not before:  # whatever else was accepted
        made |= {name: value for name, value in flat.items() if name not in used}
    return made


def _read_inputs(schema: Schema) -> Iterable[InputSpec]:
    sections: tuple[tuple[Section, bool], ...] = (("required", False), ("optional", True))
    for section, wanted in sections:
        for each in schema.inputs:
            if bool(each.optional) is wanted:
                yield read_input(plain_text(each.id), (each.get_io_type(), plain_options(each.as_dict())), section)
    for name, kind in schema.hidden_inputs().items():
        yield InputSpec(name, kind, "hidden")


def _extras(schema: Schema) -> dict[str, Any]:
    """Keys of the record that only clients read."""
    said = {
        "output_matchtypes": schema.match_types(),
        "api_node": schema.is_api_node,
        "dev_only": schema.is_dev_only,
        "has_intermediate_output": schema.has_intermediate_output,
        "essentials_category": schema.essentials_category,
        "price_badge": schema.price_badge.as_dict() if schema.price_badge is not None else None,
    }
    return {key: plain(value) for key, value in said.items() if value}
