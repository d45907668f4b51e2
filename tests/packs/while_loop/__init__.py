"""A pack as packs write them: loops that put another turn of their body into the graph."""

from __future__ import annotations

from typing import Any

from comfy_execution.graph import ExecutionBlocker
from comfy_execution.graph_utils import GraphBuilder, is_link

VALUES = 3


def body_of(prompt: Any, close_id: str, open_id: str) -> set[str]:
    """The nodes that lie between the two ends of a loop, both included."""
    feeds: dict[str, set[str]] = {}
    waiting, seen = [close_id], {close_id}
    while waiting:
        node_id = waiting.pop()
        for value in prompt.get_node(node_id)["inputs"].values():
            if is_link(value):
                feeds.setdefault(value[0], set()).add(node_id)
                if value[0] not in seen:
                    seen.add(value[0])
                    waiting.append(value[0])
    body: set[str] = set()
    waiting = [open_id]
    while waiting:
        node_id = waiting.pop()
        if node_id not in body:
            body.add(node_id)
            waiting += feeds.get(node_id, ())
    return body


class WhileOpen:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"condition": ("BOOLEAN", {"default": True})},
            "optional": {f"value{i}": ("*",) for i in range(VALUES)},
        }

    RETURN_TYPES = ("FLOW_CONTROL", *["*"] * VALUES)
    RETURN_NAMES = ("flow", *[f"value{i}" for i in range(VALUES)])
    FUNCTION = "open"
    CATEGORY = "logic"

    def open(self, condition: bool, **values: Any) -> tuple[Any, ...]:
        given = [values.get(f"value{i}") for i in range(VALUES)]
        return ("flow", *(each if condition else ExecutionBlocker(None) for each in given))


class WhileClose:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "flow": ("FLOW_CONTROL", {"rawLink": True}),
                "condition": ("BOOLEAN", {"forceInput": True}),
            },
            "optional": {f"value{i}": ("*",) for i in range(VALUES)},
            "hidden": {"dynprompt": "DYNPROMPT", "unique_id": "UNIQUE_ID"},
        }

    RETURN_TYPES = ("*",) * VALUES
    RETURN_NAMES = tuple(f"value{i}" for i in range(VALUES))
    FUNCTION = "close"
    CATEGORY = "logic"

    def close(self, flow: Any, condition: bool, dynprompt: Any, unique_id: str, **values: Any) -> Any:
        if not condition:
            return tuple(values.get(f"value{i}") for i in range(VALUES))
        open_id = flow[0]
        graph = GraphBuilder()
        copies = {}
        for node_id in sorted(body_of(dynprompt, unique_id, open_id)):
            copies[node_id] = graph.node(dynprompt.get_node(node_id)["class_type"])
            copies[node_id].set_override_display_id(node_id)
        for node_id, copy in copies.items():
            for name, value in dynprompt.get_node(node_id)["inputs"].items():
                inside = is_link(value) and value[0] in copies
                copy.set_input(name, copies[value[0]].out(value[1]) if inside else value)
        for i in range(VALUES):
            copies[open_id].set_input(f"value{i}", values.get(f"value{i}"))
        again = copies[unique_id]
        return {"result": tuple(again.out(i) for i in range(VALUES)), "expand": graph.finalize()}


class Count:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"number": ("INT", {"default": 0}), "until": ("INT", {"default": 3})}}

    RETURN_TYPES = ("INT", "BOOLEAN")
    RETURN_NAMES = ("next", "goes_on")
    FUNCTION = "count"
    CATEGORY = "logic"

    def count(self, number: int, until: int) -> tuple[int, bool]:
        return number + 1, number + 1 < until


NODE_CLASS_MAPPINGS = {"TestWhileOpen": WhileOpen, "TestWhileClose": WhileClose, "TestCount": Count}
