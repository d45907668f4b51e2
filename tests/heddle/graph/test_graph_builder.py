"""Graphs built by nodes, and the graph of a job that grows by them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from heddle.graph.dynamic_prompt import DynamicPrompt, NodeNotFoundError
from heddle.graph.errors import GraphError
from heddle.graph.graph_builder import GraphBuilder, add_graph_prefix
from heddle.graph.running import call_of, call_place, current_context, hand_in, worker_side


def test_ids_begin_with_the_call_that_builds_and_are_the_same_in_the_next_run() -> None:
    def run(node_id: str, call: int) -> list[str]:
        with call_of(None, node_id, call):
            graphs = [GraphBuilder(), GraphBuilder()]
            return [graph.node("A").id for graph in graphs]

    assert run("7", 0) == ["7.0.0.1", "7.0.1.1"] == run("7", 0)
    assert run("7", 1) == ["7.1.0.1", "7.1.1.1"]
    assert GraphBuilder(prefix=False).node("A").id == "1"


def test_nodes_are_linked_changed_and_written_in_the_api_form() -> None:
    graph = GraphBuilder("p.")
    first = graph.node("Load", name="a", nothing=None)
    second = graph.node("Blur", "blur", image=first.out(0), size=3)
    assert graph.node("Blur", "blur") is second is graph.lookup_node("blur")
    second.set_input("size", 4)
    second.set_input("mask", first.out(1))
    second.set_override_display_id("12")
    assert graph.finalize() == {
        "p.1": {"class_type": "Load", "inputs": {"name": "a"}},
        "p.blur": {
            "class_type": "Blur",
            "inputs": {"image": ["p.1", 0], "size": 4, "mask": ["p.1", 1]},
            "override_display_id": "12",
        },
    }
    graph.replace_node_output("1", 0, ["outside", 2])
    graph.replace_node_output("1", 1, None)
    graph.remove_node("1")
    assert graph.finalize()["p.blur"]["inputs"] == {"image": ["outside", 2], "size": 4}
    assert second.get_input("mask") is None and graph.lookup_node("1") is None


def test_a_default_prefix_may_be_set_by_hand() -> None:
    def build() -> list[str]:
        GraphBuilder.set_default_prefix("9", 2, 5)
        return [GraphBuilder.alloc_prefix(), GraphBuilder.alloc_prefix(), GraphBuilder.alloc_prefix("x", 0, 1)]

    async def inside() -> list[str]:  # a task of its own, so that the setting ends with it
        return build()

    assert asyncio.run(inside()) == ["9.2.5.", "9.2.6.", "x.0.1."]


def test_a_prefix_moves_a_graph_and_leaves_links_to_the_outside() -> None:
    graph = {"1": {"class_type": "A", "inputs": {"x": ["9", 0]}}, "2": {"class_type": "B", "inputs": {"y": ["1", 1]}}}
    nodes, outputs = add_graph_prefix(graph, (["2", 0], ["9", 0], 5), "p.")
    assert nodes["p.1"]["inputs"] == {"x": ["9", 0]} and nodes["p.2"]["inputs"] == {"y": ["p.1", 1]}
    assert outputs == (["p.2", 0], ["9", 0], 5)
    assert graph["2"]["inputs"] == {"y": ["1", 1]}


def test_a_dynamic_prompt_knows_where_each_node_came_from() -> None:
    prompt = DynamicPrompt({"1": {"class_type": "A"}})
    prompt.add_ephemeral_node("1.0", {"class_type": "B"}, "1", "1")
    prompt.add_ephemeral_node("1.0.0", {"class_type": "C"}, "1.0", "1.0.0")
    assert prompt.get_node("1.0.0") == {"class_type": "C"} and prompt.get_node("1") == {"class_type": "A"}
    assert prompt.all_node_ids() == {"1", "1.0", "1.0.0"}
    assert (prompt.get_real_node_id("1.0.0"), prompt.get_parent_node_id("1.0.0")) == ("1", "1.0")
    assert (prompt.get_parent_node_id("1"), prompt.get_real_node_id("1")) == (None, "1")
    assert (prompt.get_display_node_id("1.0"), prompt.get_display_node_id("1.0.0")) == ("1", "1.0.0")
    assert prompt.has_node("1.0") and not prompt.has_node("2")
    assert prompt.get_original_prompt() == {"1": {"class_type": "A"}}
    with pytest.raises(NodeNotFoundError, match="node 2: not in this graph"):
        prompt.get_node("2")
    assert issubclass(NodeNotFoundError, GraphError)


def test_the_place_of_a_call_ends_with_it_also_when_it_fails() -> None:
    context: Any = object()
    with pytest.raises(ZeroDivisionError), call_of(context, "1", job_id="j"):
        place = call_place.get()
        assert place is not None and (place.node_id, place.job_id) == ("1", "j")
        assert current_context.get() is context
        raise ZeroDivisionError
    assert (call_place.get(), current_context.get()) == (None, None)


def test_what_the_worker_hands_in_is_there_for_code_that_knows_no_node() -> None:
    sent: list[Any] = []
    before = worker_side()
    hand_in(send=lambda event, data, client: sent.append((event, data, client)))
    try:
        worker_side().send("a", {"b": 1}, None)
        assert worker_side().stop is before.stop
    finally:
        hand_in(send=before.send)
    assert sent == [("a", {"b": 1}, None)]
