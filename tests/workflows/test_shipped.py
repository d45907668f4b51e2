"""Every workflow that ships: readable, complete, and running, here with a tiny random model at few steps."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from execution.convert import to_prompt
from heddle.graph.workflow import read_document
from heddle.settings.options import HOUSE
from main import main
from nodes.catalogue import built_in
from tests.tiny_checkpoint import write_tiny_checkpoint

SHIPPED = sorted((HOUSE / "workflows").glob("*.json"))
SIZES = {"text_to_image": (128, 128), "image_to_image": (128, 128), "latent_upscale": (192, 192)}
SIZES |= dict.fromkeys(("inpaint", "inpaint_fill_modes", "inpaint_soft"), (128, 128))
SIZES |= {"inpaint_only_masked": (384, 256), "outpaint": (192, 128)}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    write_tiny_checkpoint(folder / "models" / "checkpoints" / "tiny.safetensors")
    return folder


def test_each_has_a_picture_that_front_ends_show_beside_its_name() -> None:
    for path in SHIPPED:
        with Image.open(path.with_suffix(".webp")) as picture:
            assert (picture.format, picture.size) == ("WEBP", (256, 256)), path.name


def test_the_workflows_whose_sizes_are_known_ship() -> None:
    assert {path.stem for path in SHIPPED} >= set(SIZES)


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
            declared = {each.name: each.type for each in registry[node["type"]].inputs}
            assert sockets.items() <= declared.items()
    assert any(node["type"] == "MarkdownNote" for node in document["nodes"]), "it explains itself"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_reading_and_writing_a_shipped_workflow_changes_nothing(path: Path) -> None:
    document = read_document(path)
    before = json.dumps(document)
    to_prompt(document, built_in())
    assert json.dumps(document) == before
    assert path.read_text() == json.dumps(document, indent=2) + "\n"


@pytest.mark.parametrize("path", [path for path in SHIPPED if path.stem in SIZES], ids=lambda path: path.stem)
def test_a_shipped_workflow_runs(path: Path, base: Path, tmp_path: Path) -> None:
    prompt = to_prompt(read_document(path), built_in())
    changes = [f"{id}.steps=1" for id, node in prompt.items() if node["class_type"] == "KSampler"]
    changes += [f"{id}.ckpt_name=tiny.safetensors" for id, node in prompt.items() if "ckpt_name" in node["inputs"]]
    words = ["run", str(path), "--base-directory", str(base), "--output-directory", str(tmp_path)]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*words, *(word for change in changes for word in ("--set", change))])
    assert code == 0, err.getvalue()
    (line,) = out.getvalue().splitlines()
    with Image.open(line) as picture:
        assert picture.size == SIZES[path.stem]
