"""Node types that nobody here knows."""

from __future__ import annotations

from typing import Any

import pytest

from execution.convert import convert
from heddle.graph.spec import InputSpec, NodeSpec
from tests.execution.checking import check, taker
from tests.execution.toys import registry

NODES = (taker("SaveImage", InputSpec("x", "IMAGE")), NodeSpec("LoadImage"))

PROMPT = {
    "1": {"class_type": "LoadImages", "inputs": {}, "_meta": {"title": "My picture"}},
    "2": {"class_type": "SaveImage", "inputs": {"x": ["1", 0]}},
    "3": {"class_type": "Qwzx", "inputs": {}},
    "8:25": {"class_type": "LoadImages", "inputs": {}},
}


def test_all_unknown_types_are_told_at_once_and_each_at_its_node() -> None:
    outputs, error, node_errors = check(PROMPT, *NODES).as_answer()
    assert outputs == [] and error is not None
    assert error["type"] == "missing_node_type"
    assert error["extra_info"] == {"node_id": "1", "class_type": "LoadImages", "node_title": "My picture"}
    assert error["details"] == (
        "3 nodes are of 2 types that are not here: 'LoadImages' (node 1, 8:25; near to it: LoadImage, SaveImage), "
        "'Qwzx' (node 3); is a pack missing?"
    )
    assert sorted(node_errors) == ["1", "3", "8:25"]
    assert node_errors["3"]["class_type"] == "Qwzx"
    (own,) = node_errors["8:25"]["errors"]
    assert own["type"] == "missing_node_type" and "near to it: LoadImage" in own["details"]
    assert own["details"].startswith("node 8:25: there is no node type 'LoadImages'")


def test_a_lone_unknown_type_is_told_in_its_own_words() -> None:
    found = check({"1": PROMPT["1"]}, *NODES)
    assert found.error is not None and found.error is found.problems["1"].errors[0]


@pytest.mark.parametrize(
    "odd", [3, None, ["SaveImage"], {"a": 1}, True, 10**5000], ids=["int", "none", "list", "dict", "bool", "huge"]
)
def test_a_class_type_that_is_no_name_is_an_error_of_its_node(odd: Any) -> None:
    found = check({"1": {"class_type": odd, "inputs": {}}, "2": PROMPT["2"]}, *NODES)
    _, error, node_errors = found.as_answer()
    assert error is not None and error["type"] == "missing_node_type"
    assert list(node_errors) == ["1"]
    assert len(error["details"]) < 300


def test_ten_thousand_unknown_types_among_thousands_of_nodes_are_told_in_linear_time() -> None:
    prompt = {str(i): {"class_type": f"Unknown number {i}", "inputs": {}} for i in range(10_000)}
    found = check(prompt, *(NodeSpec(f"Known number {i}") for i in range(2000)))
    assert len(found.problems) == 10_000
    assert found.error is not None and "and 9900 more" in found.error.message and len(found.error.message) < 20_000


def test_the_converter_lists_what_is_missing_and_converts_the_rest() -> None:
    def record(id: int, kind: str, *inputs: Any) -> dict[str, Any]:
        return {"id": id, "type": kind, "widgets_values": [], "inputs": [*inputs], "outputs": []}

    nodes = [record(1, "Make"), record(2, "Makes"), record(3, "Zzz", {"name": "x", "link": 1})]
    document = {"version": 0.4, "nodes": nodes, "links": [[1, 2, 0, 3, 0, "*"]]}
    converted = convert(document, registry())
    assert set(converted.prompt) == {"1", "2", "3"}
    assert converted.missing is not None and converted.missing.kind == "missing_node_type"
    assert "'Makes' (node 2; near to it: Make" in converted.missing.message
    assert "'Zzz' (node 3)" in converted.missing.message
    assert convert({**document, "nodes": [record(1, "Make")]}, registry()).missing is None
    again = convert(converted.prompt, registry())
    assert again.missing is not None and again.missing.message == converted.missing.message
