"""Nodes that steer a graph: switches, loops, stops, waits. They see no tensor and count how often they run."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Flag, Hidden, Number, Text, Wire, node, spec_of
from heddle.graph.results import ExecutionBlocker, Expanded
from heddle.graph.spec import NodeSpec

Whole = Annotated[int, Wire("INT")]
Thing = Annotated[str, Wire("THING")]
Any1 = Annotated[Any, Wire("*")]
Link = Annotated[Any, Wire("*", raw=True)]
LazyThing = Annotated[str, Wire("THING", lazy=True)]

#: How often each node id ran, by the names that tests give.
ran: Counter[str] = Counter()


@node("Tell", category="control")
def tell(name: Annotated[str, Text()] = "", *, after: Any1 = None) -> Thing:
    """Its own name; counts its runs."""
    ran[name] += 1
    return name


def _ask_switch(pick: bool, **_: Any) -> list[str]:
    return ["yes" if pick else "no"]


@node("Switch", category="control", ask_lazy=_ask_switch)
def switch(pick: Annotated[bool, Flag()], *, yes: LazyThing | None = None, no: LazyThing | None = None) -> Thing:
    """One of two; only that one is made."""
    return (yes if pick else no) or "nothing"


@node("Stop", category="control")
def stop(message: Annotated[str, Text()] = "", *, thing: Thing | None = None) -> Thing:
    """Lets nothing through."""
    return ExecutionBlocker(message or None)  # type: ignore[return-value]


@node("Spread", category="control")
def spread(count: Annotated[int, Number(low=0, high=9)] = 2) -> Annotated[list[str], Wire("THING", many=True)]:
    """A list of things."""
    return [f"{number}" for number in range(count)]


@node("Gather", category="control", takes_lists=True)
def gather(things: Thing) -> Thing:
    """All things of a list in one."""
    return "+".join(things)


@node("Add", category="control")
def add(a: Whole, b: Annotated[int, Number()] = 1) -> Whole:
    """The sum."""
    ran["Add"] += 1
    return a + b


@node("Count", category="control")
def start_count(value: Annotated[int, Number()] = 0) -> Whole:
    """A number."""
    ran["Count"] += 1
    return value


@node("ShowAny", category="control", effects=True)
def show_any(value: Any1) -> Any:
    """Shows whatever comes."""
    from heddle.graph.results import Shown

    return Shown((), {"text": [str(value)]})


@node("AddMany", category="control", per_node=True)
def add_many(
    a: Whole, times: Annotated[int, Number()], id: Annotated[str, Hidden("UNIQUE_ID")] = ""
) -> Annotated[Expanded, Wire("INT")]:
    """Adds one many times, as a chain of nodes in its place."""
    graph: dict[str, Any] = {}
    link: Any = a
    for number in range(times):
        graph[f"{id}.{number}"] = {"class_type": "Add", "inputs": {"a": link, "b": 1}}
        link = [f"{id}.{number}", 0]
    return Expanded((link,), graph)


@node("CountDown", category="control", per_node=True)
def count_down(
    value: Whole,
    until: Annotated[int, Number()] = 0,
    id: Annotated[str, Hidden("UNIQUE_ID")] = "",
) -> Annotated[Expanded, Wire("INT")]:
    """A loop: puts an Add and itself in its place as long as the value is larger."""
    ran["CountDown"] += 1
    if value <= until:
        return (value,)  # type: ignore[return-value]
    graph = {
        f"{id}.a": {"class_type": "Add", "inputs": {"a": value, "b": -1}},
        f"{id}.r": {"class_type": "CountDown", "inputs": {"value": [f"{id}.a", 0], "until": until}},
    }
    return Expanded(([f"{id}.r", 0],), graph)


@node("Copy", category="control", per_node=True)
def copy_of(
    node_link: Link, id: Annotated[str, Hidden("UNIQUE_ID")] = "", graph: Annotated[Any, Hidden("DYNPROMPT")] = None
) -> Annotated[Expanded, Wire("*")]:
    """Runs the node behind a link once more, under an id of its own."""
    source, output = node_link
    return Expanded(([f"{id}.copy", output],), {f"{id}.copy": graph.get_node(source)})


@node("ShowInside", category="control", per_node=True)
def show_inside(thing: Thing, id: Annotated[str, Hidden("UNIQUE_ID")] = "") -> Annotated[Expanded, Wire("THING")]:
    """Puts a node that shows in its place, and hands its input on."""
    return Expanded((thing,), {f"{id}.s": {"class_type": "ShowAny", "inputs": {"value": thing}}})


@node("Around", category="control", per_node=True)
def around(id: Annotated[str, Hidden("UNIQUE_ID")] = "") -> Annotated[Expanded, Wire("THING")]:
    """A graph that waits for the node it replaces."""
    return Expanded(([f"{id}.t", 0],), {f"{id}.t": {"class_type": "Tell", "inputs": {"name": "x", "after": [id, 0]}}})


class Meeting:
    """Coroutines that end only when as many as `wanted` wait at the same time."""

    def __init__(self) -> None:
        self.wanted = 1
        self.there = 0
        self.together = threading.Event()


meeting = Meeting()


@node("Meet", category="control")
async def meet(name: Annotated[str, Text()] = "", *, after: Any1 = None) -> Thing:
    """Waits until the others wait, too."""
    meeting.there += 1
    if meeting.there >= meeting.wanted:
        meeting.together.set()
    while not meeting.together.is_set():
        await asyncio.sleep(0.002)
    return name


@node("Signal", category="control")
def signal(name: Annotated[str, Text()] = "") -> Thing:
    """A plain node that lets the waiting ones go."""
    meeting.together.set()
    return name


@node("WaitForever", category="control")
async def wait_forever(*, ctx: Context) -> Thing:
    """Never ends by itself."""
    meeting.there += 1
    await asyncio.sleep(3600)
    return ""


@node("FailLater", category="control")
async def fail_later() -> Thing:
    """Fails after a wait."""
    await asyncio.sleep(0)
    raise ValueError("too late")


versions: dict[str, Any] = {"now": 1}


@node("Watch", category="control", fingerprint=lambda what, **_: versions[what])
def watch(what: Annotated[str, Text()] = "now") -> Thing:
    """Something from outside that can tell whether it has changed."""
    ran["Watch"] += 1
    return f"{versions[what]}"


async def _async_version(what: str, **_: Any) -> Any:
    await asyncio.sleep(0)
    return versions[what]


@node("WatchAsync", category="control", fingerprint=_async_version)
def watch_async(what: Annotated[str, Text()] = "now") -> Thing:
    """As Watch; the question is a coroutine."""
    ran["WatchAsync"] += 1
    return f"{versions[what]}"


ALL = (
    tell, switch, stop, spread, gather, add, start_count, show_any, add_many, count_down, copy_of, show_inside, around,
    meet, signal, wait_forever, fail_later, watch, watch_async,
)  # fmt: skip


def specs() -> list[NodeSpec]:
    ran.clear()
    meeting.__init__()
    versions.clear()
    versions["now"] = 1
    return [spec_of(each) for each in ALL]
