"""Node types that nobody here knows."""

from __future__ import annotations

from typing import Any

import pytest

from execution.convert import convert
from heddle.graph.spec import InputSpec, NodeSpec
from tests.execution.checking import check, planned, taker
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
    near = ["LoadImage", "SaveImage"]
    told = {"node_id": "1", "class_type": "LoadImages", "node_title": "My picture", "near": near}
    assert {name: fact for name, fact in error["extra_info"].items() if name != "said"} == told
    assert error["details"] == (
        "3 nodes are of 2 types that are not here: 'LoadImages' (node 1 'My picture', 8:25; near to it: LoadImage, "
        "SaveImage), 'Qwzx' (node 3); is a pack missing?"
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


LOADER = taker("Loader", InputSpec("name", "COMBO", options={"options": {"files": "checkpoints"}}))
LISTED = taker("Listed", InputSpec("name", "COMBO", options={"options": ["deep/in/here/Base.gguf", "other.gguf"]}))
URL = "https://example.org/base.safetensors"


def loading(kind: str, name: Any, **meta: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": {"name": name}, "_meta": {"title": kind, **meta}}


def test_unknown_types_and_missing_files_are_told_together_with_where_they_stand_and_come_from() -> None:
    source = {"name": "base.safetensors", "url": URL, "directory": "checkpoints", "hash": "ab", "size": 3}
    vae = {"name": "fine.vae", "url": f"{URL}/vae", "directory": "vae"}
    here = {"name": "here.safetensors", "directory": "vae"}
    prompt = {
        "4": loading("Loader", "base.safetensors", title="The base", models=[source]),
        "8:5": loading("Loader", "base.safetensors", within=["Text to Image"], models=[source]),
        "6": loading("Listed", "x/base.gguf"),
        "9": loading("VaeLoader", ["4", 0], cnr_id="some-pack", models=[vae, here], within=["A", "B"]),
        "10": loading("VaeLoader", "x", cnr_id="some-pack"),
        "11": loading("Loader", "zz.ckpt"),
    }
    files = {"checkpoints": ["zz.ckpt"], "vae": ["sub/here.safetensors"]}
    outputs, error, node_errors = check(prompt, LOADER, LISTED, files=files).as_answer()
    assert outputs == [] and error is not None and error["type"] == "missing_node_type"
    assert error["details"] == (
        "2 nodes are of 1 type that is not here: 'VaeLoader' (node 9 in 'A' > 'B', 10; from some-pack; near to it: "
        "Loader); is a pack missing?; 3 files are not here: 'base.safetensors' of the kind 'checkpoints' (node 4 'The "
        "base', 8:5 in 'Text to Image'; from https://example.org/base.safetensors), 'x/base.gguf' (node 6; near to it: "
        "deep/in/here/Base.gguf), 'fine.vae' of the kind 'vae' (node 9 in 'A' > 'B'; from "
        "https://example.org/base.safetensors/vae); put each among the others of its kind"
    )
    assert sorted(node_errors) == ["10", "4", "6", "8:5", "9"]
    (own,) = node_errors["8:5"]["errors"]
    assert own["details"] == (
        "node 8:5 (Loader in 'Text to Image'), name: found 'base.safetensors', which is not there; put it among the "
        f"files of the kind 'checkpoints', or choose one of: zz.ckpt; it comes from {URL}"
    )
    assert own["extra_info"]["within"] == ["Text to Image"]
    told = {key: each for key, each in source.items() if key != "size"}
    assert own["extra_info"]["missing_file"] == {"kind": "checkpoints", "near": [], **told}
    kind, file = node_errors["9"]["errors"]
    assert (
        kind["extra_info"]["pack"] == "some-pack" and "the workflow has it from the pack 'some-pack'" in kind["details"]
    )
    assert file["type"] == "missing_model" and file["extra_info"]["missing_file"]["name"] == "fine.vae"
    assert file["details"].startswith(
        "node 9 in 'A' > 'B': there is no file 'fine.vae' of the kind 'vae'; put it there"
    )


def test_where_nothing_can_run_for_lack_of_files_the_whole_list_is_the_first_thing_said() -> None:
    prompt = {"1": loading("Loader", "a.safetensors"), "2": loading("Loader", "b.safetensors")}
    found = check(prompt, LOADER)
    assert found.error is not None and found.error.kind == "prompt_outputs_failed_validation"
    assert "2 files are not here: 'a.safetensors' of the kind 'checkpoints' (node 1)" in found.error.message
    lone = check({"1": loading("Loader", "a.safetensors")}, LOADER)
    assert (
        lone.error is not None
        and "mend what is said of these nodes: node 1 (Loader), name: found" in lone.error.message
    )


def test_a_node_that_an_editor_did_not_know_is_told_by_its_title_and_its_pack() -> None:
    unknown = {"inputs": {}, "_meta": {"title": "Big saver", "cnr_id": "some-pack"}}
    (message,) = check({"1": unknown, "2": PROMPT["2"]}, *NODES).messages
    assert message.startswith("node 1 'Big saver': no class_type;") and message.endswith("from the pack 'some-pack'")


def test_a_type_of_the_known_engine_itself_sends_nobody_to_look_for_a_pack() -> None:
    found = check({"1": loading("Strange", 1, cnr_id="comfy-core"), "2": loading("Stranger", 1, cnr_id="comfy-core")})
    assert found.error is not None and found.error.message.endswith("from comfy-core); no pack brings them")
    assert (
        found.problems["1"]
        .errors[0]
        .message.endswith("one of the known engine's own, which is not here yet; no pack brings it")
    )


@pytest.mark.parametrize(
    "odd",
    [{"within": 3}, {"within": [3, None]}, {"models": {"a": 1}}, {"models": [3, {"name": 4}, {}]}, {"cnr_id": "a\nb"}]
    + [{"models": [{"name": "a", "directory": "../../etc", "url": "x\x1b[2J"}]}, {"title": ["x"]}]
    + [{"cnr_id": "x" * 9999}],
)  # fmt: skip
def test_what_a_graph_tells_of_its_nodes_in_no_form_that_can_be_read_is_passed_over(odd: dict[str, Any]) -> None:
    report = check({"1": loading("Strange", "a", **odd), "2": loading("Loader", "a", **odd)}, LOADER)
    assert all(message.isprintable() and len(message) < 300 for message in report.messages)
    assert report.problems["1"].errors[0].kind == "missing_node_type"


def test_a_file_s_name_from_windows_means_the_file_and_a_moved_file_is_near() -> None:
    files = {"checkpoints": ["sdxl/base.safetensors"]}
    found = check({"1": loading("Loader", "sdxl\\base.safetensors")}, LOADER, files=files)
    assert planned(found, "1").values == {"name": "sdxl/base.safetensors"}
    assert planned(check({"1": loading("Listed", "deep\\in/here\\Base.gguf")}, LISTED), "1").values == {
        "name": "deep/in/here/Base.gguf"
    }
    moved = check({"1": loading("Loader", "old\\BASE.safetensors")}, LOADER, files=files)
    assert "did you mean 'sdxl/base.safetensors'?" in moved.messages[0]


def test_the_end_of_its_name_makes_no_file_near_to_another() -> None:
    files = {"checkpoints": ["sub/heddle-demo.safetensors"]}
    assert "did you mean" not in check({"1": loading("Loader", "v1-5.safetensors")}, LOADER, files=files).messages[0]
    other_end = check({"1": loading("Loader", "heddle_demo.ckpt")}, LOADER, files=files)
    assert "did you mean 'sub/heddle-demo.safetensors'?" in other_end.messages[0]


def test_the_converter_passes_on_what_a_file_tells_of_its_nodes() -> None:
    model = {"name": "a.safetensors", "url": URL, "directory": "checkpoints", "more": 3}
    loader = {
        "id": 5,
        "type": "Make",
        "widgets_values": ["sub\\a.safetensors"],
        "properties": {"cnr_id": "p", "ver": "1"},
    }
    stranger = {"id": 6, "type": "Strange", "properties": {"models": [model], "aux_id": 3}, "outputs": [{"name": "x"}]}
    definitions = [
        {"id": "in", "name": "Inner", "nodes": [loader, stranger | {"inputs": [{"name": "y", "link": 1}]}]}
        | {"links": [{"id": 1, "origin_id": 5, "origin_slot": 0, "target_id": 6}]},
        {"id": "out", "name": "Outer", "nodes": [{"id": 2, "type": "in"}]},
    ]
    nodes = [{"id": 1, "type": "out", "title": "Mine"}, {"id": 3, "type": "Make", "widgets_values": ["a.safetensors"]}]
    document = {"version": 0.4, "nodes": nodes, "definitions": {"subgraphs": definitions}}
    told = {id: each["_meta"] for id, each in convert(document, registry()).prompt.items()}
    kept = {"name": "a.safetensors", "url": URL, "directory": "checkpoints"}
    assert told == {
        "1:2:5": {"title": "Make", "within": ["Mine", "Inner"], "cnr_id": "p", "ver": "1", "models": [kept]},
        "1:2:6": {"title": "Strange", "within": ["Mine", "Inner"], "models": [kept]},
        "3": {"title": "Make", "models": [kept]},
    }
    root = convert({"nodes": nodes[1:], "models": [model]}, registry()).prompt["3"]["_meta"]
    assert root == {"title": "Make", "models": [kept]}


def test_of_many_subgraphs_around_a_node_the_outermost_and_the_innermost_are_named() -> None:
    depth = 40
    definitions = [
        {"id": f"d{i}", "name": f"D{i}", "nodes": [{"id": 1, "type": f"d{i + 1}" if i + 1 < depth else "Make"}]}
        for i in range(depth)
    ]
    document = {"nodes": [{"id": 1, "type": "d0"}], "definitions": {"subgraphs": definitions}}
    (node,) = convert(document, registry()).prompt.values()
    assert node["_meta"]["within"] == ["D0", "D1", "D2", "...", "D36", "D37", "D38", "D39"]


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
