"""Plain values held against the options of their inputs."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from execution.check import check_prompt
from execution.checks.words import MOST_COMPARED, Nearest
from heddle.graph.spec import InputSpec
from tests.execution.checking import check, errors_of, graph, kinds_of, planned, taker

ABSENT = object()


def outcome(type: str, options: dict[str, Any], value: Any, **more: Any) -> Any:
    """What the node gets, or the kind of error. Each error must travel as JSON that every client reads."""
    section = more.pop("section", "required")
    spec = taker("Take", InputSpec("x", type, section, options))
    report = check(graph(Take={} if value is ABSENT else {"x": value}), spec, **more)
    if report.plan is not None:
        return planned(report, "Take").values.get("x", ABSENT)
    json.dumps(report.as_answer(), allow_nan=False)
    ((kind, name),) = kinds_of(report)
    assert name == "x"
    return kind


BOUNDS = {"default": 2, "min": 1, "max": 9, "step": 4, "round": 4}


@pytest.mark.parametrize(
    ("type", "options", "value", "result"),
    [
        ("INT", BOUNDS, 1, 1),
        ("INT", BOUNDS, 9, 9),
        ("INT", BOUNDS, 0, "value_smaller_than_min"),
        ("INT", BOUNDS, 10, "value_bigger_than_max"),
        ("INT", BOUNDS, 3, 3),  # between two steps
        ("INT", BOUNDS, "7", 7),
        ("INT", BOUNDS, 7.9, 7),
        ("INT", BOUNDS, True, 1),
        ("INT", BOUNDS, None, "invalid_input_type"),
        ("INT", BOUNDS, {}, "invalid_input_type"),
        ("INT", {"min": "1", "max": None}, 0, 0),  # bounds that are none
        ("INT", {"max": math.inf}, 10**30, 10**30),
        ("FLOAT", {"min": 0.0, "max": 1.0, "round": 0.5}, 0.3, 0.3),
        ("FLOAT", {"max": 1.0}, 1.5, "value_bigger_than_max"),
        ("FLOAT", {}, "2", 2.0),
        ("FLOAT", {}, 3, 3.0),
        ("BOOLEAN", {}, 1, True),
        ("BOOLEAN", {}, [], "invalid_input_type"),
        ("STRING", {}, 5, "5"),
        ("STRING", {"forceInput": True}, "plain", "plain"),
        ("INT", {"forceInput": True}, 5, 5),
        ("STRING", {}, ["a"], "invalid_input_type"),
        ("COLORS", {}, ["#fff"], ["#fff"]),
        ("COLORS", {}, {"__value__": ["#fff"]}, ["#fff"]),
        ("IMAGE", {}, 5, "bad_linked_input"),
        ("IMAGE,MASK", {}, 5, "bad_linked_input"),
        ("IMAGE,STRING", {}, "a", "a"),
        ("FLOAT,INT,BOOLEAN", {}, 3, 3),
        ("FLOAT,INT,BOOLEAN", {}, True, True),
        ("FLOAT,INT", {"max": 2}, 3, "value_bigger_than_max"),
        ("FLOAT,INT", {}, "2.5", 2.5),
        ("FLOAT,INT", {}, "x", "invalid_input_type"),
        ("MY_OWN", {}, {"a": 1}, {"a": 1}),
        ("*", {}, "anything", "anything"),
    ],
)
def test_a_value_is_read_or_refused(type: str, options: dict[str, Any], value: Any, result: Any) -> None:
    found = outcome(type, options, value)
    assert found == result
    assert found is result or type_of(found) is type_of(result)


def type_of(value: Any) -> type:
    return value.__class__


HUGE = pytest.param(10**5000, id="5001 digits")


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, "nan", "1e999", HUGE, pytest.param("9" * 5000, id="text"), pytest.param("1" * 400)],
)
@pytest.mark.parametrize("type", ["INT", "FLOAT", "FLOAT,INT"])
def test_numbers_without_an_end_are_errors_in_words(type: str, value: Any) -> None:
    assert outcome(type, {}, value) == "invalid_input_type"
    bounded = outcome(type, {"min": -5, "max": 5}, value)
    assert bounded in ("invalid_input_type", "value_bigger_than_max", "value_smaller_than_min")


@pytest.mark.parametrize("type", ["STRING", "BOOLEAN", "COMBO", "*", "MY_OWN", "COMFY_DYNAMICCOMBO_V3"])
@pytest.mark.parametrize("value", [math.nan, math.inf, HUGE])
def test_no_odd_number_is_too_much_for_other_inputs(type: str, value: Any) -> None:
    outcome(type, {"options": ["a"]}, value)


def test_an_answer_carries_no_more_of_a_value_than_a_person_reads() -> None:
    found = check(graph(Take={"x": "y" * 10**6}), taker("Take", InputSpec("x", "INT")))
    assert len(json.dumps(found.as_answer())) < 3000
    many = [f"file {i}" for i in range(5000)]
    found = check(graph(Take={"x": "file"}), taker("Take", InputSpec("x", "COMBO", options={"options": many})))
    assert len(json.dumps(found.as_answer())) < 3000
    assert "wanted one of: file 0, file 1," in found.messages[0] and "and 4980 more" in found.messages[0]


def test_values_nested_too_deep_are_refused_and_others_pass() -> None:
    deep: Any = "end"
    for _ in range(99):
        deep = {"a": deep}
    assert outcome("MY_OWN", {}, deep) == deep
    for _ in range(100_000):
        deep = [deep]
    assert outcome("MY_OWN", {}, {"__value__": deep}) == "invalid_input_type"
    assert outcome("*", {}, {"__value__": deep}) == "invalid_input_type"
    circular: list[Any] = []
    circular.append(circular)
    assert outcome("*", {}, {"__value__": circular}) == "invalid_input_type"


@pytest.mark.parametrize("value", [["n", "0"], ["n"], [], ["n", 0, 0], [None, 0], ["n", None], [True, 0], ["n", True]])
def test_an_array_that_is_no_link_is_refused_where_only_links_are_arrays(value: Any) -> None:
    for type in ("IMAGE", "MY_OWN", "*"):
        assert outcome(type, {}, value) == "bad_linked_input"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (["Give", -1], "linked to output -1 of node Give (Take), which has 0"),
        (["Give", 0.5], "wanted a link: node id and whole number of the output"),
        (["Give", math.nan], "wanted a link: node id and whole number of the output"),
        pytest.param(["Give", 10**6000], "linked to output a whole number of some", id="huge output"),
        (["gone", 0], "linked to node gone, which is not in the graph"),
        pytest.param([10**6000, 0], "which is not in the graph", id="huge node"),
        ([7, 0], "linked to node 7, which is not in the graph"),
        pytest.param(["n" * 10**6, 0], "which is not in the graph", id="long node"),
    ],
)
def test_a_link_that_leads_nowhere_says_so(value: Any, words: str) -> None:
    spec = taker("Take", InputSpec("x", "IMAGE", "optional"))
    found = check(graph(Take={"x": value}, Give={}) | {"Give": {"class_type": "Take"}}, spec, targets=["Take"])
    (error,) = errors_of(found)
    assert error.kind == "bad_linked_input" and words in error.message and len(error.message) < 300
    record = json.loads(json.dumps(found.as_answer()[2]["Take"]["errors"][0], allow_nan=False))
    assert record["extra_info"]["input_name"] == "x" and "linked_node" in record["extra_info"]


def test_a_required_input_must_be_given_even_where_it_has_a_default_and_an_optional_one_stays_away() -> None:
    assert outcome("INT", {"default": 5}, ABSENT) == "required_input_missing"
    assert outcome("INT", {"default": 5}, ABSENT, section="optional") is ABSENT
    found = check(graph(Take={}), taker("Take", InputSpec("x", "INT", options={"default": 5, "min": 1})))
    record = found.problems["Take"].as_record()["errors"][0]
    assert {name: fact for name, fact in record["extra_info"].items() if name != "said"} == {
        "input_name": "x",
        "input_config": ["INT", {"default": 5, "min": 1}],
        "received_value": None,
    }


@pytest.mark.parametrize(
    ("options", "value", "result"),
    [
        ({"options": ["a", "b"]}, "b", "b"),
        ({"options": ["a", "b"]}, "c", "value_not_in_list"),
        ({"options": ["a", "b"]}, ["a"], "value_not_in_list"),
        ({"options": [1, 2]}, 2, 2),
        ({"options": []}, "a", "value_not_in_list"),
        ({}, "whatever", "whatever"),
        ({"remote": {"route": "/x"}, "options": ["a"]}, "whatever", "whatever"),
        ({"options": ["a", "b"], "multi_select": {"chip": True}}, ["a", "b"], ["a", "b"]),
        ({"options": ["a", "b"], "multiselect": True}, {"__value__": ["b"]}, ["b"]),
        ({"options": ["a", "b"], "multiselect": True}, [], []),
        ({"options": ["a", "b"], "multiselect": True}, "a", "a"),
        ({"options": ["a", "b"], "multiselect": True}, ["a", "b", "c"], "value_not_in_list"),
        ({"options": ["a", "b"], "multiselect": False}, ["a", "b", "a"], "value_not_in_list"),
        ({"options": {"files": "loras", "also": ["none"]}}, "one.safetensors", "one.safetensors"),
        ({"options": {"files": "loras", "also": ["none"]}}, "none", "none"),
        ({"options": {"files": "loras"}}, "two.safetensors", "value_not_in_list"),
        (
            {"options": {"files": "loras"}, "multiselect": True},
            {"__value__": ["one.safetensors", "x"]},
            "value_not_in_list",
        ),
        ({"options": {"files": "loras"}}, None, "value_not_in_list"),
        ({"options": {"files": "none"}}, "x", "value_not_in_list"),
    ],
)
def test_a_choice_is_one_of_those_there_are(options: dict[str, Any], value: Any, result: Any) -> None:
    assert outcome("COMBO", options, value, files={"loras": ["one.safetensors"]}) == result


def test_a_name_that_no_disk_can_hold_is_a_file_that_is_not_there() -> None:
    def raising(kind: str, name: str) -> bool:
        raise ValueError("embedded null byte")

    spec = taker("Take", InputSpec("x", "COMBO", options={"options": {"files": "loras"}}))
    found = check_prompt(graph(Take={"x": "a\0b"}), {"Take": spec}, list_files=lambda kind: ["a"], has_file=raising)
    assert kinds_of(found) == [("value_not_in_list", "x")]


def test_every_missing_file_of_a_graph_is_listed_with_those_near_to_it() -> None:
    spec = taker("Take", InputSpec("x", "COMBO", options={"options": {"files": "loras"}}))
    prompt = {str(i): {"class_type": "Take", "inputs": {"x": f"lora_{i}"}} for i in range(3)}
    found = check(prompt, spec, files={"loras": ["lora_a", "other"]})
    assert [f"node {i} (Take), x: found 'lora_{i}', which is not there" in found.messages[i] for i in range(3)] == [
        True
    ] * 3
    assert all("did you mean 'lora_a'?" in message for message in found.messages)


def test_the_disk_is_asked_once_about_a_file_that_many_nodes_name() -> None:
    asked: list[str] = []

    def has_file(kind: str, name: str) -> bool:
        asked.append(name)
        return True

    spec = taker("Take", InputSpec("x", "COMBO", options={"options": {"files": "loras"}}))
    prompt = {str(i): {"class_type": "Take", "inputs": {"x": "one"}} for i in range(50)}
    assert check_prompt(prompt, {"Take": spec}, list_files=lambda kind: [], has_file=has_file).plan is not None
    assert asked == ["one"]


def test_inputs_that_nobody_declared_are_dropped() -> None:
    spec = taker("Take", InputSpec("x", "INT"), InputSpec("id", "UNIQUE_ID", "hidden"))
    given: Any = {"x": 1, "more": 2, "id": "forged", 5: 6}
    node = planned(check(graph(Take=given), spec), "Take")
    assert node.values == {"x": 1} and node.more == {}


def test_names_near_to_a_wrong_one_come_from_its_own_list_whatever_the_case() -> None:
    def combo(name: str, *choices: str) -> InputSpec:
        return InputSpec(name, "COMBO", options={"options": list(choices)})

    def brings(*choices: str) -> dict[str, Any]:
        return {"required": {"fit": [list(choices), {}]}}

    options = {"options": [{"key": "a", "inputs": brings("Stretch")}, {"key": "b", "inputs": brings("stretched")}]}
    spec = taker(
        "Take",
        combo("one", "Euler", "heun"),
        combo("two", "euler_a"),
        InputSpec("m", "COMFY_DYNAMICCOMBO_V3", options=options),
    )
    given = {"one": "euler", "two": "euler"}
    prompt = graph(Take_1={**given, "m": "a", "m.fit": "stretche"}, Take_2={**given, "m": "b", "m.fit": "stretche"})
    hints = [message.partition("did you mean ")[2] for message in check(prompt, spec).messages]
    assert hints == ["'Euler'?", "'euler_a'?", "'Stretch'?", "'Euler'?", "'euler_a'?", "'stretched'?"]


def test_near_names_are_sought_until_enough_was_compared_and_found_ones_stay_known() -> None:
    nearest, many = Nearest(), [f"name {i}" for i in range(MOST_COMPARED // 2 + 1)]
    assert nearest.to("Name 77", many, many) == ["name 77"]
    assert nearest.to("name 78", many, many) == []
    assert nearest.to("Name 77", many, many) == ["name 77"]
    assert nearest.to("shrt", ["short"], nearest) == ["short"]
