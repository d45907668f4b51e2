"""Nodes that write models into files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from heddle.graph.errors import Cancelled, GraphError, WeightsError
from heddle.graph.results import Shown
from heddle.samplers.noise_schedules import ContinuousEdm, scaled_linear
from heddle.samplers.predictions import Epsilon, Velocity
from model_management.adapter_files import open_adapter, put_adapter
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint, open_network, open_vae
from model_management.families.known import FAMILIES
from model_management.families.sd21.family import TELLING
from model_management.merged_weights import merge_clips, merge_models
from model_management.prompt_tokens import tokenize_for
from model_management.weights import Weights
from nodes.merging.saving import save_checkpoint, save_clip, save_lora, save_model, save_vae
from tests.heddle.prompts.tables import trained_pieces
from tests.model_management import tiny, tiny_transformers, tiny_xl
from tests.nodes.fake_context import FakeContext

LAYER = "model.diffusion_model.middle_block.1.proj_in.weight"


@pytest.fixture
def opened(tmp_path: Path) -> OpenedCheckpoint:
    return open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors"), FAMILIES)


def path_of(shown: Shown, base: Path, number: int = 0) -> Path:
    entry: Any = shown.ui["files"][number]
    return base / "output" / entry["subfolder"] / entry["filename"]


def test_a_saved_checkpoint_is_the_one_that_was_opened(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    texts: dict[str, Any] = {"prompt": {"1": 2}, "extra_pnginfo": {"workflow": {}}}
    shown = save_checkpoint(opened.model, opened.clip, opened.vae, "a/b", **texts, ctx=FakeContext(tmp_path))
    path = path_of(shown, tmp_path)
    assert path.relative_to(tmp_path).as_posix() == "output/a/b_00001_.safetensors"
    want, got = load_file(tmp_path / "m.safetensors"), load_file(path)
    assert want.keys() - got.keys() == {"cond_stage_model.transformer.text_model.embeddings.position_ids"}
    assert all(torch.equal(tensor, want[name]) and tensor.dtype == want[name].dtype for name, tensor in got.items())
    with safe_open(path, "pt") as file:
        told = {"modelspec.prediction_type": "epsilon"}
        assert file.metadata() == {"prompt": json.dumps({"1": 2}), "workflow": "{}", **told}


EDM = Velocity(ContinuousEdm(0.01, 120.0))
V, V_TO_NOISE = (Velocity(scaled_linear(0.00085, 0.012, zero_terminal_snr=each)) for each in (False, True))


@pytest.mark.parametrize(
    ("family", "predicts"),
    [
        *(("sdxl", each) for each in (Epsilon(V.schedule), V, V_TO_NOISE, EDM)),
        ("sd21", Epsilon(V.schedule)),
        ("sd21", V),
    ],
)
def test_what_a_saved_model_predicts_is_said_in_its_file(tmp_path: Path, predicts: Epsilon, family: str) -> None:
    content = {**tiny_xl.tensors_of(family)}
    if family == "sd21":  # weights that show the other of the two
        spread = 0.01 if type(predicts) is Velocity else 0.5
        content[tiny_xl.UNET + TELLING] = torch.randn(4096, generator=torch.manual_seed(1)) * spread
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", content), FAMILIES)
    model = replace(opened.model, predicts=predicts)
    path = path_of(save_checkpoint(model, opened.clip, opened.vae, ctx=FakeContext(tmp_path)), tmp_path)
    again = open_checkpoint(path, FAMILIES).model.predicts
    assert type(again) is type(predicts)
    for end in ("sigma_min", "sigma_max"):
        assert getattr(again.schedule, end) == pytest.approx(getattr(predicts.schedule, end))


def test_playgrounds_latents_are_said_in_a_saved_file(tmp_path: Path) -> None:
    marks = {"edm_mean": torch.tensor([1.0, 2, 3, 4]), "edm_std": torch.tensor([5.0, 6, 7, 8])}
    content = {**tiny_xl.tensors_of("sdxl"), **marks}
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", content), FAMILIES)
    path = path_of(save_checkpoint(*opened, ctx=FakeContext(tmp_path)), tmp_path)
    assert open_checkpoint(path, FAMILIES).model.latent == opened.model.latent
    with safe_open(path, "pt") as file:
        assert torch.equal(file.get_tensor("edm_std"), marks["edm_std"])


def test_what_was_put_in_is_worked_in(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    save_file({"lora_unet_mid_block_attentions_0_proj_in.diff": torch.ones(64, 64, 1, 1)}, tmp_path / "a.safetensors")
    model = put_adapter(open_adapter(tmp_path / "a.safetensors"), opened.model, None, 0.5).model
    assert model is not None
    path = path_of(save_model(model, ctx=FakeContext(tmp_path)), tmp_path)
    was, now = load_file(tmp_path / "m.safetensors"), load_file(path)
    assert torch.equal(now[LAYER], (was[LAYER].float() + 0.5).half())
    assert all(torch.equal(tensor, was[name]) for name, tensor in now.items() if name != LAYER)
    weights = Weights(torch.device("cpu"))
    with weights.hold(model) as net, weights.hold(open_network(path, FAMILIES)) as again:
        name = LAYER.removeprefix("model.diffusion_model.")
        torch.testing.assert_close(net.state_dict()[name], again.state_dict()[name], atol=1e-3, rtol=1e-3)


def test_parts_alone_load_again(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    ctx, weights = FakeContext(tmp_path), Weights(torch.device("cpu"))
    vae = open_vae(path_of(save_vae(opened.vae, ctx=ctx), tmp_path))
    with weights.hold(opened.vae) as net, weights.hold(vae) as again:
        assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in net.state_dict().items())
    text = load_file(path_of(save_clip(opened.clip, ctx=ctx), tmp_path))
    want = tiny.part_of(load_file(tmp_path / "m.safetensors"), "text")
    assert all(torch.equal(tensor.float(), want[name]) for name, tensor in text.items())
    assert "text_model.encoder.layers.1.mlp.fc2.weight" in text


def test_a_cancelled_save_leaves_nothing(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path, cancel_after=0)
    with pytest.raises(Cancelled):
        save_model(opened.model, ctx=ctx)
    assert [path for path in (tmp_path / "output").rglob("*") if path.is_file()] == []


def test_files_are_numbered(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path)
    names = [save_vae(opened.vae, "v", ctx=ctx).ui["files"][0]["filename"] for _ in range(2)]
    assert names == ["v_00001_.safetensors", "v_00002_.safetensors"]


@pytest.mark.parametrize("encoders", [("l", "g"), ("g",)])
def test_a_checkpoint_without_an_encoder_that_it_may_lack_is_saved_without_it(encoders, tmp_path: Path) -> None:
    tensors = tiny_transformers.sd3_tensors(*encoders)
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "sd3.safetensors", tensors), FAMILIES)
    shown = save_checkpoint(opened.model, opened.clip, opened.vae, "c", ctx=FakeContext(tmp_path))
    got = load_file(path_of(shown, tmp_path))
    unread = {name.rpartition(".transformer.")[2] for name in set(tensors) - set(got)}
    assert unread <= {"text_model.embeddings.position_ids", "text_projection.weight"}
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in got.items())
    clip: Any = open_checkpoint(path_of(shown, tmp_path), FAMILIES).clip
    assert tuple(each.part.name for each in clip.encoders) == encoders


@pytest.mark.parametrize("place", ["text_encoders.pile_t5xl.transformer.", "text_encoders.pile_t5xl.", ""])
def test_a_tokenizer_among_the_weights_is_saved_with_its_encoder(place: str, tmp_path: Path) -> None:
    pieces = torch.frombuffer(bytearray(trained_pieces("unigram")), dtype=torch.uint8)
    tensors = {**tiny_transformers.auraflow_tensors(), f"{place}spiece_model": pieces}
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "aura.safetensors", tensors), FAMILIES)
    ctx = FakeContext(tmp_path)
    whole = path_of(save_checkpoint(opened.model, opened.clip, opened.vae, "c", ctx=ctx), tmp_path)
    assert torch.equal(load_file(whole)["text_encoders.pile_t5xl.transformer.spiece_model"], pieces)
    again: Any = open_checkpoint(whole, FAMILIES).clip
    assert tokenize_for(again, "a cat", []) == tokenize_for(opened.clip, "a cat", [])
    assert torch.equal(load_file(path_of(save_clip(opened.clip, ctx=ctx), tmp_path))["spiece_model"], pieces)


def test_a_whole_model_in_a_differences_place_is_told(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path)
    save_lora("l", 2, "standard", True, model_diff=opened.model, text_encoder_diff=opened.clip, ctx=ctx)
    assert [note.split(",")[0] for note in ctx.notes] == [
        "model_diff is a model as it was loaded",
        "text_encoder_diff is a CLIP as it was loaded",
    ]
    ctx.notes.clear()
    save_lora("l", 2, "standard", True, model_diff=merge_models(opened.model, opened.model, "subtract"), ctx=ctx)
    assert ctx.notes == []


def test_other_text_encoders_than_the_familys_are_refused(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    encoder = opened.clip.encoders[0]
    other = replace(opened.clip, encoders=(replace(encoder, part=replace(encoder.part, name="g")),))
    with pytest.raises(WeightsError, match="holds the text encoders l, but these are g"):
        save_checkpoint(opened.model, other, opened.vae, ctx=FakeContext(tmp_path))


@pytest.mark.parametrize(("kind", "rank"), [("standard", 10_000), ("full_diff", 1)])
def test_an_extracted_difference_makes_one_model_the_other(
    opened: OpenedCheckpoint, tmp_path: Path, kind: str, rank: int
) -> None:
    generator = torch.Generator().manual_seed(5)
    tensors = {
        name: tensor + 0.1 * torch.randn(tensor.shape, generator=generator) if tensor.is_floating_point() else tensor
        for name, tensor in tiny.tiny_tensors(torch.float32).items()
    }
    other = open_checkpoint(tiny.write_checkpoint(tmp_path / "other.safetensors", tensors), FAMILIES)
    difference = merge_models(other.model, opened.model, "subtract")
    texts = merge_clips(other.clip, opened.clip, "subtract")
    shown = save_lora("l", rank, kind, True, model_diff=difference, text_encoder_diff=texts, ctx=FakeContext(tmp_path))
    model, clip, report = put_adapter(open_adapter(path_of(shown, tmp_path)), opened.model, opened.clip)
    assert model is not None and clip is not None and report.unmatched == ()
    weights = Weights(torch.device("cpu"))
    for made, wanted in ((model, other.model), (clip.encoders[0], other.clip.encoders[0])):
        with weights.hold(made) as net, weights.hold(wanted) as want:
            for name, tensor in net.state_dict().items():
                torch.testing.assert_close(tensor, want.state_dict()[name], atol=2e-3, rtol=2e-3)


def test_an_extraction_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="connect model_diff or text_encoder_diff"):
        save_lora("l", 8, "standard", True, ctx=FakeContext(tmp_path))
