"""Every workflow that ships: readable, complete, tidy, and running, here with tiny random models at few steps."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from execution.convert import to_prompt
from heddle.graph.dynamic import resolve_inputs
from heddle.graph.spec import MATCH_TYPE
from heddle.graph.workflow import read_document
from heddle.settings.options import HOUSE
from main import main
from nodes.catalogue import built_in
from tests.workflows.small_models import write_small_models

SHIPPED = sorted((HOUSE / "workflows").glob("*.json"))

#: What each makes here, where large pictures are drawn at 64 x 64: how many pictures, and their size.
MADE = {
    "area_composition": (1, (256, 128)),
    "batch_of_prompts": (3, (128, 128)),
    "controlnet_canny": (1, (64, 64)),
    "flux_text_to_image": (1, (64, 64)),
    "hires_upscale_model": (1, (192, 192)),
    "image_to_image": (1, (128, 128)),
    "inpaint": (1, (128, 128)),
    "inpaint_fill_modes": (1, (128, 128)),
    "inpaint_only_masked": (1, (384, 256)),
    "inpaint_soft": (1, (128, 128)),
    "latent_upscale": (1, (192, 192)),
    "lora_stack": (1, (64, 64)),
    "model_merge": (1, (64, 64)),
    "outpaint": (1, (192, 128)),
    "sd15_text_to_image": (1, (64, 64)),
    "sd3_text_to_image": (1, (64, 64)),
    "sdxl_base_refiner": (1, (64, 64)),
    "switches": (2, (192, 192)),
    "text_to_image": (1, (128, 128)),
    "upscale_photo": (1, (256, 256)),
    "variations": (4, (128, 128)),
    "xy_comparison": (1, (392, 392)),
}
NO_PICTURES = {"audio_echo", "video_frames"}  # what these make is looked at beside this file
LARGE_PX = 512
TITLE_PX = 30  # of a node, above its place
DEMO = "heddle-demo.safetensors"


class Box(NamedTuple):
    """A rectangle of the canvas, in its pixels."""

    left: float
    top: float
    right: float
    bottom: float


def meet(one: Box, other: Box) -> bool:
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


def lies_in(one: Box, other: Box) -> bool:
    return other.left <= one.left and one.right <= other.right and other.top <= one.top and one.bottom <= other.bottom


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    write_small_models(folder)
    return folder


def test_each_has_a_picture_that_front_ends_show_beside_its_name() -> None:
    for path in SHIPPED:
        with Image.open(path.with_suffix(".webp")) as picture:
            assert (picture.format, picture.size) == ("WEBP", (256, 256)), path.name


def test_what_each_makes_is_known() -> None:
    assert {path.stem for path in SHIPPED} == set(MADE) | NO_PICTURES


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_workflow_is_whole(path: Path) -> None:
    document: dict[str, Any] = read_document(path)
    nodes = {node["id"]: node for node in document["nodes"]}
    assert document["last_node_id"] == max(nodes) and len(nodes) == len(document["nodes"])
    assert document["last_link_id"] == max(link[0] for link in document["links"])
    for link_id, source, output, target, slot, kind in document["links"]:
        assert link_id in nodes[source]["outputs"][output]["links"]
        assert nodes[source]["outputs"][output]["type"] == kind
        assert nodes[target]["inputs"][slot]["link"] == link_id
    registry = built_in()
    for node in document["nodes"]:
        if node["type"] in registry:
            sockets = {slot["name"]: slot["type"] for slot in node["inputs"]}
            linked = {name: [1, 0] for name in sockets}
            declared = {name: each.type for name, each in resolve_inputs(registry[node["type"]], linked).items()}
            declared = {name: "*" if kind == MATCH_TYPE else kind for name, kind in declared.items()}  # any, saved
            assert sockets.items() <= declared.items()
    assert any(node["type"] == "MarkdownNote" for node in document["nodes"]), "it explains itself"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_reading_and_writing_a_shipped_workflow_changes_nothing(path: Path) -> None:
    document = read_document(path)
    before = json.dumps(document)
    to_prompt(document, built_in())
    assert json.dumps(document) == before
    assert path.read_text() == json.dumps(document, indent=2) + "\n"


def boxes(document: dict[str, Any]) -> list[Box]:
    """Of all nodes, with their titles."""
    return [
        Box(x, y - TITLE_PX, x + width, y + height)
        for (x, y), (width, height) in ((node["pos"], node["size"]) for node in document["nodes"])
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_node_of_a_shipped_workflow_lies_over_another_or_across_the_edge_of_a_group(path: Path) -> None:
    document: dict[str, Any] = read_document(path)
    nodes = boxes(document)
    assert [pair for pair in combinations(nodes, 2) if meet(*pair)] == []
    groups = [(x, y, x + w, y + h) for x, y, w, h in (each["bounding"] for each in document["groups"])]
    frames = [Box(*each) for each in groups]
    assert [pair for pair in combinations(frames, 2) if meet(*pair)] == []
    assert [(node, frame) for node in nodes for frame in frames if meet(node, frame) and not lies_in(node, frame)] == []
    assert all(each["title"] for each in document["groups"])


def smaller(prompt: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What is changed so that a graph runs in a moment: {"NODE.INPUT": value}."""
    changes: dict[str, Any] = {}
    for id, node in prompt.items():
        kind, inputs = node["class_type"], node["inputs"]
        if inputs.get("ckpt_name") == DEMO:
            changes[f"{id}.ckpt_name"] = "tiny.safetensors"
        if kind == "KSamplerAdvanced":  # one step each
            is_first = inputs["start_at_step"] == 0
            changes |= {f"{id}.steps": 2, f"{id}.end_at_step" if is_first else f"{id}.start_at_step": 1}
        elif "steps" in inputs:
            changes[f"{id}.steps"] = 1
        if kind.startswith("Empty") and inputs["width"] >= LARGE_PX:
            changes |= {f"{id}.width": 64, f"{id}.height": 64}
    return changes


@pytest.mark.parametrize("path", [path for path in SHIPPED if path.stem in MADE], ids=lambda path: path.stem)
def test_a_shipped_workflow_runs(path: Path, base: Path, tmp_path: Path) -> None:
    changes = smaller(to_prompt(read_document(path), built_in()))
    words = ["run", str(path), "--base-directory", str(base), "--output-directory", str(tmp_path), "--cpu"]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*words, *(word for place, to in changes.items() for word in ("--set", f"{place}={to}"))])
    assert code == 0, err.getvalue()
    count, size = MADE[path.stem]
    made = [Path(line) for line in out.getvalue().splitlines() if Path(line).parent == tmp_path]
    assert len(made) == count
    for each in made:
        with Image.open(each) as picture:
            assert picture.size == size


def test_a_node_over_another_is_seen() -> None:
    assert meet(Box(0, 0, 10, 10), Box(9, 9, 20, 20)) and not meet(Box(0, 0, 10, 10), Box(10, 0, 20, 10))
    assert lies_in(Box(1, 1, 9, 9), Box(0, 0, 10, 10)) and not lies_in(Box(1, 1, 11, 9), Box(0, 0, 10, 10))
