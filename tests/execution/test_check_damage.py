"""Graphs as bad as they come: whatever is sent, an answer comes back, in words and as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.check import Report
from execution.own_check import ask_node
from heddle.graph.errors import GraphError
from heddle.graph.object_info import record_of, spec_of_record
from heddle.graph.spec import AUTOGROW, DYNAMIC_COMBO, MATCH_TYPE, InputSpec, NodeSpec, OutputSpec, Validation
from tests.execution.checking import check, errors_of, giver, graph, kinds_of, taker

CHOICES = {
    "options": [
        {"key": "none", "inputs": {}},
        {"key": "size", "inputs": {"required": {"width": ["INT", {"min": 1}], "fit": [["a", "b"], {}]}}},
    ]
}
GROWING = {"template": {"input": {"required": {"x": ["*", {}]}}, "prefix": "x", "min": 1, "max": 3}}
SHARED = {"template": {"template_id": "t", "allowed_types": "*"}, "lazy": True}

NODES = (
    giver("Make", "IMAGE", "MASK", "*", inputs=(InputSpec("size", "INT", options={"min": 1, "max": 9}),)),
    giver("Mode", "IMAGE", inputs=(InputSpec("mode", DYNAMIC_COMBO, options=CHOICES), InputSpec("x", "IMAGE"))),
    giver("Grow", "LIST", inputs=(InputSpec("many", AUTOGROW, options=GROWING),)),
    NodeSpec(
        "Switch",
        (InputSpec("on", "BOOLEAN"), InputSpec("no", MATCH_TYPE, options=SHARED)),
        (OutputSpec("out", MATCH_TYPE),),
        extras={"output_matchtypes": ["t"]},
    ),
    NodeSpec("Open", (), (OutputSpec("out", "*"),), open_input=InputSpec("*", "*", options={"rawLink": True})),
    taker("Save", InputSpec("x", "IMAGE"), InputSpec("name", "COMBO", "optional", {"options": {"files": "loras"}})),
    taker(
        "Own",
        InputSpec("x", "*", "optional"),
        InputSpec("text", "STRING,FLOAT", "optional", {"min": math.nan}),
        validation=Validation(takes_all=True, ask=lambda **inputs: inputs.get("text") != "no"),
    ),
)

GOOD = graph(
    Make={"size": 3},
    Mode={"mode": "size", "mode.width": 5, "mode.fit": "a", "x": ["Make", 0]},
    Grow={"many.x0": ["Make", 1], "many.x1": ["Mode", 0]},
    Switch={"on": True, "no": ["Mode", 0]},
    Open={"a": ["Grow", 0], "b": 5},
    Save={"x": ["Switch", 0], "name": "one"},
    Own={"x": ["Open", 0], "text": "yes"},
)


def looked_at(prompt: Any, **more: Any) -> Report:
    """Check, and see that what comes back can be told to anybody."""
    report = check(prompt, *NODES, files={"loras": ["one", "two"]}, ask=ask_node, **more)
    text = json.dumps(report.as_answer(), allow_nan=False)
    json.loads(text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass"))
    assert (report.plan is None) == (report.error is not None)
    assert all(isinstance(each, GraphError) and each.message for each in errors_of(report))
    if report.plan is not None:
        seen: set[str] = set()
        for node_id, node in report.plan.nodes.items():
            assert set(node.sources) <= seen
            assert node_id not in report.problems
            seen.add(node_id)
        assert set(report.plan.targets) <= seen
    for problems in report.problems.values():
        assert problems.errors
    return report


def test_the_graph_that_is_damaged_below_is_sound() -> None:
    found = looked_at(GOOD)
    assert found.problems == {} and found.plan is not None
    assert set(found.plan.nodes) == set(GOOD)


#: Too long for Python to write out, also in the name of a strategy.
HUGE = st.builds(lambda: 10**5000)
SCALARS = st.one_of(
    HUGE,
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**30), 10**30),
    st.sampled_from([-(10**400), 2**63, math.nan, math.inf, -math.inf, 0.5, -0.0]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["\0", "\ud800", "nan", "1e999", "size", "none", "one", "no", "__value__", "IMAGE"]),
)
LINKS = st.tuples(
    st.sampled_from([*GOOD, "gone", 7, "", None, True]) | HUGE,
    st.sampled_from([0, 1, 2, 3, -1, 0.0, 0.5, math.nan, math.inf, True, None, "0"]) | HUGE,
).map(list)
VALUES = st.recursive(
    SCALARS | LINKS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["__value__", "__type__", "a"]), inner, max_size=2)
        | st.tuples(inner, inner)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["size", "x", "mode", "mode.width", "mode.fit", "mode.fit.a", "many", "many.x0", "many.x3", "many.x99", "on", "no"]
    + ["name", "text", "a", "", ".", "..", "many.", "\ud800"]
) | st.one_of(st.integers(), st.none(), st.text(max_size=5))
INPUTS = st.dictionaries(NAMES, VALUES, max_size=5)
RECORDS = st.one_of(
    st.fixed_dictionaries(
        {"class_type": st.sampled_from([each.id for each in NODES]), "inputs": INPUTS},
        optional={"_meta": VALUES | st.fixed_dictionaries({"title": VALUES})},
    ),
    st.fixed_dictionaries({"class_type": VALUES, "inputs": INPUTS | VALUES}),
    VALUES,
)
IDS = st.sampled_from([*GOOD, "1", 1, "new", "8:25:1", ""]) | st.one_of(
    st.none(), st.floats(), st.integers(), st.text()
)


@settings(max_examples=300)
@given(st.dictionaries(IDS, RECORDS, max_size=3), st.sampled_from(sorted(GOOD)), INPUTS)
def test_a_damaged_graph_gives_a_report(records: dict[Any, Any], node: str, inputs: dict[Any, Any]) -> None:
    changed = {**GOOD[node], "inputs": {**GOOD[node]["inputs"], **inputs}}
    looked_at({**GOOD, node: changed, **records})


@settings(max_examples=100)
@given(VALUES | st.dictionaries(IDS, RECORDS, max_size=4))
def test_anything_at_all_gives_a_report(prompt: Any) -> None:
    looked_at(prompt)


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["input", "output", "output_name", "output_matchtypes", "validates", "open_input", "was"])
        | st.text(max_size=4),
        VALUES
        | st.fixed_dictionaries(
            {
                "required": st.dictionaries(
                    st.sampled_from(["x", "y", "x.y"]),
                    st.tuples(
                        st.sampled_from(["IMAGE", "INT", "COMBO", AUTOGROW, DYNAMIC_COMBO, MATCH_TYPE, ["a"]]),
                        st.dictionaries(
                            st.sampled_from(["min", "max", "options", "template", "multiselect", "default", "inputs"]),
                            VALUES | st.fixed_dictionaries({"input": VALUES, "prefix": VALUES, "min": VALUES}),
                            max_size=3,
                        ),
                    ).map(list),
                    max_size=3,
                )
            }
        ),
        max_size=4,
    ),
    INPUTS,
)
def test_a_node_of_an_odd_catalogue_gives_a_report_or_is_refused(record: dict[str, Any], inputs: Any) -> None:
    try:
        spec = spec_of_record("Odd", {**record, "output_node": True})
    except GraphError:
        return
    record_of(spec)
    check({"1": {"class_type": "Odd", "inputs": inputs}, "2": GOOD["Make"]}, spec, *NODES, ask=ask_node).as_answer()


def test_two_ids_that_are_written_alike_are_refused() -> None:
    save = {"class_type": "Make", "inputs": {"size": 1}}
    found = looked_at({"1": save, 1: save})
    assert found.error is not None and found.error.kind == "invalid_prompt"
    assert found.error.message.startswith("node 1: two nodes have this id")


@pytest.mark.parametrize("odd", [None, 1.5, True, (1, 2)])
def test_an_id_that_is_neither_text_nor_number_is_refused(odd: Any) -> None:
    found = looked_at({**GOOD, odd: GOOD["Make"]})
    assert found.error is not None and found.error.kind == "invalid_prompt"


def test_names_and_ids_of_any_length_cost_their_length_once() -> None:
    long = "n" * 10**6
    found = looked_at({long: GOOD["Make"], "Save": {"class_type": "Save", "inputs": {"x": [long, 0]}}})
    assert found.error is not None and "a node's id has 1000000 letters" in found.error.message
    named = taker("Take", open_input=InputSpec("*", "INT"))
    found = check({"1": {"class_type": "Take", "inputs": {long: "many", f"{long}.{long}.{long}": "few"}}}, named)
    assert len(errors_of(found)) == 2
    assert len(json.dumps(found.as_answer())) < 5000


def test_a_node_that_feeds_itself_is_a_circle_of_one() -> None:
    found = looked_at(graph(Switch={"on": True, "no": ["Switch", 0]}, Save={"x": ["Switch", 0]}))
    (error,) = errors_of(found)
    assert error.kind == "dependency_cycle"
    assert "node Switch (Switch): its inputs depend on its own output (Switch -> Switch back to front)" in error.message
    record = found.problems["Switch"].as_record()
    facts = {name: fact for name, fact in record["errors"][0]["extra_info"].items() if name != "said"}
    assert facts == {"node_id": "Switch", "class_type": "Switch"}
    assert record["dependent_outputs"] == ["Save"]


def test_no_output_runs_that_needs_a_circle_whichever_way_it_comes_to_it() -> None:
    turn = giver("Turn", "IMAGE", inputs=(InputSpec("a", "IMAGE"), InputSpec("b", "IMAGE", "optional")))
    save = taker("Save", InputSpec("x", "IMAGE"))
    prompt = graph(
        Turn_1={"a": ["Turn_2", 0]},
        Turn_2={"a": ["Turn_3", 0]},
        Turn_3={"a": ["Turn_1", 0], "b": ["Turn_2", 0]},
        **{f"Save_{i}": {"x": [f"Turn_{i}", 0]} for i in (1, 2, 3)},
    )
    for targets in (None, ["Save_2"], ["Save_3", "Save_1"]):
        found = check(prompt, turn, save, targets=targets)
        assert found.plan is None and {kind for kind, _ in kinds_of(found)} == {"dependency_cycle"}


def test_thousands_of_circles_in_one_long_chain_are_told_shortly() -> None:
    turn = giver("Turn", "IMAGE", inputs=(InputSpec("a", "IMAGE"), InputSpec("b", "IMAGE", "optional")))
    prompt = {
        str(i): {"class_type": "Turn", "inputs": {"a": [str(i + 1), 0], "b": [str(max(i - 5000, 0)), 0]}}
        for i in range(10_000)
    }
    prompt["10000"] = {"class_type": "Turn", "inputs": {"a": ["0", 0]}}
    prompt["end"] = {"class_type": "Save", "inputs": {"x": ["0", 0]}}
    found = check(prompt, turn, taker("Save", InputSpec("x", "IMAGE")))
    assert len(errors_of(found)) == 5000
    assert max(len(each.message) for each in errors_of(found)) < 500


def test_ten_thousand_nodes_that_are_all_wrong_are_all_told() -> None:
    """Each node has three errors, and half of them are outputs: what depends on what would be 25 million pairs."""
    bad = NodeSpec(
        "Bad",
        (
            InputSpec("x", "IMAGE", "optional"),
            InputSpec("size", "INT", options={"max": 3}),
            InputSpec("name", "COMBO", options={"options": {"files": "loras"}}),
            InputSpec("mode", "COMBO", options={"options": [f"mode {i}" for i in range(500)]}),
        ),
        (OutputSpec("IMAGE", "IMAGE"),),
        is_output=True,
    )
    prompt = {
        str(i): {"class_type": "Bad", "inputs": {"x": [str(i - 1), 0], "size": 10, "name": f"n{i}", "mode": f"m {i}"}}
        for i in range(1, 10_000)
    }
    prompt["0"] = {"class_type": "Bad", "inputs": {"size": 1, "name": "here", "mode": "mode 1"}}
    found = check(prompt, bad, files={"loras": ["here", *(f"file {i}" for i in range(2000))]})
    assert found.plan is not None and found.plan.targets == ("0",)
    assert len(errors_of(found)) == 3 * 9999
    assert len(found.problems["1"].dependent_outputs) == 64
    assert found.problems["9999"].dependent_outputs == ["9999"]
    assert len(json.dumps(found.as_answer())) < 60_000_000


def test_an_error_names_every_output_that_it_stops_and_no_other() -> None:
    make, save = NODES[0], taker("Save", InputSpec("x", "IMAGE"))
    join = giver("Join", "IMAGE", inputs=(InputSpec("a", "IMAGE"), InputSpec("b", "IMAGE")))
    prompt = graph(
        Make_1={"size": 99},
        Make_2={"size": 1},
        Make_3={"size": 0},
        Join_1={"a": ["Make_1", 0], "b": ["Make_2", 0]},
        Join_2={"a": ["Join_1", 0], "b": ["Make_3", 0]},
        Save_1={"x": ["Join_1", 0]},
        Save_2={"x": ["Join_2", 0]},
        Save_3={"x": ["Make_2", 0]},
        Save_4={"x": ["Make_1", 0]},
    )
    found = check(prompt, make, join, save)
    assert found.plan is not None and found.plan.targets == ("Save_3",)
    assert list(found.plan.nodes) == ["Make_2", "Save_3"]
    assert {node_id: each.dependent_outputs for node_id, each in found.problems.items()} == {
        "Make_1": ["Save_1", "Save_2", "Save_4"],
        "Make_3": ["Save_2"],
    }
