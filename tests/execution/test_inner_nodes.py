"""Nodes that other nodes put into the graph, as clients hear of them: always with the node that they stand for."""

from __future__ import annotations

from typing import Any

from comfy_execution.utils import get_executing_context
from heddle.graph.graph_builder import GraphBuilder
from server import PromptServer
from tests.execution.packs import pack_node, pack_worker, show
from tests.execution.toys import Heard, graph, run


def unfold(kind: str, **inputs: Any) -> Any:
    """A function that puts one node in its place, and a display of what that gives."""

    def go(seed: int = 0) -> dict[str, Any]:
        made = GraphBuilder()
        inner = made.node(kind, **inputs)
        made.node("ShowAny", value=inner.out(0))
        return {"result": (inner.out(0),), "expand": made.finalize()}

    return go


def first_heard(heard: Heard, node_id: str) -> Any:
    return next(each for each in heard if getattr(each, "node_id", None) == node_id)


def test_a_display_inside_that_was_kept_is_shown_again_at_the_node_it_stands_for() -> None:
    made = pack_worker(pack_node("Unfold", unfold("Make", text="kept"), takes={"seed": ("INT", {})}))
    run(made, graph(n1=("Unfold", {"seed": 1}), n2=show("1")))
    heard = run(made, graph(n1=("Unfold", {"seed": 2}), n2=show("1")))
    (again,) = [each for each in heard.of("node_finished") if each.cached and each.output]
    assert again.output == {"text": ["kept"]}
    told = first_heard(heard, again.node_id)
    assert (told.kind, told.display_id, told.real_id) == ("node_started", "1", "1")


def test_an_inner_node_that_fails_before_it_begins_is_known_by_the_node_it_stands_for() -> None:
    def choose(value: Any = None) -> Any:
        raise ValueError("cannot choose")

    picky = pack_node("Picky", lambda value: value, takes={"value": ("*", {"lazy": True})}, check_lazy_status=choose)
    asks = pack_node("Unfold", lambda: _two("Picky"), takes={})
    heard = run(pack_worker(picky, asks), graph(n1=("Unfold", {}), n2=show("1")))
    (failed,) = heard.of("node_failed")
    told = first_heard(heard, failed.node_id)
    assert (told.kind, told.real_id) == ("node_started", "1")


def test_an_inner_node_tells_pages_to_look_at_the_node_it_stands_for() -> None:
    seen: list[tuple[str | None, str | None]] = []

    def look(number: int) -> tuple[str]:
        place = get_executing_context()
        seen.append((PromptServer().last_node_id, place.node_id if place is not None else None))
        return ("x",)

    looks = pack_node("Look", look, takes={"number": ("INT", {})})
    made = pack_worker(looks, pack_node("Unfold", unfold("Look", number=1)))
    run(made, graph(n1=("Unfold", {}), n2=("Look", {"number": 2}), n3=show("1"), n4=show("2")))
    assert sorted(seen) == [("1", "1.0.0.1"), ("2", "2")]


def _two(kind: str) -> dict[str, Any]:
    made = GraphBuilder()
    inner = made.node(kind, value=made.node("Make").out(0))
    return {"result": (inner.out(0),), "expand": made.finalize()}
