"""A graph of the API form as a workflow: converted back it is the same graph, and no node stands over another."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execution.convert import convert, to_prompt
from execution.layout import COLUMN_GAP_PX, TITLE_PX, Size, lay_out
from execution.saving import to_workflow
from heddle.graph.dynamic import inputs_of_choice, keys_of_choices, unwrapped
from heddle.graph.errors import GraphError
from heddle.graph.registry import Registry
from heddle.graph.spec import AUTOGROW, DYNAMIC_COMBO, InputSpec
from heddle.graph.workflow import read_document
from heddle.settings.options import HOUSE
from nodes.catalogue import built_in
from tests.execution.saved_files import CATALOGUE

NODES = Registry.from_catalogue(CATALOGUE)
IDS = ("1", "2", "30", "007", "8:25:15", "a node", "9007199254740993", "")
KNOWN = sorted(set(CATALOGUE) - {"CustomCombo"})
WORDS = st.text(st.characters(exclude_characters="%", exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["fixed", "randomize", "image", "", "auto"]
)
PLAIN = st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | WORDS
OF_TYPE = {"INT": st.integers(-(2**60), 2**60), "FLOAT": st.floats(allow_nan=False), "BOOLEAN": st.booleans()}
LISTS = st.lists(st.integers(0, 9), min_size=3, max_size=4)


def meant(prompt: dict[str, Any]) -> dict[str, Any]:
    """What of a graph matters: classes and inputs, arrays with or without what editors wrap around them."""
    return {
        node_id: (node["class_type"], {name: unwrapped(value) for name, value in node["inputs"].items()})
        for node_id, node in prompt.items()
    }


def back(prompt: Any, nodes: Any = NODES) -> dict[str, Any]:
    document = json.loads(json.dumps(to_workflow(prompt, nodes).workflow))
    return to_prompt(document, nodes)


@st.composite
def prompts(draw: st.DrawFn) -> dict[str, Any]:
    ids = draw(st.lists(st.sampled_from(IDS[:-1]), unique=True, min_size=1, max_size=5))
    links = st.tuples(st.sampled_from(ids), st.integers(0, 3)).map(list)

    def value_of(widget: InputSpec) -> Any:
        if widget.type == DYNAMIC_COMBO:
            return draw(st.sampled_from(keys_of_choices(widget)))
        return draw(OF_TYPE.get(widget.type, WORDS) if widget.name != "curve" else LISTS)

    prompt: dict[str, Any] = {}
    for node_id in ids:
        kind = draw(st.sampled_from([*KNOWN, "Unknown", "Unknown 2"]))
        inputs: dict[str, Any] = {}
        if kind not in NODES:
            inputs = draw(
                st.dictionaries(st.sampled_from(["a", "b.c", "seed", "猫"]), PLAIN | links | LISTS, max_size=4)
            )
            inputs["model"] = draw(links)  # one that is joined to nothing is left out as a label
        else:
            waiting = [each for each in NODES[kind].inputs if each.section != "hidden"]
            while waiting:
                each = waiting.pop(0)
                if each.type == AUTOGROW:
                    inputs |= {f"{each.name}.image{i}": draw(links) for i in range(draw(st.integers(0, 3)))}
                elif each.is_widget:
                    value = value_of(each)
                    if each.type == DYNAMIC_COMBO:
                        waiting = [*inputs_of_choice(each, value), *waiting]
                        inputs[each.name] = value
                    else:
                        inputs[each.name] = draw(st.just(value) | links)
                else:
                    inputs |= draw(st.just({}) | links.map(lambda link, name=each.name: {name: link}))
                    if each.name not in inputs and draw(st.booleans()):
                        inputs[each.name] = draw(PLAIN | LISTS)
            inputs |= draw(st.just({}) | links.map(lambda link: {"nobody declared this": link}))
        prompt[node_id] = {"class_type": kind, "inputs": inputs}
    return prompt


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(prompts())
def test_converted_back_a_graph_is_the_same(prompt: dict[str, Any]) -> None:
    before = json.dumps(prompt)
    assert meant(back(prompt)) == meant(prompt)
    assert json.dumps(prompt) == before


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(prompts())
def test_what_is_made_is_a_whole_workflow_with_no_node_over_another(prompt: dict[str, Any]) -> None:
    document = to_workflow(prompt, NODES).workflow
    nodes = {node["id"]: node for node in document["nodes"]}
    assert len(nodes) == len(document["nodes"])
    assert document["last_node_id"] >= max((each for each in nodes if isinstance(each, int)), default=0)
    assert document["last_link_id"] == max((link[0] for link in document["links"]), default=0)
    for number, source, output, target, slot, _ in document["links"]:
        assert number in nodes[source]["outputs"][output]["links"]
        assert nodes[target]["inputs"][slot]["link"] == number
    assert_apart(list(nodes.values()))


def assert_apart(nodes: list[dict[str, Any]]) -> None:
    boxes = [(n["pos"][0], n["pos"][1] - TITLE_PX, n["size"][0], n["size"][1] + TITLE_PX) for n in nodes]
    for number, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[number + 1 :]:
            assert (
                x + width <= other_x
                or other_x + other_width <= x
                or y + height <= other_y
                or other_y + other_height <= y
            )


@pytest.mark.parametrize("path", sorted((HOUSE / "workflows").glob("*.json")), ids=lambda path: path.stem)
def test_every_shipped_workflow_comes_out_the_same_from_its_graph(path: Any) -> None:
    registry = built_in()
    prompt = to_prompt(read_document(path), registry)
    saved = to_workflow(prompt, registry)
    assert saved.notes == []
    assert to_prompt(saved.workflow, registry) == prompt  # titles and all
    assert_apart(saved.workflow["nodes"])
    place = {node["id"]: node for node in saved.workflow["nodes"]}
    for _, source, _, target, _, _ in saved.workflow["links"]:
        assert place[source]["pos"][0] + place[source]["size"][0] < place[target]["pos"][0]


def test_values_stand_in_the_list_that_older_editors_read() -> None:
    inputs = {"seed": 5, "steps": 9, "sampler": "heun"}
    (node,) = to_workflow({"3": {"class_type": "Sample", "inputs": inputs}}, NODES).workflow["nodes"]
    assert node["widgets_values"] == [5, "fixed", 9, "heun"]
    assert node["widgets_values_named"] == {"seed": 5, "control_after_generate": "fixed", "steps": 9, "sampler": "heun"}
    (node,) = to_workflow({"1": {"class_type": "Picture", "inputs": {"image": "x.png"}}}, NODES).workflow["nodes"]
    assert node["widgets_values"] == ["x.png", "image", "-"]


def test_what_the_choice_of_a_combo_brings_are_widgets_of_the_node() -> None:
    inputs = {"codec": "h264", "codec.encoding": "again", "codec.encoding.crf": 20.0, "codec.encoding.space": "sRGB"}
    (node,) = to_workflow({"1": {"class_type": "Video", "inputs": {**inputs, "after": "x"}}}, NODES).workflow["nodes"]
    assert node["widgets_values"] == ["h264", "again", 20.0, "sRGB", "x"]
    assert [slot["widget"]["name"] for slot in node["inputs"]] == [*inputs, "after"]


def test_a_plain_value_on_a_socket_comes_from_a_node_that_shows_it() -> None:
    document = to_workflow({"1": {"class_type": "Forced", "inputs": {"a": 7, "b": 1}}}, NODES).workflow
    primitive = next(node for node in document["nodes"] if node["type"] == "PrimitiveNode")
    assert primitive["widgets_values"] == [7, "fixed"] and primitive["id"] == 2 == document["last_node_id"]
    assert primitive["outputs"][0]["type"] == "INT"


def test_titles_packs_and_what_is_not_kept_go_along() -> None:
    meta = {
        "title": "My sampler",
        "cnr_id": "some-pack",
        "ver": "1.0",
        "cache": False,
        "models": [{"name": "a", "url": "b"}],
    }
    prompt = {"1": {"class_type": "Load", "inputs": {"name": "a"}, "_meta": meta}}
    assert back(prompt)["1"]["_meta"] == meta
    assert to_workflow(prompt, NODES).workflow["nodes"][0]["title"] == "My sampler"


def test_what_nobody_declared_stays_in_the_file() -> None:
    (node,) = to_workflow({"1": {"class_type": "Load", "inputs": {"name": "a", "older": [1, 2, 3]}}}, NODES).workflow[
        "nodes"
    ]
    assert node["widgets_values_named"] == {"name": "a", "older": [1, 2, 3]}


@pytest.mark.parametrize("link", [["9", 0], ["1", -1], ["1", 0.5], ["1", 1e300]])
def test_a_link_to_nothing_is_told(link: list[Any]) -> None:
    saved = to_workflow({"1": {"class_type": "Decode", "inputs": {"samples": link}}}, NODES)
    assert saved.workflow["links"] == [] and "node 1, samples" in saved.notes[0]


def test_a_link_from_a_very_far_output_takes_no_room() -> None:
    prompt = {
        "1": {"class_type": "Load", "inputs": {"name": "x"}},
        "2": {"class_type": "Decode", "inputs": {"samples": ["1", 2**40]}},
    }
    assert meant(back(prompt)) == meant(prompt)
    assert len(to_workflow(prompt, NODES).workflow["nodes"][0]["outputs"]) == 2


@pytest.mark.parametrize(
    "prompt",
    [{}, [], None, {"1": 3}, {"nodes": [], "version": 0.4}, {"1": {"class_type": 3, "inputs": {}}}]
    + [{"1": {"class_type": "Load", "inputs": [1]}}],
)
def test_what_is_no_graph_is_refused_in_words(prompt: Any) -> None:
    with pytest.raises(GraphError):
        to_workflow(prompt, NODES)


def test_a_circle_and_a_node_that_feeds_itself_are_laid_out() -> None:
    prompt = {
        str(i): {"class_type": "Unknown", "inputs": {"a": [str((i + 1) % 4), 0], "b": [str(i), 1]}} for i in range(4)
    }
    assert meant(back(prompt)) == meant(prompt)
    assert_apart(to_workflow(prompt, NODES).workflow["nodes"])


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=25),
    st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24)), max_size=60),
)
def test_links_lead_to_the_right_and_boxes_stay_apart(
    sizes: list[tuple[int, int]], edges: list[tuple[int, int]]
) -> None:
    edges = [(a, b) for a, b in edges if a < b < len(sizes)]  # no circle
    places = lay_out([Size(*size) for size in sizes], edges)
    for source, target in edges:
        assert places[source][0] + sizes[source][0] + COLUMN_GAP_PX <= places[target][0]
    assert_apart([{"pos": place, "size": size} for place, size in zip(places, sizes, strict=True)])


def test_a_large_graph_takes_no_long_time() -> None:
    prompt: dict[str, Any] = {}
    for unit in range(0, 5000, 5):
        load, text, empty, sample, save = (str(unit + i) for i in range(5))
        prompt[load] = {"class_type": "Load", "inputs": {"name": "x"}}
        prompt[text] = {"class_type": "Encode", "inputs": {"text": "cat", "clip": [load, 1]}}
        prompt[empty] = {"class_type": "Empty", "inputs": {"width": 8}}
        inputs = {"model": [load, 0], "seed": 1, "steps": 2, "sampler": "euler", "latent": [empty, 0]}
        prompt[sample] = {"class_type": "Sample", "inputs": inputs}
        prompt[save] = {"class_type": "Save", "inputs": {"images": [sample, 0], "filename_prefix": "x"}}
    began = time.perf_counter()
    saved = to_workflow(prompt, NODES)
    assert time.perf_counter() - began < 20
    assert meant(to_prompt(saved.workflow, NODES)) == meant(prompt)


def test_a_deep_chain_is_no_trouble() -> None:
    prompt = {"0": {"class_type": "Empty", "inputs": {"width": 8}}}
    prompt |= {str(i): {"class_type": "Unknown", "inputs": {"a": [str(i - 1), 0]}} for i in range(1, 3000)}
    assert meant(convert(to_workflow(prompt, NODES).workflow, NODES).prompt) == meant(prompt)
