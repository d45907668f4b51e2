"""Nodes for images, masks, boxes and curves, run as one graph by the whole engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from main import main
from nodes.catalogue import built_in

RUN_HERE = {
    *("nodes.image.adjustments", "nodes.image.boxes", "nodes.image.colour", "nodes.image.colour_transfer"),
    *("nodes.image.comparing", "nodes.image.compositing", "nodes.image.filters", "nodes.image.layers"),
    "nodes.image.mask_files",
    *("nodes.image.mask_shapes", "nodes.image.masks", "nodes.image.painter", "nodes.image.sizes"),
    *("nodes.text.overlay", "nodes.utilities.boxes", "nodes.utilities.tones"),
}

#: Values of inputs that have no default; links are to the nodes of `SOURCES`.
GIVEN: dict[str, Any] = {
    "IMAGE": ["photo", 0],
    "MASK": ["photo", 1],
    "HISTOGRAM": ["levels", 0],
    "LAYERS": ["layer", 0],
    "BOUNDING_BOX": ["box", 0],
    "BOUNDING_BOX,ARRAY,STRING": '[[1, 2, 3, 4], {"x": 5, "y": 6, "width": 7, "height": 8, "label": "cat"}]',
    "IMAGECOMPARE": [],
    "COMFY_DYNAMICCOMBO_V3": "target_frame",
    "COLOR": "#ff8800",
    "BOUNDING_BOXES": {"__value__": [{"x": 1, "y": 2, "width": 9, "height": 9}]},
}
SOURCES: dict[str, Any] = {
    "photo": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
    "levels": {"class_type": "ImageHistogram", "inputs": {"image": ["photo", 0]}},
    "layer": {"class_type": "AddLayer", "inputs": {"image": ["photo", 0]}},
    "box": {"class_type": "PrimitiveBoundingBox", "inputs": {"x": 1, "y": 2, "width": 30, "height": 20}},
}


def prompt_of(id: str) -> dict[str, Any]:
    """One node with something on each of its inputs."""
    inputs: dict[str, Any] = {}
    for each in built_in()[id].inputs:
        if each.section == "hidden":
            continue
        if each.files == "input" or each.options.get("widgetType") == "PAINTER":
            inputs[each.name] = "a.png"
        elif each.type == "COMFY_AUTOGROW_V3":
            inputs |= {f"{each.name}.mask{number}": ["photo", 1] for number in range(3)}
        elif each.choices and each.type == "COMBO":
            inputs[each.name] = each.choices[-1] if each.name != "channel" else "green"
        elif each.type in GIVEN:
            inputs[each.name] = GIVEN[each.type]
        else:
            inputs[each.name] = each.options.get("default", "")
    if "source_stats" in inputs:
        inputs["source_stats.target_index"] = 3
    return inputs


@pytest.fixture
def base(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 4), dtype=np.uint8)
    (tmp_path / "input").mkdir()
    Image.fromarray(pixels).save(tmp_path / "input" / "a.png")
    return tmp_path


def test_every_node_runs_with_something_on_each_input_and_all_that_it_gives_can_be_used(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = dict(SOURCES)
    ran = [spec for _, spec in built_in().items() if spec.python_module in RUN_HERE]
    assert len(ran) > 40
    for spec in ran:
        prompt[spec.id] = {"class_type": spec.id, "inputs": prompt_of(spec.id)}
        for at, output in enumerate(spec.outputs):
            shows, name = {"IMAGE": ("PreviewImage", "images"), "MASK": ("MaskPreview", "mask")}.get(
                output.type, ("PreviewAny", "source")
            )
            prompt[f"{spec.id} {at}"] = {"class_type": shows, "inputs": {name: [spec.id, at]}}
    file = base / "graph.json"
    file.write_text(json.dumps(prompt), "utf-8")
    status = main(["run", str(file), "--cpu", "--base-directory", str(base)])
    told = capsys.readouterr()
    assert status == 0, told.err


def test_what_a_page_sends_of_new_nodes_runs(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompt = {
        "1": {"class_type": "Painter", "inputs": {"mask": "", "width": 64, "height": 128, "bg_color": "#000000"}},
        "2": {"class_type": "ImageCompare", "inputs": {"image_b": ["1", 0], "compare_view": ""}},
        "3": {"class_type": "CreateBoundingBoxes", "inputs": {"width": 64, "height": 64, "editor_state": []}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    (base / "graph.json").write_text(json.dumps(prompt), "utf-8")
    status = main(["run", str(base / "graph.json"), "--cpu", "--base-directory", str(base)])
    assert status == 0, capsys.readouterr().err
    assert Image.open(next((base / "temp").glob("preview_*.png"))).size == (64, 128)
