"""The workflows that draw a part anew, with the demo model: all else stays the picture that was given, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from execution.convert import to_prompt
from heddle.graph.workflow import read_document
from heddle.numerics.image_boards import extend
from heddle.numerics.soft_masks import soften
from heddle.settings.options import HOUSE
from main import main
from nodes.catalogue import built_in

Pixels = NDArray[np.uint8]


def given(name: str) -> tuple[Pixels, torch.Tensor]:
    """A picture that ships, without its opacity, and the mask that this is."""
    with Image.open(HOUSE / "input" / name) as picture:
        pixels = np.asarray(picture.convert("RGBA"))
    return pixels[..., :3], torch.from_numpy((pixels[..., 3] == 0).astype(np.float32))[None]


def run(name: str, folder: Path) -> Pixels:
    """What a workflow writes after a few steps."""
    file = HOUSE / "workflows" / f"{name}.json"
    prompt = to_prompt(read_document(file), built_in())
    (sampler,) = (id for id, node in prompt.items() if node["class_type"] == "KSampler")
    words = ["run", str(file), "--cpu", "--output-directory", str(folder), "--set", f"{sampler}.steps=3"]
    assert main(words) == 0
    (made,) = folder.glob("*.png")
    with Image.open(made) as picture:
        assert picture.mode == "RGB"
        return np.asarray(picture)


@pytest.mark.parametrize(
    ("name", "input", "grow", "fade"),
    [
        ("inpaint", "heddle_masked.png", 0, 0),
        ("inpaint_fill_modes", "heddle_masked.png", 0, 0),
        ("inpaint_only_masked", "heddle_masked_scene.png", 0, 8),
        ("inpaint_soft", "heddle_masked.png", -8, 16),
    ],
)
def test_outside_the_mask_inpainting_leaves_every_pixel(name: str, input: str, grow: int, fade: int, tmp_path: Path):
    before, mask = given(input)
    after = run(name, tmp_path)
    kept = soften(mask, grow, fade)[0].numpy() == 0
    assert 0.1 < kept.mean() < 0.95
    assert np.array_equal(after[kept], before[kept])
    assert (after != before)[~kept].mean() > 0.3


def test_outpainting_leaves_the_picture_that_it_goes_on_from(tmp_path: Path):
    before, _ = given("heddle_example.png")
    padded, mask = extend(torch.tensor(before)[None].float() / 255, 32, 0, 32, 0, 8)
    after = run("outpaint", tmp_path)
    kept = mask[0].numpy() == 0
    assert after.shape == padded.shape[1:] and kept.mean() > 0.5
    assert np.array_equal(after[kept], np.rint(padded[0].numpy() * 255)[kept])
    assert (after[:, :24] != 128).any(axis=-1).all()
