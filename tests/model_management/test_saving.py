"""Nets written into files, in layouts that put several of a net's tensors into one."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save_file

from model_management.adapter_files import open_adapter, put_adapter
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.saving import checkpoint_parts, safetensors_pieces
from tests.model_management import tiny, tiny_xl

#: Of published checkpoints, what no net reads from a file.
UNREAD = {"position_ids", "logit_scale", "attn_mask"}


@pytest.mark.parametrize("name", ["sdxl", "sd21", "sdxl_refiner"])
def test_a_checkpoint_is_written_as_it_came(tmp_path: Path, name: str) -> None:
    tensors = tiny_xl.tensors_of(name)
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)
    got = load(b"".join(safetensors_pieces(checkpoint_parts(*opened), {})))
    assert {key for key in tensors.keys() - got.keys() if key.split(".")[-1] not in UNREAD} == set()
    assert all(torch.equal(tensor, tensors[key]) for key, tensor in got.items())


def test_an_adapter_reaches_its_rows_of_a_fused_tensor(tmp_path: Path) -> None:
    tensors = tiny_xl.tensors_of("sdxl")
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)
    prefix = tiny_xl.OPEN_CLIP["sdxl"]
    fused = f"{prefix}transformer.resblocks.0.attn.in_proj_weight"
    width = tensors[fused].shape[1]
    layers = {
        "lora_te1_text_model_encoder_layers_0_self_attn_k_proj": tiny.TEXT.width,
        "lora_te2_text_model_encoder_layers_0_self_attn_k_proj": width,
    }
    save_file({f"{layer}.diff": torch.ones(size, size) for layer, size in layers.items()}, tmp_path / "a.safetensors")
    clip = put_adapter(open_adapter(tmp_path / "a.safetensors"), None, opened.clip).clip
    assert clip is not None
    got = load(b"".join(safetensors_pieces(checkpoint_parts(opened.model, clip, opened.vae), {})))
    changed = {key for key, tensor in got.items() if not torch.equal(tensor, tensors[key])}
    assert changed == {f"{tiny_xl.CLIP_L}text_model.encoder.layers.0.self_attn.k_proj.weight", fused}
    difference = (got[fused].float() - tensors[fused].float()).chunk(3)
    torch.testing.assert_close(difference[1], torch.ones(width, width), atol=1e-2, rtol=0)
    assert not difference[0].any() and not difference[2].any()
