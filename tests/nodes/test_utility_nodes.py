"""The nodes of the menu "utilities", where it matters as parts of graphs that run."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from heddle.graph.declare import spec_of
from nodes.catalogue import built_in
from nodes.utilities import logic, numbers, primitives, showing
from tests.execution.toys import Heard, graph, run, worker

IDS = (
    "ComfySwitchNode ComfyAndNode ComfyOrNode ComfyNotNode CreateList CustomCombo PreviewAny StringConcatenate "
    "PrimitiveInt PrimitiveString PrimitiveBoolean ComfyMathExpression StringFormat ComfyNumberConvert MergeTextLists"
)
LINKED = ("PreviewAny", {"source": ["9", 0]})


def ran(**nodes: Any) -> Heard:
    heard = run(worker(*(built_in()[id] for id in IDS.split())), graph(**nodes))
    assert heard.end.status == "success", heard.end
    return heard


@pytest.mark.parametrize(("is_on", "wanted"), [(True, "yes"), (False, "no")])
def test_a_switch_hands_on_one_branch_and_the_other_never_runs(is_on: bool, wanted: str) -> None:
    heard = ran(
        n1=("PrimitiveBoolean", {"value": is_on}),
        n2=("PrimitiveString", {"value": "yes"}),
        n3=("PrimitiveString", {"value": "no"}),
        n9=("ComfySwitchNode", {"switch": ["1", 0], "on_true": ["2", 0], "on_false": ["3", 0]}),
        n10=LINKED,
    )
    assert heard.shown() == [wanted]
    assert ("2" if is_on else "3") in {each.node_id for each in heard.of("node_started")}
    assert ("3" if is_on else "2") not in {each.node_id for each in heard.of("node_started")}


@pytest.mark.parametrize(
    ("kind", "values", "wanted"),
    [
        ("ComfyAndNode", (1, 1), "True"), ("ComfyAndNode", (1, 0), "False"), ("ComfyAndNode", (0,), "False"),
        ("ComfyOrNode", (0, 0), "False"), ("ComfyOrNode", (0, 1, 0), "True"),
    ],
)  # fmt: skip
def test_values_are_true_together(kind: str, values: tuple[int, ...], wanted: str) -> None:
    made = {f"n{at}": ("PrimitiveInt", {"value": value}) for at, value in enumerate(values)}
    linked = {f"values.value{at}": [str(at), 0] for at in range(len(values))}
    assert ran(**made, n9=(kind, linked), n10=LINKED).shown() == [wanted]


@pytest.mark.parametrize(
    ("value", "is_true"),
    [
        (0, False),
        (2, True),
        ("", False),
        ([], False),
        (None, False),
        (torch.zeros(2, 2), True),
        (torch.zeros(()), False),
    ],
)
def test_what_is_no_truth_value_counts_as_python_has_it_and_pictures_are_there(value: Any, is_true: bool) -> None:
    assert logic.negate(value) is not is_true
    assert logic.all_of({"value0": value}) is is_true and logic.any_of({"value0": value}) is is_true


def test_lists_and_values_make_one_list_for_which_later_nodes_run_once_each() -> None:
    heard = ran(
        n1=("PrimitiveString", {"value": "a"}),
        n2=("PrimitiveString", {"value": "b"}),
        n3=("CreateList", {"inputs.input0": ["1", 0], "inputs.input1": ["2", 0]}),
        n4=("CreateList", {"inputs.input0": ["3", 0], "inputs.input1": ["1", 0]}),
        n9=("StringConcatenate", {"string_a": ["4", 0], "string_b": "!", "delimiter": ""}),
        n10=LINKED,
    )
    assert heard.shown() == ["a!", "b!", "a!"]


def test_merged_lists_of_texts_are_a_list() -> None:
    heard = ran(
        n1=("PrimitiveString", {"value": "a"}),
        n2=("PrimitiveString", {"value": "b"}),
        n3=("CreateList", {"inputs.input0": ["1", 0], "inputs.input1": ["2", 0]}),
        n9=("MergeTextLists", {"texts": ["3", 0]}),
        n10=LINKED,
    )
    assert heard.shown() == ["a", "b"]


def test_an_expression_gets_its_letters_and_gives_three_kinds_of_number() -> None:
    heard = ran(
        n1=("PrimitiveInt", {"value": 7}),
        n2=("PrimitiveInt", {"value": 2}),
        n9=("ComfyMathExpression", {"expression": "-a / b", "values.a": ["1", 0], "values.b": ["2", 0]}),
        n10=LINKED,
        n11=("PreviewAny", {"source": ["9", 1]}),
        n12=("PreviewAny", {"source": ["9", 2]}),
    )
    assert sorted(heard.shown()) == ["-3", "-3.5", "True"]


def test_a_choice_that_a_person_wrote_comes_with_its_place() -> None:
    given = {"choice": "fox", "index": 1, "option1": "cat", "option2": "fox", "option3": ""}
    assert ran(n9=("CustomCombo", given), n10=LINKED, n11=("PreviewAny", {"source": ["9", 1]})).shown() == ["fox", "1"]
    assert ran(n9=("CustomCombo", {"choice": "fox"}), n10=("PreviewAny", {"source": ["9", 1]})).shown() == ["0"]


@pytest.mark.parametrize(
    ("ratio", "megapixels", "multiple", "size"),
    [
        ("1:1 (Square)", 1.0, 8, (1024, 1024)),
        ("16:9 (Widescreen)", 1.0, 8, (1368, 768)),
        ("9:16 (Portrait Widescreen)", 1.0, 64, (768, 1344)),
        ("2:3 (Portrait Photo)", 0.1, 128, (256, 384)),
        ("21:9 (Ultrawide)", 16.0, 8, (6256, 2680)),
    ],
)
def test_a_resolution_has_the_ratio_the_pixels_and_the_steps(
    ratio: str, megapixels: float, multiple: int, size: tuple[int, int]
) -> None:
    assert numbers.select_size(ratio, megapixels, multiple) == size


def test_a_seed_and_primitives_are_handed_on() -> None:
    assert numbers.give_seed(2**63 - 1) == 2**63 - 1
    assert primitives.give_number(-0.5) == -0.5 and primitives.give_long_text("a\nb") == "a\nb"
    assert numbers.convert_number("2.5") == (2.5, 2)


def test_a_text_that_a_page_could_not_draw_is_cut_where_it_is_shown_alone() -> None:
    shown: Any = showing.show("x" * 200_000)
    assert shown.values == ("x" * 200_000,) and len(shown.ui["text"][0]) == 100_003


def test_a_seed_of_the_node_steps_after_each_run() -> None:
    spec = spec_of(numbers.give_seed)
    assert spec.widgets[0].companions == 1
