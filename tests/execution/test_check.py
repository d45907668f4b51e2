"""A graph held against the nodes that exist."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from execution.check import Report, check_prompt
from heddle.graph.spec import InputSpec, NodeSpec
from tests.execution.toys import graph, registry, worker


def report(prompt: Any, **more: Any) -> Report:
    return check_prompt(prompt, registry(), list_files=lambda kind: [], has_file=lambda kind, name: False, **more)


def only_error(prompt: Any) -> Any:
    problems = report(prompt).problems
    assert len(problems) == 1
    (errors,) = (each.errors for each in problems.values())
    assert len(errors) == 1
    return errors[0]


def shown(**inputs: Any) -> dict[str, Any]:
    return graph(n1=("Make", inputs), n2=("Show", {"thing": ["1", 0]}))


def test_a_sound_graph_gives_a_plan_whose_order_puts_sources_first() -> None:
    prompt = graph(
        n9=("Show", {"thing": ["3", 0]}),
        n3=("Join", {"left": ["1", 0], "right": ["2", 0]}),
        n1=("Make", {"text": "x", "count": 1, "mode": "plain"}),
        n2=("Make", {"text": "y", "count": 2, "mode": "loud"}),
    )
    plan = report(prompt).plan
    assert plan is not None
    assert plan.order == ("1", "2", "3", "9")
    assert plan.nodes["2"].values == {"text": "y", "count": 2, "mode": "loud"}


@pytest.mark.parametrize(
    ("inputs", "kind", "words"),
    [
        ({"count": 0}, "value_smaller_than_min", "found 0, wanted 1 or more"),
        ({"count": 10}, "value_bigger_than_max", "found 10, wanted 9 or less"),
        ({"count": "many"}, "invalid_input_type", "found 'many', wanted a whole number"),
        ({"count": float("inf")}, "invalid_input_type", "wanted a whole number"),
        ({"mode": "lod"}, "value_not_in_list", "did you mean 'loud'?"),
        ({"text": {"a": 1}}, "invalid_input_type", "wanted a text"),
        ({"text": ["7", 0]}, "bad_linked_input", "node 7, which is not in the graph"),
        ({"text": ["2", 0]}, "bad_linked_input", "output 0 of node 2 (Show), which has 0"),
        ({"text": ["2", float("nan")]}, "bad_linked_input", "wanted a link"),
        ({"text": ["2", float("inf")]}, "bad_linked_input", "wanted a link"),
        ({"text": ["2", 0.5]}, "bad_linked_input", "wanted a link"),
        ({"count": 10**4000}, "value_bigger_than_max", "000..., wanted 9 or less"),
    ],
)
def test_an_error_names_node_input_found_and_wanted(inputs: dict[str, Any], kind: str, words: str) -> None:
    error = only_error(shown(**({"text": "a", "count": 1, "mode": "plain"} | inputs)))
    assert error.kind == kind
    assert error.message.startswith(f"node 1 (Make), {next(iter(inputs))}: ")
    assert words in error.message


def test_a_missing_required_input_says_what_to_do() -> None:
    error = only_error(graph(n1=("Show", {})))
    assert error.kind == "required_input_missing"
    assert error.message == "node 1 (Show), thing: nothing given, wanted THING; connect it"


def test_a_link_between_types_that_do_not_fit_names_both_ends() -> None:
    prompt = graph(
        n1=("Make", {"text": "a", "count": 1, "mode": "plain"}),
        n2=("Make", {"text": "a", "count": ["1", 0], "mode": "plain"}),
        n3=("Show", {"thing": ["2", 0]}),
    )
    error = only_error(prompt)
    assert error.kind == "return_type_mismatch"
    assert "gets THING from node 1 (Make), wanted INT" in error.message


def test_numbers_written_as_texts_are_read() -> None:
    plan = report(shown(text=5, count=" 3 ", mode="plain")).plan
    assert plan is not None
    assert plan.nodes["1"].values == {"text": "5", "count": 3, "mode": "plain"}


def test_a_seed_of_twenty_digits_keeps_every_digit() -> None:
    prompt = graph(
        n1=("Make", {"text": "a", "count": 1, "mode": "plain"}),
        n2=("Seeded", {"seed": str(2**64 - 1), "weight": 1, "thing": ["1", 0]}),
        n3=("Show", {"thing": ["2", 0]}),
    )
    plan = report(prompt).plan
    assert plan is not None
    assert plan.nodes["2"].values["seed"] == 2**64 - 1


def test_a_circle_of_links_is_refused_by_name() -> None:
    prompt = graph(
        n1=("Join", {"left": ["2", 0], "right": ["2", 0]}),
        n2=("Join", {"left": ["1", 0], "right": ["1", 0]}),
        n3=("Show", {"thing": ["2", 0]}),
    )
    found = report(prompt)
    assert found.plan is None
    assert any("depend on its own output (2 -> 1 -> 2" in message for message in found.messages)


def test_a_chain_of_ten_thousand_nodes_is_no_trouble() -> None:
    prompt = {"0": {"class_type": "Make", "inputs": {"text": "a", "count": 1, "mode": "plain"}}}
    for i in range(1, 10_000):
        prompt[str(i)] = {"class_type": "Join", "inputs": {"left": [str(i - 1), 0], "right": [str(i - 1), 0]}}
    prompt["end"] = {"class_type": "Show", "inputs": {"thing": ["9999", 0]}}
    plan = report(prompt).plan
    assert plan is not None
    assert len(plan.order) == 10_001


def test_a_node_type_is_worked_out_once_and_what_replaces_it_anew() -> None:
    nodes = registry()
    prompt = shown(text="x", count=5, mode="plain")

    def problems() -> dict[str, Any]:
        return check_prompt(prompt, nodes, list_files=lambda kind: [], has_file=lambda kind, name: False).problems

    assert not problems()
    before = dict(nodes["Make"].worked_out)
    assert not problems()
    assert before and nodes["Make"].worked_out == before
    inputs = (
        replace(each, options={**each.options, "max": 3}) if each.name == "count" else each
        for each in nodes["Make"].inputs
    )
    nodes.add(replace(nodes["Make"], inputs=tuple(inputs)))
    assert [error.kind for error in problems()["1"].errors] == ["value_bigger_than_max"]


def test_an_output_with_a_broken_branch_is_left_out_and_the_other_runs() -> None:
    prompt = graph(
        n1=("Make", {"text": "a", "count": 1, "mode": "plain"}),
        n2=("Show", {"thing": ["1", 0]}),
        n3=("Make", {"text": "a", "count": 99, "mode": "plain"}),
        n4=("Show", {"thing": ["3", 0]}),
    )
    found = report(prompt)
    assert found.plan is not None
    assert found.plan.targets == ("2",)
    assert found.error is None
    assert found.problems["3"].as_record()["dependent_outputs"] == ["4"]


def test_nodes_that_no_output_needs_are_not_checked() -> None:
    prompt = shown(text="a", count=1, mode="plain") | graph(n8=("Make", {"count": 99}))
    assert report(prompt).problems == {}


def test_only_the_asked_targets_are_planned() -> None:
    prompt = shown(text="a", count=1, mode="plain") | graph(n5=("Show", {"thing": ["1", 0]}))
    plan = report(prompt, targets=["5"]).plan
    assert plan is not None
    assert plan.targets == ("5",)
    refused = report(prompt, targets=["1"])
    assert refused.error is not None and "node 1" in refused.error.message


@pytest.mark.parametrize("prompt", [None, [], {}, "text", {"1": 3}, {"1": {"class_type": "Show", "inputs": []}}])
def test_what_is_no_graph_is_refused_in_words(prompt: Any) -> None:
    found = report(prompt)
    assert found.error is not None and found.error.kind == "invalid_prompt"


def test_an_unknown_node_type_names_those_near_to_it() -> None:
    error = report(graph(n1=("Makee", {}))).error
    assert error is not None and error.kind == "missing_node_type"
    assert "'Makee'" in error.message and "Make" in error.message.split("near to it")[1]
    no_class = report({"1": {"inputs": {}}}).error
    assert no_class is not None and no_class.kind == "missing_node_type"


def test_a_graph_without_outputs_says_so() -> None:
    error = report(graph(n1=("Make", {}))).error
    assert error is not None and error.kind == "prompt_no_outputs"


def test_a_file_must_be_there_or_be_one_of_the_extra_names(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_text("x")
    made = worker(path=tmp_path)

    def messages(name: str) -> list[str]:
        return made.check(graph(n1=("Read", {"name": name}), n2=("Show", {"thing": ["1", 0]}))).messages

    assert messages("photo.png") == []
    assert messages("nothing") == []
    assert "did you mean 'photo.png'?" in messages("foto.png")[0]


def test_a_wrapped_array_is_a_value_and_no_link() -> None:
    error = only_error(shown(text={"__value__": ["1", 0]}, count=1, mode="plain"))
    assert error.kind == "invalid_input_type"


def test_nothing_where_only_a_node_can_give_something_is_an_error() -> None:
    taker = NodeSpec("Take", inputs=(InputSpec("model", "MODEL"), InputSpec("vae", "VAE", "optional")), is_output=True)
    problems = check_prompt(
        graph(n1=("Take", {"model": None, "vae": None})),
        registry(taker),
        list_files=lambda kind: [],
        has_file=lambda kind, name: False,
    ).problems
    (error,) = problems["1"].errors
    assert "model: found None, wanted a link to MODEL" in error.message


@pytest.mark.parametrize(("given", "read"), [("false", False), (" Yes ", True), (0, False), (True, True)])
def test_truth_is_read_from_the_words_that_people_write(given: Any, read: bool) -> None:
    flag = NodeSpec("Flag", inputs=(InputSpec("on", "BOOLEAN"),), is_output=True)
    plan = check_prompt(
        graph(n1=("Flag", {"on": given})), registry(flag), list_files=lambda kind: [], has_file=lambda kind, name: False
    ).plan
    assert plan is not None and plan.nodes["1"].values == {"on": read}


def test_a_word_that_is_neither_true_nor_false_is_an_error() -> None:
    flag = NodeSpec("Flag", inputs=(InputSpec("on", "BOOLEAN"),), is_output=True)
    problems = check_prompt(
        graph(n1=("Flag", {"on": "maybe"})),
        registry(flag),
        list_files=lambda kind: [],
        has_file=lambda kind, name: False,
    ).problems
    assert "found 'maybe', wanted true or false" in problems["1"].errors[0].message


def test_a_file_that_is_not_there_is_asked_for_or_for_another() -> None:
    problems = check_prompt(
        graph(n1=("Read", {"name": "b.txt"}), n2=("Show", {"thing": ["1", 0]})),
        registry(),
        list_files=lambda kind: ["a.txt"],
        has_file=lambda kind, name: False,
    ).problems
    message = problems["1"].errors[0].message
    assert (
        "found 'b.txt', which is not there; put it among the files of the kind 'input', or choose one of: a.txt"
        in message
    )
