"""Classic classes in one line, as hostile packs write them: a function, what it takes and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from execution.worker import Worker
from heddle.graph.classic import spec_of_class
from heddle.graph.spec import NodeSpec
from tests.execution.control import specs
from tests.execution.toys import worker

ANY = ("*", {})


def pack_node(name: str, go: Callable[..., Any], outputs: tuple[str, ...] = ("*",), **more: Any) -> NodeSpec:
    """A node whose function takes the inputs by name; `takes`, `may_take` and `hidden` are INPUT_TYPES' sections,
    everything else stands on the class.
    """
    sections = {
        "required": more.pop("takes", {}),
        "optional": more.pop("may_take", {}),
        "hidden": more.pop("hidden", {}),
    }
    attributes = {
        "INPUT_TYPES": classmethod(lambda cls: sections),
        "RETURN_TYPES": outputs,
        "FUNCTION": "go",
        "go": staticmethod(go),
        **{key: staticmethod(value) if callable(value) else value for key, value in more.items()},
    }
    return spec_of_class(name, type(name, (), attributes), python_module="custom_nodes.hostile")


def pack_worker(*nodes: NodeSpec) -> Worker:
    """A worker with these nodes, the toys and the nodes that steer."""
    return worker(*specs(), *nodes)


def show(source: str, output: int = 0) -> tuple[str, dict[str, Any]]:
    """A record for `toys.graph` that shows one output."""
    return ("ShowAny", {"value": [source, output]})
