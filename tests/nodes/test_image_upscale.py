"""Upscalers as nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from heddle.graph.errors import Cancelled
from model_management.weights import Weights
from nodes.image.upscale import fill_in_with_model, upscale_with_model
from nodes.loaders.upscalers import load_upscale_model
from tests.model_management.upscalers import weights_of
from tests.nodes.fake_context import FakeContext


def context(base: Path, architecture: str, cancel_after: int | None = None) -> FakeContext:
    folder = base / "models" / "upscale_models"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"params": weights_of(architecture)}, folder / "it.pth")
    return FakeContext(base, Weights(torch.device("cpu")), cancel_after)


def test_an_upscaler_is_loaded_by_its_name_and_makes_images_larger(tmp_path: Path) -> None:
    ctx = context(tmp_path, "ESRGAN")
    model = load_upscale_model("it.pth", ctx)
    assert model.scale == 2
    made = upscale_with_model(model, torch.rand(2, 9, 14, 3), ctx)
    assert made.shape == (2, 18, 28, 3) and made.dtype == torch.float32
    assert ctx.steps == [(1, 2), (2, 2)]


def test_a_person_can_stop_between_images(tmp_path: Path) -> None:
    ctx = context(tmp_path, "Compact", cancel_after=1)
    model = load_upscale_model("it.pth", ctx)
    with pytest.raises(Cancelled):
        upscale_with_model(model, torch.rand(3, 9, 14, 3), ctx)
    assert len(ctx.steps) == 1


def test_a_mask_of_another_size_is_resized_and_that_is_said(tmp_path: Path) -> None:
    ctx = context(tmp_path, "LaMa")
    image, mask = torch.rand(1, 32, 32, 3), torch.zeros(1, 16, 16)
    mask[:, :8] = 1
    made = fill_in_with_model(load_upscale_model("it.pth", ctx), image, mask, ctx)
    assert torch.equal(made[:, 18:], image[:, 18:]) and not torch.equal(made[:, :14], image[:, :14])
    assert "16 x 16" in ctx.notes[0]
