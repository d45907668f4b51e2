"""Nodes that put adapters into models."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from heddle.graph.errors import GraphError, WeightsError
from heddle.samplers.conditions import Call
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes.loaders.adapters import load_hypernetwork, load_lora, load_lora_into_model, put_trained_lora
from nodes.merging.saving import save_trained_lora
from tests.model_management import tiny
from tests.nodes.fake_context import FakeContext

UNET_LAYER = "lora_unet_mid_block_attentions_0_proj_in"
TEXT_LAYER = "lora_te_text_model_encoder_layers_0_mlp_fc1"


@pytest.fixture
def opened(tmp_path: Path) -> OpenedCheckpoint:
    return open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors"), FAMILIES)


@pytest.fixture
def ctx(tmp_path: Path) -> FakeContext:
    folder = tmp_path / "models" / "loras"
    folder.mkdir(parents=True)
    tensors = {
        f"{UNET_LAYER}.diff": torch.ones(64, 64, 1, 1),
        f"{TEXT_LAYER}.diff": torch.ones(80, 64),
        "strange.key": torch.ones(1),
    }
    save_file(tensors, folder / "style.safetensors")
    save_file({"strange.key": torch.ones(1)}, folder / "strange.safetensors")
    return FakeContext(tmp_path)


def test_an_adapter_goes_into_both_at_their_strengths(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    model, clip = load_lora(opened.model, opened.clip, "style.safetensors", 0.5, -1.0, ctx=ctx)
    assert [(name, patch.strength) for name, patch in model.patches] == [("style.safetensors", 0.5)]
    assert [(name, patch.strength) for name, patch in clip.encoders[0].patches] == [("style.safetensors", -1.0)]
    assert not opened.model.patches and not opened.clip.encoders[0].patches
    assert ctx.notes == ["style.safetensors: 2 of 3 keys match; not: strange.key"]


def test_a_strength_of_nought_leaves_its_part_alone(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    model, clip = load_lora(opened.model, opened.clip, "style.safetensors", 0, 1.0, ctx=ctx)
    assert not model.patches and clip.encoders[0].patches
    assert load_lora(opened.model, opened.clip, "strange.safetensors", 0, 0, ctx=ctx) == (opened.model, opened.clip)


def test_the_model_alone_can_have_one(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    model = load_lora_into_model(opened.model, "style.safetensors", 2.0, ctx=ctx)
    assert model.patches[0][1].strength == 2
    assert load_lora_into_model(opened.model, "style.safetensors", 0, ctx=ctx) is opened.model


def test_a_file_that_fits_nothing_is_refused(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    with pytest.raises(WeightsError, match=r"strange\.safetensors fits nothing"):
        load_lora(opened.model, opened.clip, "strange.safetensors", ctx=ctx)


def test_a_hypernetwork_changes_what_the_model_guesses(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "hypernetworks"
    folder.mkdir(parents=True)
    net = {"linear.0.weight": torch.eye(64), "linear.0.bias": torch.ones(64)}
    torch.save({64: [net, net], 768: [{"linear.0.weight": torch.eye(768)}] * 2}, folder / "h.pt")
    ctx = FakeContext(tmp_path)
    model = load_hypernetwork(opened.model, "h.pt", 0.5, ctx=ctx)
    assert ctx.notes == ["h.pt: nets of 1 of 2 widths match (64)"]
    weights = Weights(torch.device("cpu"))
    x, sigma = torch.randn(1, 4, 8, 8), torch.tensor(5.0)
    call = Call({"context": torch.randn(1, 7, 64)})
    with torch.inference_mode(), weights.hold(model) as net:
        plain, changed = (denoiser_for(each, net)(x, sigma, call) for each in (opened.model, model))
        again = denoiser_for(load_hypernetwork(model, "h.pt", 0, ctx=ctx), net)(x, sigma, call)
    assert not torch.allclose(plain, changed, atol=1e-4)
    assert torch.equal(changed, again)


def test_a_hypernetwork_of_other_widths_is_refused(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "hypernetworks"
    folder.mkdir(parents=True)
    torch.save({768: [{"linear.0.weight": torch.eye(768)}] * 2}, folder / "h.pt")
    with pytest.raises(WeightsError, match=r"h\.pt has nets of the widths 768, but this model has 32, 64"):
        load_hypernetwork(opened.model, "h.pt", ctx=FakeContext(tmp_path))
    with pytest.raises(WeightsError, match="changes what the attention of a UNet reads"):
        load_hypernetwork(replace(opened.model, config=object()), "h.pt", ctx=FakeContext(tmp_path))


def trained() -> dict[str, torch.Tensor]:
    """As nodes that train give it: halves beside whole numbers, one of them needing a gradient."""
    layer = "diffusion_model.middle_block.1.proj_in"
    return {
        f"{layer}.lora_up.weight": torch.full((64, 2, 1, 1), 0.5).half(),
        f"{layer}.lora_down.weight": torch.ones(2, 64, 1, 1).half(),
        f"{layer}.alpha": torch.tensor(1.0, requires_grad=True),
    }


def test_an_adapter_that_lies_in_no_file_changes_a_model_as_its_file_would(
    opened: OpenedCheckpoint, ctx: FakeContext
) -> None:
    model = put_trained_lora(opened.model, trained(), 2.0, ctx=ctx)
    assert ctx.notes[0].endswith(".safetensors: 3 of 3 keys match")
    weights = Weights(torch.device("cpu"))
    name = "middle_block.1.proj_in.weight"
    with weights.hold(opened.model) as before, weights.hold(model) as after:
        change = after.get_parameter(name) - before.get_parameter(name)
        torch.testing.assert_close(change, torch.ones(64, 64, 1, 1))
    written = list(ctx.folders.temp.iterdir())
    again = put_trained_lora(opened.model, trained(), 2.0, ctx=ctx)
    assert again.patches[0][1].key == model.patches[0][1].key
    assert list(ctx.folders.temp.iterdir()) == written
    assert put_trained_lora(opened.model, trained(), 0, ctx=ctx) is opened.model


def test_what_is_no_adapter_is_refused(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    with pytest.raises(GraphError, match="lora: str came, but a table of tensors"):
        put_trained_lora(opened.model, "style", ctx=ctx)
    with pytest.raises(GraphError, match="lora: an empty table came"):
        save_trained_lora({}, ctx=ctx)
    with pytest.raises(GraphError, match="lora: dict came"):
        put_trained_lora(opened.model, {"a": 3}, ctx=ctx)
    with pytest.raises(WeightsError, match="fits nothing of this model"):
        put_trained_lora(opened.model, {"strange.lora_up.weight": torch.ones(2, 2)}, ctx=ctx)


def test_a_trained_adapter_is_written_and_loads_again(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    for steps, name in ((None, "mine_00001_.safetensors"), (40, "mine_40_steps_00001_.safetensors")):
        shown = save_trained_lora(trained(), "loras/mine", steps=steps, ctx=ctx)
        assert shown.ui["files"] == [{"filename": name, "subfolder": "loras", "type": "output"}]
        path = ctx.folders.root("output") / "loras" / name
        path.rename(ctx.folders.models("loras")[0] / name)
        assert load_lora_into_model(opened.model, name, ctx=ctx).patches
        assert ctx.notes[-1] == f"{name}: 3 of 3 keys match"
