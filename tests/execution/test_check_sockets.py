"""Which output may feed which input."""

from __future__ import annotations

import random
from typing import Any

import pytest

from heddle.graph.object_info import record_of, spec_of_record
from heddle.graph.spec import MATCH_TYPE, InputSpec, NodeSpec, OutputSpec
from tests.execution.checking import check, errors_of, giver, graph, kinds_of, planned, taker


def fits(given: str, wanted: str) -> bool:
    report = check(graph(Give={}, Take={"x": ["Give", 0]}), giver("Give", given), taker("Take", InputSpec("x", wanted)))
    assert kinds_of(report) in ([], [("return_type_mismatch", "x")])
    return report.plan is not None


@pytest.mark.parametrize(
    ("given", "wanted", "is_taken"),
    [
        ("IMAGE", "IMAGE", True),
        ("IMAGE", "MASK", False),
        ("image", "Image", True),
        ("IMAGE", "IMAGE,MASK", True),
        ("IMAGE,MASK", "MASK", True),
        ("IMAGE, MASK", "LATENT,MASK", True),
        ("IMAGE,MASK", "LATENT,VAE", False),
        ("*", "IMAGE", True),
        ("IMAGE", "*", True),
        ("LATENT,*", "IMAGE", True),
        ("COMBO", "STRING", True),
        ("STRING", "COMBO", True),
        ("STRING", "COMBO,INT", True),
        ("COMBO", "COMBO", True),
        ("COMBO", "INT", False),
        ("STRING", "COMFY_DYNAMICCOMBO_V3", True),
    ],
)
def test_a_link_is_taken_if_its_types_have_one_in_common(given: str, wanted: str, is_taken: bool) -> None:
    assert fits(given, wanted) is is_taken


class AnyType(str):
    """The any-type of packs."""

    def __ne__(self, other: object) -> bool:
        return False


class AlwaysEqual(str):
    """Another of their kind, which cannot even be a key."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


@pytest.mark.parametrize("any_type", [AnyType("*"), AnyType("ANY"), AlwaysEqual("*")])
def test_the_any_type_of_packs_stands_in_the_catalogue_as_a_star(any_type: str) -> None:
    record = {"input": {"required": {"x": (any_type, {})}}, "output": [any_type], "output_node": True}
    spec = spec_of_record("Any", record)
    assert record_of(spec)["input"]["required"]["x"][0] == "*"
    assert type(record_of(spec)["output"][0]) is str
    found = check(graph(Give={}, Any={"x": ["Give", 0]}), spec, giver("Give", "IMAGE"))
    assert found.plan is not None


def test_types_that_are_lists_of_choices_fit_each_other_whatever_they_offer() -> None:
    give = spec_of_record("Give", {"input": {}, "output": [["a", "b"]]})
    take = spec_of_record("Take", {"input": {"required": {"x": [["c"]]}}, "output": [], "output_node": True})
    assert check(graph(Give={}, Take={"x": ["Give", 0]}), give, take).plan is not None


def test_a_type_that_does_not_fit_is_told_with_both_sides() -> None:
    found = check(
        graph(Give={}, Take={"x": ["Give", 1]}), giver("Give", "IMAGE", "MASK"), taker("Take", InputSpec("x", "VAE"))
    )
    record = found.problems["Take"].as_record()["errors"][0]
    assert record["type"] == "return_type_mismatch"
    assert record["details"] == "node Take (Take), x: gets MASK from node Give (Give), wanted VAE"
    assert {name: fact for name, fact in record["extra_info"].items() if name != "said"} == {
        "input_name": "x",
        "input_config": ["VAE", {}],
        "received_value": ["Give", 1],
        "received_type": "MASK",
        "linked_node": ["Give", 1],
    }


def shared(name: str, allowed: Any = "*", template: str = "t", section: Any = "required", **more: Any) -> InputSpec:
    return InputSpec(
        name, MATCH_TYPE, section, {"template": {"template_id": template, "allowed_types": allowed}, **more}
    )


def switch(id: str = "Switch", allowed: Any = "*") -> NodeSpec:
    return NodeSpec(
        id,
        (shared("no", allowed, lazy=True), shared("yes", allowed, lazy=True)),
        (OutputSpec("output", MATCH_TYPE),),
        extras={"output_matchtypes": ["t"]},
    )


NODES = (
    switch(),
    giver("Image", "IMAGE"),
    giver("Mask", "MASK"),
    giver("Either", "IMAGE,MASK"),
    giver("Any", "*"),
    giver("Text", "STRING"),
    giver("Choice", "COMBO"),
    taker("Take", InputSpec("x", "IMAGE")),
    taker("Takemask", InputSpec("x", "MASK")),
    taker("Taketext", InputSpec("x", "STRING")),
)


@pytest.mark.parametrize(
    ("no", "yes", "end", "wrong"),
    [
        ("Image", "Image", "Take", []),
        ("Image", "Mask", "Take", [("return_type_mismatch", "yes")]),
        ("Mask", "Mask", "Take", [("return_type_mismatch", "x")]),
        ("Either", "Mask", "Takemask", []),
        ("Either", "Mask", "Take", [("return_type_mismatch", "x")]),
        ("Any", "Mask", "Take", [("return_type_mismatch", "x")]),
        ("Any", "Any", "Take", []),
        ("Text", "Choice", "Taketext", []),
    ],
)
def test_inputs_of_one_template_agree_and_its_output_is_what_they_agree_on(
    no: str, yes: str, end: str, wrong: list[Any]
) -> None:
    prompt = graph(**{no: {}, yes: {}, "Switch": {"no": [no, 0], "yes": [yes, 0]}, end: {"x": ["Switch", 0]}})
    assert kinds_of(check(prompt, *NODES)) == wrong


def test_a_disagreement_names_the_input_that_settled_the_type() -> None:
    prompt = graph(Image={}, Mask={}, Switch={"no": ["Image", 0], "yes": ["Mask", 0]}, Take={"x": ["Switch", 0]})
    (error,) = errors_of(check(prompt, *NODES))
    assert error.message == (
        "node Switch (Switch), yes: gets MASK from node Mask (Mask), wanted IMAGE as its input no gets"
    )


@pytest.mark.parametrize("allowed", ["IMAGE,MASK", ["IMAGE", "MASK"]])
def test_a_template_takes_only_the_types_that_it_allows(allowed: Any) -> None:
    nodes = (switch(allowed=allowed), giver("Latent", "LATENT"), giver("Mask", "MASK"), NODES[-2])
    good = graph(Mask={}, Switch={"no": ["Mask", 0], "yes": ["Mask", 0]}, Takemask={"x": ["Switch", 0]})
    assert check(good, *nodes).plan is not None
    bad = graph(Latent={}, Switch={"no": ["Latent", 0], "yes": ["Latent", 0]}, Takemask={"x": ["Switch", 0]})
    messages = check(bad, *nodes).messages
    assert "no: gets LATENT from node Latent (Latent), wanted IMAGE,MASK" in messages[0]


def test_what_nothing_settles_has_the_types_that_the_template_allows() -> None:
    open_switch = NodeSpec(
        "Open",
        (shared("x", "IMAGE,MASK", section="optional"),),
        (OutputSpec("output", MATCH_TYPE),),
        extras={"output_matchtypes": ["t"]},
    )
    latent = taker("Takelatent", InputSpec("x", "LATENT"))
    assert check(graph(Open={}, Take={"x": ["Open", 0]}), open_switch, *NODES).plan is not None
    assert kinds_of(check(graph(Open={}, Takelatent={"x": ["Open", 0]}), open_switch, latent)) == [
        ("return_type_mismatch", "x")
    ]


def test_two_templates_of_one_node_do_not_mix() -> None:
    pair = NodeSpec(
        "Pair",
        (shared("a", template="left"), shared("b", template="right")),
        (OutputSpec("size", "INT"), OutputSpec("b", MATCH_TYPE), OutputSpec("a", MATCH_TYPE)),
        extras={"output_matchtypes": [None, "right", "left"]},
    )
    inputs = {"a": ["Image", 0], "b": ["Mask", 0]}
    assert check(graph(Image={}, Mask={}, Pair=inputs, Take={"x": ["Pair", 2]}), pair, *NODES).plan is not None
    wrong = check(graph(Image={}, Mask={}, Pair=inputs, Take={"x": ["Pair", 1]}), pair, *NODES)
    assert "gets MASK" in wrong.messages[0]


def test_a_catalogue_without_templates_of_outputs_means_the_only_one() -> None:
    plain = NodeSpec("Plain", (shared("x"),), (OutputSpec("output", MATCH_TYPE),))
    found = check(graph(Mask={}, Plain={"x": ["Mask", 0]}, Take={"x": ["Plain", 0]}), plain, *NODES)
    assert "gets MASK from node Plain" in found.messages[0]


def test_a_shared_type_is_handed_on_through_ten_thousand_nodes_in_any_order() -> None:
    prompt: dict[str, Any] = {"0": {"class_type": "Mask", "inputs": {}}}
    for i in range(1, 10_000):
        prompt[str(i)] = {"class_type": "Switch", "inputs": {"no": [str(i - 1), 0], "yes": [str(i - 1), 0]}}
    prompt["end"] = {"class_type": "Takemask", "inputs": {"x": ["9999", 0]}}
    prompt["bad"] = {"class_type": "Take", "inputs": {"x": ["9999", 0]}}
    shuffled = list(prompt.items())
    random.Random(1).shuffle(shuffled)
    found = check(dict(shuffled), *NODES)
    assert found.plan is not None and found.plan.targets == ("end",)
    assert [error.message for error in errors_of(found)] == [
        "node bad (Take), x: gets MASK from node 9999 (Switch), wanted IMAGE"
    ]


def test_a_disagreement_is_told_once_and_not_by_all_who_follow() -> None:
    prompt = graph(
        Image={},
        Mask={},
        Switch_1={"no": ["Image", 0], "yes": ["Mask", 0]},
        Switch_2={"no": ["Switch_1", 0], "yes": ["Image", 0]},
        Take={"x": ["Switch_2", 0]},
    )
    assert kinds_of(check(prompt, *NODES)) == [("return_type_mismatch", "yes")]


def test_lazy_and_raw_links_are_checked_and_planned_but_not_needed_to_begin() -> None:
    loop = taker(
        "Loop", InputSpec("start", "FLOW", options={"rawLink": True}), InputSpec("x", "IMAGE", options={"lazy": True})
    )
    prompt = graph(Loop={"start": ["Flow", 0], "x": ["Image", 0]}, Flow={}, Image={})
    found = check(prompt, loop, giver("Flow", "FLOW"), giver("Image", "IMAGE"))
    node = planned(found, "Loop")
    assert (node.needs, node.sources) == ((), ("Image", "Flow"))
    assert list(node.raw) == ["start"] and list(node.links) == ["x"]
    assert found.plan is not None and found.plan.order == ("Image", "Flow", "Loop")
    wrong = check(prompt, loop, giver("Flow", "LATENT"), giver("Image", "IMAGE"))
    assert kinds_of(wrong) == [("return_type_mismatch", "start")]


@pytest.mark.parametrize("option", ["lazy", "rawLink"])
def test_a_circle_through_lazy_or_raw_links_is_a_circle(option: str) -> None:
    node = NodeSpec("Turn", (InputSpec("x", "IMAGE", options={option: True}),), (OutputSpec("IMAGE", "IMAGE"),))
    prompt = graph(Turn_1={"x": ["Turn_2", 0]}, Turn_2={"x": ["Turn_1", 0]}, Take={"x": ["Turn_1", 0]})
    assert [kind for kind, _ in kinds_of(check(prompt, node, NODES[-3]))] == ["dependency_cycle"]


def test_a_raw_link_and_what_is_wrong_behind_it_stop_the_output() -> None:
    loop = taker("Loop", InputSpec("start", "FLOW", options={"rawLink": True}))
    flow = giver("Flow", "FLOW", inputs=(InputSpec("size", "INT"),))
    found = check(graph(Loop={"start": ["Flow", 0]}, Flow={}), loop, flow)
    assert found.plan is None
    assert found.problems["Flow"].dependent_outputs == ["Loop"]
