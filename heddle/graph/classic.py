"""The classic class protocol: read into a `NodeSpec`, and derived from one.

A classic node is a class with INPUT_TYPES, RETURN_TYPES and FUNCTION. Its instance lives as long as the spec, since
packs keep state on `self`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.object_info import read_inputs, read_outputs, record_of
from heddle.graph.results import Shown
from heddle.graph.spec import NodeSpec


def spec_of_class(id: str, cls: type, *, display_name: str = "", python_module: str = "") -> NodeSpec:
    """Read a classic class.

    Raises: GraphError, if the class lacks a part of the protocol or cannot list its inputs.
    """
    try:
        sections = cls.INPUT_TYPES()  # pyright: ignore[reportAttributeAccessIssue]  # the protocol's own name
        inputs = tuple(read_inputs(sections))
        function = str(getattr(cls, "FUNCTION", ""))
        outputs = tuple(
            read_outputs(
                getattr(cls, "RETURN_TYPES", ()),
                getattr(cls, "RETURN_NAMES", None),
                getattr(cls, "OUTPUT_IS_LIST", None),
            )
        )
    except Exception as error:  # a pack's own code: whatever it raises, the house stands without this node
        raise GraphError(
            f"node {id}: its class cannot list its inputs and outputs ({type(error).__name__}: {error})", class_type=id
        ) from error
    if not callable(getattr(cls, function, None)):
        raise GraphError(
            f"node {id}: FUNCTION names {function!r}, but the class has no such method", class_type=id, found=function
        )
    return NodeSpec(
        id=id,
        inputs=inputs,
        outputs=outputs,
        category=str(getattr(cls, "CATEGORY", "sd")),
        display_name=display_name or id,
        description=str(getattr(cls, "DESCRIPTION", "")),
        is_output=bool(getattr(cls, "OUTPUT_NODE", False)),
        takes_lists=bool(getattr(cls, "INPUT_IS_LIST", False)),
        python_module=python_module or cls.__module__,
        deprecated=bool(getattr(cls, "DEPRECATED", False)),
        experimental=bool(getattr(cls, "EXPERIMENTAL", False)),
        search_aliases=tuple(getattr(cls, "SEARCH_ALIASES", ()) or ()),
        call=_Caller(cls, function),
        classic=cls,
    )


class _Caller:
    """Calls a classic node's method on one instance, made at the first call."""

    def __init__(self, cls: type, function: str) -> None:
        self._cls = cls
        self._function = function
        self._instance: Any = None

    def __call__(self, **inputs: Any) -> Any:
        if self._instance is None:
            self._instance = self._cls()
        return _read_result(getattr(self._instance, self._function)(**inputs))


def _read_result(result: Any) -> Any:
    """What a classic method returned, as the executor wants it: a tuple or a `Shown`."""
    if isinstance(result, Mapping):
        values = result.get("result", ())
        return Shown(tuple(values) if isinstance(values, (list, tuple)) else (values,), dict(result.get("ui", {})))
    if result is None:
        return ()
    return tuple(result) if isinstance(result, (list, tuple)) else (result,)


def class_of_spec(spec: NodeSpec) -> type:
    """A classic class for a node of ours, for packs that look it up and call or subclass it."""
    if spec.classic is not None:
        return spec.classic
    record = record_of(spec)
    call = spec.call

    def run(self: Any, **inputs: Any) -> Any:
        if call is None:
            raise GraphError(f"node {spec.id}: known by its catalogue entry only", class_type=spec.id)
        result = call(**inputs)
        return {"ui": dict(result.ui), "result": result.values} if isinstance(result, Shown) else result

    members: dict[str, Any] = {
        "INPUT_TYPES": classmethod(lambda cls: {section: dict(names) for section, names in record["input"].items()}),
        "RETURN_TYPES": tuple(record["output"]),
        "RETURN_NAMES": tuple(record["output_name"]),
        "OUTPUT_NODE": spec.is_output,
        "CATEGORY": spec.category,
        "DESCRIPTION": spec.description,
        "FUNCTION": "run",
        "run": run,
        "__doc__": inspect.cleandoc(spec.description),
        "__module__": spec.python_module,
    }
    return type(spec.id, (), members)
