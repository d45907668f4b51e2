"""Names of `comfy_extras` that packs import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from comfy_extras import nodes_upscale_model
from comfy_extras.nodes_upscale_model import ImageUpscaleWithModel, UpscaleModelLoader
from tests.model_management.upscalers import open_small


def test_packs_upscale_by_the_class_in_either_generations_way(tmp_path: Path) -> None:
    model, image = open_small("Compact", tmp_path), torch.rand(1, 5, 6, 3)
    upscaler: Any = ImageUpscaleWithModel
    made = [
        upscaler().upscale(model, image)[0],
        upscaler.execute(model, image)[0],
        upscaler().execute(upscale_model=model, image=image)[0],
    ]
    assert [each.shape for each in made] == [(1, 20, 24, 3)] * 3
    assert torch.equal(made[0], made[1]) and torch.equal(made[0], made[2])
    assert list(upscaler.INPUT_TYPES()["required"]) == ["upscale_model", "image"]
    assert hasattr(UpscaleModelLoader, "load_model") and ImageUpscaleWithModel is upscaler


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="made_up"):
        getattr(nodes_upscale_model, "made_up")  # noqa: B009 - what an import of it does
