"""Nodes that check their inputs themselves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest

from execution.check import Report
from execution.own_check import ask_node
from heddle.graph.spec import InputSpec, NodeSpec, Validation
from tests.execution.checking import check, errors_of, giver, graph, kinds_of, planned, taker

INPUTS = (
    InputSpec("size", "INT", options={"min": 1, "max": 9}),
    InputSpec("mode", "COMBO", options={"options": ["a", "b"]}),
    InputSpec("image", "IMAGE", "optional"),
)


def own(ask: Callable[..., Any] | None, *names: str, **more: Any) -> NodeSpec:
    return taker("Own", *INPUTS, validation=Validation(frozenset(names), ask=ask, **more))


def asked(ask: Callable[..., Any] | None, *names: str, given: dict[str, Any] | None = None, **more: Any) -> Report:
    prompt = graph(Mask={}, Image={}, Own={"size": 5, "mode": "a"} | (given or {}))
    return check(prompt, own(ask, *names, **more), giver("Mask", "MASK"), giver("Image", "IMAGE"), ask=ask_node)


class Heard:
    """Says yes and keeps what it was asked."""

    def __init__(self) -> None:
        self.inputs: list[dict[str, Any]] = []

    def __call__(self, **inputs: Any) -> bool:
        self.inputs.append(inputs)
        return True


def test_a_node_is_asked_once_with_the_inputs_that_it_names_and_none_for_links() -> None:
    heard = Heard()
    prompt = graph(Image={}, Own={"size": "5", "mode": "a", "image": ["Image", 0]}, Own_2={"size": 7, "mode": "b"})
    found = check(prompt, own(heard, "size", "image"), giver("Image", "IMAGE"), ask=ask_node)
    assert found.plan is not None and found.unasked == []
    assert heard.inputs == [{"size": 5, "image": None}, {"size": 7}]


def test_a_node_that_takes_all_gets_all_and_types_if_it_wants_them() -> None:
    heard = Heard()
    assert asked(heard, given={"image": ["Image", 0]}, takes_all=True, takes_types=True).plan is not None
    assert heard.inputs == [{"size": 5, "mode": "a", "image": None, "input_types": {"image": "IMAGE"}}]


def test_ranges_and_choices_of_inputs_that_it_names_are_its_business_but_not_the_others() -> None:
    assert asked(Heard(), "size", given={"size": 99}).plan is not None
    assert kinds_of(asked(Heard(), "size", given={"size": 99, "mode": "z"})) == [("value_not_in_list", "mode")]
    assert asked(Heard(), takes_all=True, given={"size": 99, "mode": "z"}).plan is not None
    assert kinds_of(asked(Heard(), "mode", given={"size": 99})) == [("value_bigger_than_max", "size")]


def test_types_are_still_read_and_required_inputs_still_asked_for() -> None:
    heard = Heard()
    assert asked(heard, "size", given={"size": "12"}).plan is not None
    assert heard.inputs == [{"size": 12}]
    assert kinds_of(asked(heard, takes_all=True, given={"size": "many"})) == [("invalid_input_type", "size")]
    found = check(graph(Own={}), own(heard, takes_all=True), ask=ask_node)
    assert [kind for kind, _ in kinds_of(found)] == ["required_input_missing"] * 2
    assert len(heard.inputs) == 1


def test_types_of_links_are_its_business_only_if_it_wants_the_types() -> None:
    heard = Heard()
    wrong = {"image": ["Mask", 0]}
    assert asked(heard, "size", given=wrong, takes_types=True).plan is not None
    assert heard.inputs == [{"size": 5, "input_types": {"image": "MASK"}}]
    assert kinds_of(asked(heard, takes_all=True, given=wrong)) == [("return_type_mismatch", "image")]


def boom(**inputs: Any) -> Any:
    raise KeyError("size")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda **inputs: "five is right out", "five is right out"),
        (lambda **inputs: False, "the node refuses its inputs and does not say why"),
        (lambda **inputs: None, "the node refuses its inputs and does not say why"),
        (lambda **inputs: 1, "the node refuses its inputs and does not say why"),
        (lambda **inputs: "", "the node refuses its inputs and does not say why"),
        (boom, "the node's own check of its inputs failed (KeyError: 'size')"),
        (lambda **inputs: sys.exit(3), "the node's own check of its inputs failed (SystemExit: 3)"),
        (lambda: True, "the node's own check of its inputs failed (TypeError: "),
    ],
)
def test_only_true_takes_the_inputs(ask: Callable[..., Any], words: str) -> None:
    found = asked(ask, "size")
    record = found.problems["Own"].as_record()["errors"][0]
    assert record["type"] == "custom_validation_failed"
    assert record["details"].startswith(f"node Own (Own), size: {words}")
    assert record["extra_info"]["input_name"] == "size" and record["extra_info"]["received_value"] == 5
    assert found.plan is None


def test_a_refusal_of_several_inputs_names_the_node_alone() -> None:
    (error,) = errors_of(asked(lambda **inputs: "they clash", "size", "mode"))
    assert (error.message, error.input_name) == ("node Own (Own): they clash", None)


@pytest.mark.parametrize(("answer", "is_taken"), [(True, True), ("too late", False)])
def test_a_coroutine_is_run_to_its_end(answer: Any, is_taken: bool) -> None:
    async def ask(size: int) -> Any:
        await asyncio.sleep(0)
        return answer

    assert (asked(ask, "size").plan is not None) is is_taken


def test_nodes_that_cannot_be_asked_here_are_listed() -> None:
    found = asked(None, "size", given={"size": 99})
    assert found.plan is not None and found.unasked == ["Own"]
    prompt = graph(Own={"size": 5, "mode": "a"}, Own_2={"size": "x", "mode": "a"})
    assert check(prompt, own(Heard(), "size")).unasked == ["Own"]


def test_inputs_that_a_node_takes_by_any_name_are_read_as_declared_and_passed_on() -> None:
    heard = Heard()
    spec = taker(
        "Open",
        InputSpec("a", "INT"),
        open_input=InputSpec("*", "FLOAT"),
        validation=Validation(takes_all=True, ask=heard),
    )
    prompt = graph(Image={}, Open={"a": 1, "b": "2", "c": ["Image", 0]})
    node = planned(check(prompt, spec, giver("Image", "FLOAT"), ask=ask_node), "Open")
    assert node.values == {"a": 1, "b": 2.0} and list(node.links) == ["c"]
    assert sorted(node.more) == ["b", "c"] and node.more["c"].type == "FLOAT"
    assert heard.inputs == [{"a": 1, "b": 2.0, "c": None}]
    assert kinds_of(check(graph(Open={"a": 1, "b": "two"}), spec)) == [("invalid_input_type", "b")]
