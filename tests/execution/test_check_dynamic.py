"""Inputs that stand in no declaration, held against what declares them."""

from __future__ import annotations

from typing import Any

import pytest

from heddle.graph.object_info import spec_of_record
from heddle.graph.spec import InputSpec, NodeSpec
from tests.execution.checking import check, giver, graph, kinds_of, planned, taker

#: As the catalogue has such nodes.
RESIZE = {
    "input": {
        "required": {
            "input": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "IMAGE,MASK"}}],
            "resize_type": [
                "COMFY_DYNAMICCOMBO_V3",
                {
                    "options": [
                        {"key": "none", "inputs": {"required": {}}},
                        {
                            "key": "to size",
                            "inputs": {
                                "required": {"width": ["INT", {"min": 0, "max": 99}], "crop": [["no", "center"], {}]},
                                "optional": {"like": ["IMAGE", {}]},
                            },
                        },
                        {
                            "key": "by",
                            "inputs": {
                                "required": {
                                    "how": [
                                        "COMFY_DYNAMICCOMBO_V3",
                                        {
                                            "options": [
                                                {"key": "factor", "inputs": {"required": {"factor": ["FLOAT", {}]}}},
                                            ]
                                        },
                                    ]
                                }
                            },
                        },
                    ]
                },
            ],
        }
    },
    "output": ["COMFY_MATCHTYPE_V3"],
    "output_matchtypes": ["t"],
    "output_node": True,
}
ELEMENT: Any = {"template": {"template_id": "e", "allowed_types": "*"}}
LIST = {
    "input": {
        "required": {
            "inputs": [
                "COMFY_AUTOGROW_V3",
                {
                    "template": {
                        "input": {"required": {"input": ["COMFY_MATCHTYPE_V3", ELEMENT]}},
                        "prefix": "input",
                        "min": 1,
                        "max": 3,
                    }
                },
            ],
            "numbers": [
                "COMFY_AUTOGROW_V3",
                {"template": {"input": {"required": {"n": ["INT", {"min": 1}]}}, "names": ["a", "b"], "min": 0}},
            ],
        }
    },
    "output": ["COMFY_MATCHTYPE_V3"],
    "output_matchtypes": ["e"],
}
NODES: tuple[NodeSpec, ...] = (
    spec_of_record("Resize", RESIZE),
    spec_of_record("List", LIST),
    giver("Image", "IMAGE"),
    giver("Mask", "MASK"),
    taker("Take", InputSpec("x", "IMAGE")),
)


def resized(**given: Any) -> Any:
    inputs = {name.replace("__", "."): value for name, value in given.items()}
    return check(graph(Image={}, Mask={}, Resize={"input": ["Image", 0], **inputs}), *NODES)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"resize_type": "none"}, []),
        ({"resize_type": "to size", "resize_type__width": 5, "resize_type__crop": "no"}, []),
        ({"resize_type": "by", "resize_type__how": "factor", "resize_type__how__factor": "0.5"}, []),
        ({}, [("required_input_missing", "resize_type")]),
        ({"resize_type": "else"}, [("value_not_in_list", "resize_type")]),
        ({"resize_type": {"a": []}}, [("value_not_in_list", "resize_type")]),
        (
            {"resize_type": "to size", "resize_type__width": 100},
            [("value_bigger_than_max", "resize_type.width"), ("required_input_missing", "resize_type.crop")],
        ),
        (
            {"resize_type": "to size", "resize_type__width": "x", "resize_type__crop": "left"},
            [("invalid_input_type", "resize_type.width"), ("value_not_in_list", "resize_type.crop")],
        ),
        (
            {"resize_type": "to size", "resize_type__width": 5, "resize_type__crop": "no", "resize_type__like": 3},
            [("bad_linked_input", "resize_type.like")],
        ),
        (
            {
                "resize_type": "to size",
                "resize_type__width": 5,
                "resize_type__crop": "no",
                "resize_type__like": ["Mask", 0],
            },
            [("return_type_mismatch", "resize_type.like")],
        ),
        ({"resize_type": "by"}, [("required_input_missing", "resize_type.how")]),
        ({"resize_type": "by", "resize_type__how": "size"}, [("value_not_in_list", "resize_type.how")]),
        (
            {"resize_type": "by", "resize_type__how": "factor"},
            [("required_input_missing", "resize_type.how.factor")],
        ),
    ],
)
def test_the_inputs_of_a_choice_are_checked_like_declared_ones(given: Any, wrong: Any) -> None:
    assert kinds_of(resized(**given)) == wrong


def test_what_the_choice_brings_is_planned_and_what_another_would_is_dropped() -> None:
    node = planned(
        resized(resize_type="by", resize_type__how="factor", resize_type__how__factor=2, resize_type__width=1), "Resize"
    )
    assert node.values == {"resize_type": "by", "resize_type.how": "factor", "resize_type.how.factor": 2.0}
    assert sorted(node.more) == ["resize_type.how", "resize_type.how.factor"]
    factor = node.input("resize_type.how.factor")
    assert factor is not None and factor.type == "FLOAT"


def test_an_unknown_choice_is_told_with_those_there_are() -> None:
    (message,) = resized(resize_type="to sise").messages
    assert message == (
        "node Resize (Resize), resize_type: found 'to sise', wanted one of: none, to size, by; did you mean 'to size'?"
    )


def listed(**given: Any) -> Any:
    inputs = {name.replace("__", "."): value for name, value in given.items()}
    return check(graph(Image={}, Mask={}, List=inputs, Take={"x": ["List", 0]}), *NODES)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"inputs__input0": ["Image", 0]}, []),
        ({"inputs__input0": ["Image", 0], "inputs__input2": ["Image", 0], "numbers__b": 1}, []),
        ({}, [("required_input_missing", "inputs.input0")]),
        ({"inputs__input1": ["Image", 0]}, [("required_input_missing", "inputs.input0")]),
        ({"inputs__input0": ["Image", 0], "numbers__a": 0}, [("value_smaller_than_min", "numbers.a")]),
        ({"inputs__input0": ["Image", 0], "numbers__a": 1, "numbers__z": 0}, []),
        (
            {"inputs__input0": ["Image", 0], "inputs__input1": ["Mask", 0]},
            [("return_type_mismatch", "inputs.input1")],
        ),
        ({"inputs__input0": ["Mask", 0]}, [("return_type_mismatch", "x")]),
        ({f"inputs__input{i}": ["Image", 0] for i in range(4)}, [("value_bigger_than_max", "inputs")]),
    ],
)
def test_the_elements_of_a_list_are_counted_and_checked_like_declared_ones(given: Any, wrong: Any) -> None:
    assert kinds_of(listed(**given)) == wrong


def test_elements_are_links_with_a_declaration_of_their_own() -> None:
    node = planned(listed(inputs__input0=["Image", 0], inputs__input1=["Image", 0], numbers__b=2), "List")
    assert list(node.links) == ["inputs.input0", "inputs.input1"] and node.values == {"numbers.b": 2}
    assert sorted(node.more) == ["inputs.input0", "inputs.input1", "numbers.b"]
    assert "inputs" not in node.values
