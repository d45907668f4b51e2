"""The nodes for layers: what they take, say, show and keep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.numerics.image_layers import Layers
from main import main
from nodes.image.layers import add_layer, compose_layers, layers_from_boxes
from tests.nodes.fake_context import FakeContext


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def composed(layers: Layers, base: Path, compositor: Any = None) -> tuple[Tensor, Tensor, Any]:
    shown = compose_layers(layers, compositor or {}, ctx=FakeContext(base))
    return *shown.values, shown.ui


def test_layers_are_added_without_changing_those_below(tmp_path: Path) -> None:
    first = add_layer(draw(1, 6, 8, 3), name="sky")
    both = add_layer(draw(1, 2, 2, 3, seed=1), layers=first, x=3, y=1)
    assert len(first.layers) == 1 and len(both.layers) == 2
    image, mask, ui = composed(both, tmp_path)
    assert torch.equal(image[:, 1:3, 3:5], both.layers[1].image)
    assert mask.shape == (1, 6, 8) and not mask.any()
    (file,) = ui["images"]
    assert file["type"] == "temp"
    shown = Image.open(tmp_path / "temp" / file["filename"])
    assert shown.mode == "RGB" and shown.size == (8, 6)


def test_a_picture_with_holes_is_shown_with_its_alpha_and_gives_it_as_a_mask(tmp_path: Path) -> None:
    layers = add_layer(torch.ones(1, 4, 4, 3), x=2, mask=torch.tensor([[[1.0, 0.0]]]))
    _image, mask, ui = composed(layers, tmp_path, {"width": 8, "height": 4})
    assert mask[0, 0].tolist() == pytest.approx([1, 1, 0, 0.25, 0.75, 1, 1, 1])
    shown = Image.open(tmp_path / "temp" / ui["images"][0]["filename"])
    assert shown.mode == "RGBA"
    assert np.asarray(shown)[0, :, 3].tolist() == [0, 0, 255, 191, 64, 0, 0, 0]
    filled, mask, _ui = composed(layers, tmp_path, {"background": "#00ff00"})
    assert not mask.any()
    assert filled[0, 0, 0].tolist() == [0, 1, 0]
    torch.testing.assert_close(filled[0, 0, 3], torch.tensor([0.75, 1, 0.75]))


def test_boxes_become_layers_on_a_canvas_of_the_images_size(tmp_path: Path) -> None:
    photo, ctx = draw(1, 6, 8, 3), FakeContext()
    layers = layers_from_boxes(photo, "[[0, 0, 3, 3], [4, 4, 9, 9], [50, 0, 3, 3]]", ctx=ctx)
    image, mask, _ui = composed(layers, tmp_path)
    assert image.shape == (1, 6, 8, 3)
    assert torch.equal(image[:, 4:, 4:], photo[:, 4:, 4:])
    assert float(mask.sum()) == 48 - 9 - 8
    assert "1 of 3 boxes" in ctx.notes[0]
    over = layers_from_boxes(draw(1, 20, 20, 3), [1, 1, 2, 2], layers=add_layer(photo), ctx=ctx)
    assert composed(over, tmp_path)[0].shape == (1, 6, 8, 3)  # those below say how large it is
    assert layers_from_boxes(photo, [0, 0, 4, 4], canvas_width=16, canvas_height=12, ctx=ctx).size == (16, 12)


def test_a_value_of_another_packs_layers_is_refused_by_name() -> None:
    with pytest.raises(GraphError, match="of the type dict"):
        add_layer(draw(1, 2, 2, 3), layers={"layers": []})


def test_a_film_of_layers_can_be_stopped(tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path)
    compose_layers(add_layer(draw(5, 2, 2, 3)), {}, ctx=ctx)
    assert ctx.steps[4] == (5, 5)


@pytest.mark.parametrize("widgets", [{"compositor": {}}, {"compositor": {"layers": [{"hidden": True}]}}])
def test_a_whole_graph_runs_with_what_an_editor_keeps(
    tmp_path: Path, widgets: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "input").mkdir()
    Image.fromarray(np.full((5, 7, 3), 80, np.uint8)).save(tmp_path / "input" / "a.png")
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "2": {"class_type": "AddLayer", "inputs": {"image": ["1", 0], "blend_mode": "hard-mix", "rotation": 12}},
        "3": {"class_type": "LayersFromBoundingBoxes",
              "inputs": {"image": ["1", 0], "bboxes": "[1, 1, 3, 3]", "layers": ["2", 0]}},
        "4": {"class_type": "ImageCompositor", "inputs": {"layers": ["3", 0], **widgets}},
    }  # fmt: skip
    (tmp_path / "graph.json").write_text(json.dumps(prompt), "utf-8")
    status = main(["run", str(tmp_path / "graph.json"), "--cpu", "--base-directory", str(tmp_path)])
    assert status == 0, capsys.readouterr().err
    assert Image.open(next((tmp_path / "temp").glob("layers_*.png"))).size == (7, 5)
