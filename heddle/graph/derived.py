"""A classic class for a node of ours, for packs that look one up and call or subclass it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from heddle.graph.answers import when_ready
from heddle.graph.errors import GraphError
from heddle.graph.object_info import record_of, with_files
from heddle.graph.results import Expanded, Shown
from heddle.graph.running import current_context
from heddle.graph.said import say
from heddle.graph.spec import NodeSpec


def class_of_spec(
    spec: NodeSpec,
    *,
    function: str = "run",
    order: Sequence[str] = (),
    make_context: Callable[[], Any] | None = None,
    list_files: Callable[[str], Iterable[str]] = lambda kind: (),
) -> type:
    """A class of the classic protocol that runs a node.

    Args:
        function: the name of its method.
        order: the inputs that stand first where they are given by place; the others follow as the node lists them.
        make_context: the context for a call outside of any running node. Inside one, that node's context serves.
        list_files: the names of one kind's files, for INPUT_TYPES.
    """
    if spec.classic is not None:
        return spec.classic
    record = record_of(spec)
    names = list(dict.fromkeys([*order, *(each.name for each in spec.inputs)]))
    defaults = {each.name: each.options["default"] for each in spec.inputs if each.has_default}

    def run(self: Any, *values: Any, **inputs: Any) -> Any:
        if spec.call is None:
            raise GraphError(say("node {type}: known by its catalogue entry only", type=spec.id), class_type=spec.id)
        if len(values) > len(names):
            raise TypeError(f"{spec.id}.{function} takes {len(names)} inputs ({', '.join(names)}), not {len(values)}")
        given = dict(zip(names, values, strict=False))
        if twice := given.keys() & inputs.keys():
            raise TypeError(f"{spec.id}.{function} got two values for {', '.join(sorted(twice))}")
        given = defaults | given | inputs
        if spec.takes_context and "ctx" not in given:
            context = current_context.get() or (make_context() if make_context is not None else None)
            if context is None:
                raise GraphError(
                    say(
                        "node {type}: called while no node runs, so there are no folders and weights to "
                        "work with; call it from a node's own function",
                        type=spec.id,
                    ),
                    class_type=spec.id,
                )
            given["ctx"] = context
        return when_ready(spec.call(**given), _as_classic)

    run.__name__ = run.__qualname__ = function

    def input_types(cls: type) -> dict[str, Any]:
        return {section: dict(entries) for section, entries in with_files(record, list_files)["input"].items()}

    members: dict[str, Any] = {
        "INPUT_TYPES": classmethod(input_types),
        "RETURN_TYPES": tuple(record["output"]),
        "RETURN_NAMES": tuple(record["output_name"]),
        "OUTPUT_IS_LIST": tuple(record["output_is_list"]),
        "OUTPUT_NODE": spec.is_output,
        "CATEGORY": spec.category,
        "DESCRIPTION": spec.description,
        "FUNCTION": function,
        function: run,
        "__doc__": inspect.cleandoc(spec.description),
        "__module__": spec.python_module,
    }
    return type(spec.id, (), members)


def _as_classic(result: Any) -> Any:
    """What classic methods return in place of our own results."""
    if isinstance(result, Shown):
        return {"ui": dict(result.ui), "result": result.values}
    if isinstance(result, Expanded):
        shown = {} if result.ui is None else {"ui": dict(result.ui)}
        return {**shown, "result": result.values, "expand": result.graph}
    return result
