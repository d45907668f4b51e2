"""Loops as packs build them: an opening and a closing node, and the body between them run again and again by a graph
that the closing node puts in its own place. Which nodes the body has it finds by looking through the job's graph.
"""

from __future__ import annotations

from typing import Any

from heddle.graph.graph_builder import GraphBuilder
from heddle.graph.results import ExecutionBlocker
from heddle.graph.spec import NodeSpec
from heddle.graph.workflow import is_link
from tests.execution.packs import ANY, pack_node

SLOTS = 3
FLOW = ("FLOW_CONTROL", {"rawLink": True})
INITIAL = {f"initial_value{number}": ANY for number in range(SLOTS)}
OUT = ("*",) * SLOTS


def _open_while(condition: Any, **initial: Any) -> tuple[Any, ...]:
    values = [initial.get(f"initial_value{number}") for number in range(SLOTS)]
    return ("stub", *(values if condition else [ExecutionBlocker(None)] * SLOTS))


def _sources(record: Any) -> list[str]:
    return [value[0] for value in record["inputs"].values() if is_link(value)]


def _body(graph: Any, opened: str, closed: str) -> set[str]:
    """The nodes that need the opening node and that the closing one needs, both of these with them."""
    users: dict[str, list[str]] = {}
    seen, waiting = set(), [closed]
    while waiting:
        node_id = waiting.pop()
        if node_id in seen:
            continue
        seen.add(node_id)
        for source in _sources(graph.get_node(node_id)):
            users.setdefault(source, []).append(node_id)
            waiting.append(source)
    body, waiting = {opened, closed}, [opened]
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user not in body:
                body.add(user)
                waiting.append(user)
    return body


def _close_while(flow_control: Any, condition: Any, dynprompt: Any, unique_id: str, **initial: Any) -> Any:
    values = [initial.get(f"initial_value{number}") for number in range(SLOTS)]
    if not condition:
        return tuple(values)
    opened = flow_control[0]
    body = _body(dynprompt, opened, unique_id)
    graph = GraphBuilder()
    names = {node_id: "Again" if node_id == unique_id else node_id for node_id in body}
    for node_id in sorted(body):
        copied = graph.node(dynprompt.get_node(node_id)["class_type"], names[node_id])
        copied.set_override_display_id(node_id)
    for node_id in sorted(body):
        copied = graph.lookup_node(names[node_id])
        assert copied is not None
        for name, value in dynprompt.get_node(node_id)["inputs"].items():
            inner = graph.lookup_node(names[value[0]]) if is_link(value) and value[0] in names else None
            copied.set_input(name, inner.out(value[1]) if inner is not None else value)
    again = graph.lookup_node(names[opened])
    assert again is not None
    for number, value in enumerate(values):
        again.set_input(f"initial_value{number}", value)
    end = graph.lookup_node("Again")
    assert end is not None
    return {"result": tuple(end.out(number) for number in range(SLOTS)), "expand": graph.finalize()}


def _open_for(remaining: int, **initial: Any) -> Any:
    graph = GraphBuilder()
    remaining = initial.pop("initial_value0", remaining)  # a hidden input, which only the closing node sets
    more = {name: value for name, value in initial.items() if value is not None}
    graph.node("WhileOpen", condition=remaining, initial_value0=remaining, **more)
    return {"result": ("stub", remaining, *(initial.get(f"initial_value{n}") for n in range(1, SLOTS))),
            "expand": graph.finalize()}  # fmt: skip


def _close_for(flow_control: Any, **initial: Any) -> Any:
    graph = GraphBuilder()
    opened = flow_control[0]
    left = graph.node("Add", a=[opened, 1], b=-1)
    goes_on = graph.node("IsPositive", a=left.out(0))
    values = {name: value for name, value in initial.items() if value is not None}
    close = graph.node("WhileClose", flow_control=flow_control, condition=goes_on.out(0), initial_value0=left.out(0),
                       **values)  # fmt: skip
    return {"result": tuple(close.out(number) for number in range(1, SLOTS)), "expand": graph.finalize()}


def loop_nodes() -> list[NodeSpec]:
    """WhileOpen, WhileClose, ForOpen, ForClose, and what they need."""
    later = {name: kind for name, kind in INITIAL.items() if name != "initial_value0"}
    links = {name: ("*", {"rawLink": True}) for name in later}  # the closing node hands on where they come from
    start = ("INT", {"default": 1})
    return [
        pack_node("WhileOpen", _open_while, ("FLOW_CONTROL", *OUT), takes={"condition": ANY}, may_take=INITIAL),
        pack_node(
            "WhileClose",
            _close_while,
            OUT,
            takes={"flow_control": FLOW, "condition": ANY},
            may_take=INITIAL,
            hidden={"dynprompt": "DYNPROMPT", "unique_id": "UNIQUE_ID"},
        ),
        pack_node(
            "ForOpen",
            _open_for,
            ("FLOW_CONTROL", "INT", *OUT[1:]),
            takes={"remaining": start},
            may_take=later,
            hidden={"initial_value0": ANY},
        ),
        pack_node("ForClose", _close_for, OUT[1:], takes={"flow_control": FLOW}, may_take=links),
        pack_node("IsPositive", lambda a: (a > 0,), ("BOOLEAN",), takes={"a": ("INT", {"forceInput": True})}),
        pack_node("Longer", lambda text, word: (f"{text or ''}{word}",), takes={"text": ANY, "word": ANY}),
    ]
