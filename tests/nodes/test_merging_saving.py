"""Nodes that write models into files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from heddle.graph.errors import Cancelled, WeightsError
from heddle.graph.results import Shown
from model_management.adapter_files import open_adapter, put_adapter
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint, open_network, open_vae
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes.merging.saving import save_checkpoint, save_clip, save_model, save_vae
from tests.model_management import tiny
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
        assert file.metadata() == {"prompt": json.dumps({"1": 2}), "workflow": "{}"}


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


def test_other_text_encoders_than_the_familys_are_refused(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    encoder = opened.clip.encoders[0]
    other = replace(opened.clip, encoders=(replace(encoder, part=replace(encoder.part, name="g")),))
    with pytest.raises(WeightsError, match="holds the text encoders l, but these are g"):
        save_checkpoint(opened.model, other, opened.vae, ctx=FakeContext(tmp_path))
