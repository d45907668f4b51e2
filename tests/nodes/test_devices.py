"""Nets that run on the CPU beside a device. The device is torch's "meta", on which nothing can be computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes.conditioning.texts import encode_prompt
from nodes.devices.choosing import place_clip, place_model, place_vae, split_over_cards
from nodes.hooks.conditionings import set_properties
from nodes.hooks.creating import hook_lora
from nodes.loaders.adapters import load_lora
from tests.nodes.fake_context import FakeContext
from tests.nodes.hook_runs import sample, write_models


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def opened(base: Path) -> OpenedCheckpoint:
    return open_checkpoint(base / "models/checkpoints/tiny.safetensors", FAMILIES)


def test_a_run_on_the_cpu_beside_a_device_is_one_on_the_cpu(opened: OpenedCheckpoint, base: Path) -> None:
    ctx, beside = (FakeContext(base, Weights(torch.device(name))) for name in ("cpu", "meta"))
    hooks = hook_lora("b.safetensors", 1.0, 1.0, ctx=ctx)

    def run(there: FakeContext, model, clip):
        model, clip = load_lora(model, clip, "a.safetensors", ctx=there)
        positive, negative = (encode_prompt(words, clip, there) for words in ("a fox", "a hen"))
        return sample(model, there, set_properties(positive, 1.0, "default", hooks=hooks), negative)

    with torch.inference_mode():
        wanted = run(ctx, opened.model, opened.clip)
        placed = run(beside, place_model(opened.model, "cpu"), place_clip(opened.clip, "cpu"))
        assert torch.equal(placed, wanted)
        with pytest.raises(RuntimeError, match="meta"):
            run(beside, place_model(place_model(opened.model, "cpu"), "default"), place_clip(opened.clip, "cpu"))


def test_an_autoencoder_and_a_split_run_stay_where_they_are(opened: OpenedCheckpoint) -> None:
    ctx = FakeContext()
    assert place_vae(opened.vae, "default") is opened.vae
    assert split_over_cards(opened.model, 1, ctx) is opened.model
    assert ctx.notes == []
    assert split_over_cards(opened.model, 2, ctx) is opened.model
    assert ctx.notes == ["a worker computes on one device: this run is not split"]
