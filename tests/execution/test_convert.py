"""Saved workflows as API-form graphs."""

from __future__ import annotations

from typing import Any

import pytest

from execution.convert import to_prompt
from heddle.graph.errors import GraphError
from tests.execution.toys import registry


def saved(*nodes: dict[str, Any], links: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"version": 0.4, "nodes": list(nodes), "links": links or [], **more}


def record(id: int | str, kind: str, values: Any = None, inputs: Any = (), **more: Any) -> dict[str, Any]:
    slots = [{"name": name, "type": "THING", "link": link} for name, link in inputs]
    return {"id": id, "type": kind, "widgets_values": values or [], "inputs": slots, "outputs": [], **more}


MAKE = record(1, "Make", ["a", 2, "loud"])


def convert(document: Any) -> Any:
    return to_prompt(document, registry())


def inputs_of(document: Any, node_id: str) -> Any:
    return convert(document)[node_id]["inputs"]


def test_widget_values_get_their_names_and_links_their_sources() -> None:
    document = saved(MAKE, record(2, "Show", inputs=[("thing", 7)]), links=[[7, 1, 0, 2, 0, "THING"]])
    assert convert(document) == {
        "1": {"class_type": "Make", "inputs": {"text": "a", "count": 2, "mode": "loud"}, "_meta": {"title": "Make"}},
        "2": {"class_type": "Show", "inputs": {"thing": ["1", 0]}, "_meta": {"title": "Show"}},
    }


def test_the_newer_schema_with_link_objects_reads_the_same() -> None:
    link = {"id": 7, "origin_id": 1, "origin_slot": 0, "target_id": 2, "target_slot": 0, "type": "THING"}
    document = saved(MAKE, record(2, "Show", inputs=[("thing", 7)]), links=[link]) | {"version": 1}
    assert inputs_of(document, "2") == {"thing": ["1", 0]}


def test_a_node_that_is_not_to_be_kept_says_so() -> None:
    document = saved(record(1, "Make", ["a"], properties={"cache": False}), record(2, "Make", ["a"]))
    assert [node["_meta"] for node in convert(document).values()] == [
        {"title": "Make", "cache": False}, {"title": "Make"},
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[5, "randomize", 0.5], [5, 0.5]])
def test_the_control_after_a_seed_is_passed_over_where_there_is_one(values: list[Any]) -> None:
    assert inputs_of(saved(record(3, "Seeded", values)), "3") == {"seed": 5, "weight": 0.5}


def test_missing_values_become_defaults_and_extra_ones_are_ignored() -> None:
    assert inputs_of(saved(record(1, "Make", ["a"])), "1") == {"text": "a", "count": 1, "mode": "plain"}
    assert inputs_of(saved(record(1, "Make", ["a", 3, "loud", "image", None])), "1")["mode"] == "loud"


def test_values_by_name_win_over_values_by_place() -> None:
    by_name = record(1, "Make", ["a", "loud"], widgets_values_named={"text": "b", "count": 4, "mode": "loud"})
    assert inputs_of(saved(by_name), "1") == {"text": "b", "count": 4, "mode": "loud"}
    assert inputs_of(saved(record(1, "Make", {"count": 6})), "1") == {"text": "a", "count": 6, "mode": "plain"}


def test_a_linked_widget_takes_the_link_and_the_slots_place_means_nothing() -> None:
    document = saved(
        MAKE,
        record(2, "Make", ["x", 5, "plain"], inputs=[("text", 4)]),
        links=[[4, 1, 0, 2, 99, "THING"]],
    )
    assert inputs_of(document, "2") == {"text": ["1", 0], "count": 5, "mode": "plain"}


def test_a_primitives_value_is_written_where_its_link_ends() -> None:
    document = saved(
        record(9, "PrimitiveNode", [41, "fixed"]),
        record(2, "Make", ["x", 5, "plain"], inputs=[("count", 4)]),
        links=[[4, 9, 0, 2, 1, "INT"]],
    )
    assert convert(document) == {
        "2": {"class_type": "Make", "inputs": {"text": "x", "count": 41, "mode": "plain"}, "_meta": {"title": "Make"}}
    }


def test_a_reroute_s_socket_may_bear_the_mark_of_the_widget_that_it_leads_to() -> None:
    reroute = record(5, "Reroute") | {"inputs": [{"name": "", "type": "*", "link": 1, "widget": {"name": "value"}}]}
    document = saved(MAKE, reroute, record(2, "Show", inputs=[("thing", 2)]),
                     links=[[1, 1, 0, 5, 0, "*"], [2, 5, 0, 2, 0, "*"]])  # fmt: skip
    assert inputs_of(document, "2") == {"thing": ["1", 0]}


def test_a_primitive_s_value_that_was_changed_in_its_list_alone_is_the_one() -> None:
    more = {"widgets_values_named": {"value": 41, "control_after_generate": "fixed"}}
    document = saved(record(9, "PrimitiveNode", [42, "fixed"], **more), record(3, "Seeded", [5], inputs=[("seed", 1)]),
                     links=[[1, 9, 0, 3, 0, "INT"]])  # fmt: skip
    assert inputs_of(document, "3")["seed"] == 42


def test_a_primitive_behind_reroutes_still_reaches_its_widget() -> None:
    document = saved(
        record(9, "PrimitiveNode", [[1, 2]]),
        record(5, "Reroute", inputs=[("", 1)]),
        record(6, "Reroute", inputs=[("", 2)]),
        record(2, "Make", inputs=[("text", 3)]),
        links=[[1, 9, 0, 5, 0, "*"], [2, 5, 0, 6, 0, "*"], [3, 6, 0, 2, 0, "*"]],
    )
    assert inputs_of(document, "2")["text"] == {"__value__": [1, 2]}


def test_notes_leave_no_trace() -> None:
    assert list(convert(saved(MAKE, record(8, "Note", ["remember"]), record(9, "MarkdownNote", ["# hi"])))) == ["1"]


def test_a_muted_node_gives_nothing_to_those_behind_it() -> None:
    document = saved(MAKE | {"mode": 2}, record(2, "Show", inputs=[("thing", 7)]), links=[[7, 1, 0, 2, 0, "THING"]])
    assert convert(document)["2"]["inputs"] == {}
    assert "1" not in convert(document)


def slot(name: str, kind: str, link: int | None) -> dict[str, Any]:
    return {"name": name, "type": kind, "link": link}


@pytest.mark.parametrize(
    ("slots", "outputs", "output", "expected"),
    [
        ([slot("a", "THING", 1), slot("b", "THING", 2)], ["THING", "THING"], 1, "11"),  # same place
        ([slot("a", "INT", 1), slot("b", "THING", 2)], ["THING"], 0, "11"),  # first of the same type
        ([slot("a", "INT", 1), slot("b", "*", 2)], ["THING"], 0, "11"),  # first that fits
        ([slot("a", "INT", 1)], ["THING"], 0, None),  # none fits
        ([], ["THING"], 0, None),
    ],
)
def test_a_bypassed_node_passes_on_the_input_that_fits(slots: Any, outputs: Any, output: int, expected: Any) -> None:
    named = [{"name": kind, "type": kind} for kind in outputs]
    bypassed = {"id": 5, "type": "Join", "mode": 4, "inputs": slots, "outputs": named}
    document = saved(
        record(10, "Make", ["n", 1, "plain"]),
        record(11, "Make", ["m", 1, "plain"]),
        bypassed,
        record(2, "Show", inputs=[("thing", 3)]),
        links=[[1, 10, 0, 5, 0, "*"], [2, 11, 0, 5, 1, "*"], [3, 5, output, 2, 0, "THING"]],
    )
    found = inputs_of(document, "2").get("thing")
    assert found == ([expected, 0] if expected else None)


def test_a_type_that_is_still_open_fits_any_other_at_a_bypassed_node() -> None:
    switch = record(5, "Switch", inputs=[("yes", 1)], mode=4)
    switch["inputs"][0]["type"] = "COMFY_MATCHTYPE_V3"
    switch["outputs"] = [{"name": "out", "type": "COMFY_MATCHTYPE_V3"}]
    document = saved(MAKE, switch, record(2, "Show", inputs=[("thing", 2)]),
                     links=[[1, 1, 0, 5, 0, "*"], [2, 5, 0, 2, 0, "*"]])  # fmt: skip
    assert inputs_of(document, "2") == {"thing": ["1", 0]}


def test_a_link_to_nowhere_is_dropped() -> None:
    document = saved(record(2, "Show", inputs=[("thing", 7)]), record(3, "Show", inputs=[("thing", 8)]),
                     links=[[8, 55, 0, 3, 0, "THING"]])  # fmt: skip
    assert inputs_of(document, "2") == {} and inputs_of(document, "3") == {}


@pytest.mark.parametrize(
    ("held_by_2", "held_by_3", "link", "fed"),
    [
        (None, None, [7, 1, 0, 3, 0, "THING"], ["3"]),
        (None, None, [7, 1, 0, 3, 4, "THING"], []),
        (7, None, [7, 1, 0, 3, 0, "THING"], ["3"]),
        (7, 7, [7, 1, 0, 3, 0, "THING"], ["3"]),
        (None, 9, [7, 1, 0, 3, 0, "THING"], ["3"]),
        (7, None, {"id": 7, "origin_id": 1, "origin_slot": 0}, ["2"]),
    ],
    ids=[
        "in no slot",
        "in no slot that is there",
        "in another's slot",
        "in a copy's slot",
        "for a dead link",
        "no end",
    ],
)
def test_a_link_says_which_node_it_ends_at_and_the_slot_that_holds_it_at_which_input(
    held_by_2: Any, held_by_3: Any, link: Any, fed: list[str]
) -> None:
    shows = [record(id, "Show", inputs=[("thing", held)]) for id, held in ((2, held_by_2), (3, held_by_3))]
    made = convert(saved(MAKE, *shows, links=[link]))
    assert [id for id in ("2", "3") if made[id]["inputs"].get("thing") == ["1", 0]] == fed


def test_of_two_nodes_with_one_number_the_first_keeps_it_and_its_links() -> None:
    nodes = (MAKE, record(1, "Make", ["b", 3, "loud"]), record(2, "Show", inputs=[("thing", 7)]))
    made = convert(saved(*nodes, links=[[7, 1, 0, 2, 0, "THING"]]))
    assert {name: made[name]["inputs"].get("text") for name in made} == {"1": "a", "2": None, "3": "b"}
    assert made["2"]["inputs"] == {"thing": ["1", 0]}


def test_reroutes_in_a_circle_are_refused() -> None:
    document = saved(
        record(5, "Reroute", inputs=[("", 1)]),
        record(6, "Reroute", inputs=[("", 2)]),
        record(2, "Show", inputs=[("thing", 3)]),
        links=[[1, 6, 0, 5, 0, "*"], [2, 5, 0, 6, 0, "*"], [3, 6, 0, 2, 0, "*"]],
    )
    with pytest.raises(GraphError, match="circle"):
        convert(document)


def test_an_unknown_type_stays_so_that_the_check_can_name_it() -> None:
    assert convert(saved(record(4, "Mystery", [1], title="My own")))["4"] == {
        "class_type": "Mystery", "inputs": {}, "_meta": {"title": "My own"},
    }  # fmt: skip


def test_the_api_form_passes_through() -> None:
    prompt = {"1": {"class_type": "Make", "inputs": {}}}
    assert convert(prompt) == prompt


@pytest.mark.parametrize("document", [None, 3, [], {}, {"nodes": 3}, {"a": 1}, {"prompt": {"1": {}}}])
def test_what_is_no_workflow_is_refused_in_words(document: Any) -> None:
    with pytest.raises(GraphError, match="workflow"):
        convert(document)


@pytest.mark.parametrize("broken", [{"nodes": [{"type": "Make"}]}, {"nodes": [4]}, {"nodes": [MAKE], "links": [[1]]}])
def test_a_damaged_workflow_is_refused_in_words(broken: Any) -> None:
    with pytest.raises(GraphError, match="the workflow has a"):
        convert(broken)


@pytest.mark.parametrize(
    "damage",
    [
        {"inputs": 5},
        {"inputs": [None]},
        {"inputs": [{"name": [], "link": 7}]},
        {"outputs": "none"},
        {"id": 1},
    ],
)
def test_a_damaged_node_is_refused_in_words(damage: dict[str, Any]) -> None:
    whole = record(2, "Show", inputs=[("thing", 7)])
    damaged = {"id": 2} if "id" in damage else whole | damage
    with pytest.raises(GraphError, match="save the workflow again"):
        convert(saved(MAKE, damaged, links=[[7, 1, 0, 2, 0, "THING"]]))


@pytest.mark.parametrize("more", [{"links": 5}, {"links": [[7, 1, float("inf"), 2, 0, "THING"]]}])
def test_damaged_links_are_refused_in_words(more: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match="link"):
        convert(saved(MAKE) | more)


def test_a_list_where_a_seed_s_control_stands_is_no_control() -> None:
    assert inputs_of(saved(record(3, "Seeded", [5, [], 0.5])), "3") == {"seed": 5, "weight": {"__value__": []}}


@pytest.mark.parametrize("node", [5, {"class_type": "Make", "inputs": 5}])
def test_a_damaged_node_of_the_api_form_is_refused_in_words(node: Any) -> None:
    document = {"1": {"class_type": "Make", "inputs": {}}, "2": node}
    with pytest.raises(GraphError):
        convert(document)


@pytest.mark.parametrize("mode", ["2", "4", 4.0])
def test_a_mode_written_in_another_way_still_takes_the_node_out(mode: Any) -> None:
    assert convert(saved(MAKE | {"mode": mode})) == {}
