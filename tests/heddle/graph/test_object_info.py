"""What a process that only has the catalogue knows of a node."""

from __future__ import annotations

import json
from typing import Any

from heddle.graph.object_info import record_of, spec_of_record, with_files
from heddle.graph.spec import DYNAMIC_COMBO, InputSpec, NodeSpec, OutputSpec, Validation

EXTRAS = {
    "output_matchtypes": ["t", None],
    "price_badge": {"expr": "1"},
    "essentials_category": "basics",
    "dev_only": True,
    "has_intermediate_output": True,
    "api_node": True,
    "of_a_pack": [1, {"a": None}],
}


def travelled(spec: NodeSpec) -> NodeSpec:
    return spec_of_record(spec.id, json.loads(json.dumps(record_of(spec))))


def test_a_spec_comes_back_from_its_record_as_it_was_but_for_its_functions() -> None:
    spec = NodeSpec(
        "Whole",
        inputs=(
            InputSpec("a", "INT", "required", {"min": 1}),
            InputSpec("b", "IMAGE,MASK", "optional", {"rawLink": True}),
            InputSpec("id", "UNIQUE_ID", "hidden"),
        ),
        outputs=(OutputSpec("first", "IMAGE", True, "a picture"), OutputSpec("second", "*")),
        category="tests",
        display_name="The whole",
        description="All of it.",
        is_output=True,
        takes_lists=True,
        was=("Older",),
        search_aliases=("all",),
        per_node=True,
        takes_links=True,
        open_input=InputSpec("*", "STRING", "optional", {"multiline": True}),
        validation=Validation(frozenset({"b", "a"}), takes_types=True, ask=lambda **inputs: True),
        extras=EXTRAS,
        call=lambda **inputs: (),
    )
    assert travelled(spec) == spec
    assert travelled(travelled(spec)) == spec
    found = travelled(spec).validation
    assert found is not None and found.ask is None


def test_a_record_says_only_what_is_special_of_a_node() -> None:
    record = record_of(NodeSpec("Plain"))
    assert {"per_node", "takes_links", "open_input", "validates", "was"}.isdisjoint(record)
    assert record["api_node"] is False
    assert travelled(NodeSpec("Plain")) == NodeSpec("Plain", display_name="Plain")


def test_a_record_says_which_inputs_a_node_checks_itself() -> None:
    record = record_of(NodeSpec("Own", validation=Validation(frozenset({"b", "a"}), takes_all=True)))
    assert record["validates"] == {"names": ["a", "b"], "all": True, "types": False}
    assert record_of(NodeSpec("Open", open_input=InputSpec("*", "INT", options={"min": 1})))["open_input"] == [
        "INT",
        {"min": 1},
    ]


def test_keys_that_nobody_here_knows_come_out_again_unchanged() -> None:
    record: dict[str, Any] = {"input": {}, "output": ["IMAGE", "MASK"], **EXTRAS}
    assert {key: record_of(spec_of_record("X", record))[key] for key in EXTRAS} == EXTRAS


def test_files_are_listed_in_the_inputs_of_a_choice_too() -> None:
    inner = {"required": {"name": ["COMBO", {"options": {"files": "loras", "also": ["none"]}, "tooltip": "x"}]}}
    options = {"options": [{"key": "off", "inputs": {}}, {"key": "on", "inputs": inner}, "odd"], "default": "off"}
    spec = NodeSpec("Nested", (InputSpec("lora", DYNAMIC_COMBO, options=options),))
    listed = with_files(record_of(spec), lambda kind: [f"a.{kind}"])["input"]["required"]["lora"]
    assert listed == [
        DYNAMIC_COMBO,
        {
            "options": [
                {"key": "off", "inputs": {}},
                {"key": "on", "inputs": {"required": {"name": [["a.loras", "none"], {"tooltip": "x"}]}}},
                "odd",
            ],
            "default": "off",
        },
    ]
