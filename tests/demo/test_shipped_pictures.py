"""The workflows that ship, run as people run them, show what their prompts say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heddle.graph.workflow import read_document
from heddle.settings.options import HOUSE
from heddle.training.checker import look
from heddle.training.drawing import SIDE_PX
from heddle.training.world import COLOURS, THINGS
from main import main

FIRST = ["text_to_image", "image_to_image", "latent_upscale"]
LATER = ["inpaint", "inpaint_fill_modes", "inpaint_soft", "switches", "batch_of_prompts"]


@pytest.mark.parametrize("name", [*FIRST, *LATER])
def test_a_shipped_workflow_paints_the_thing_and_the_colour_that_it_names(name: str, tmp_path: Path) -> None:
    file = HOUSE / "workflows" / f"{name}.json"
    speaking = ("CLIPTextEncode", "PrimitiveString")
    texts = [node["widgets_values"][0] for node in read_document(file)["nodes"] if node["type"] in speaking]
    words = set(" ".join(texts).replace(",", " ").split())
    assert main(["run", str(file), "--cpu", "--output-directory", str(tmp_path)]) == 0
    things, colours = set[str | None](), set[str | None]()
    for made in tmp_path.glob("*.png"):
        with Image.open(made) as picture:
            seen = look(np.asarray(picture.convert("RGB").resize((SIDE_PX, SIDE_PX))))
        things.add(seen.thing)
        colours.add(seen.colour)
    assert things == words & set(THINGS)
    assert colours == words & set(COLOURS)
