"""Vision encoders: their files, and what is done to images before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.networks.clip_vision import ClipVision, ClipVisionConfig
from heddle.networks.ops import TRAINABLE
from model_management.vision import CLIP_COLOURS, open_clip_vision, prepare
from model_management.weights import Weights
from nodes.conditioning.vision import encode
from tests.nodes.fake_context import FakeContext

CONFIG = ClipVisionConfig(128, 2, 40, 2, patch_px=4, image_px=12, quick_gate=True, projection_width=7)
CPU = torch.device("cpu")


def tensors_of(config: ClipVisionConfig = CONFIG) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {name: tensor.contiguous() for name, tensor in ClipVision(config, TRAINABLE).state_dict().items()}


def written(path: Path, tensors: dict[str, Tensor]) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def in_open_clip(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights as OpenCLIP lays them out."""
    plain = {
        "vision_model.embeddings.class_embedding": "class_embedding",
        "vision_model.embeddings.patch_embedding.weight": "conv1.weight",
        "vision_model.embeddings.position_embedding.weight": "positional_embedding",
        **{f"vision_model.pre_layrnorm.{kind}": f"ln_pre.{kind}" for kind in ("weight", "bias")},
        **{f"vision_model.post_layernorm.{kind}": f"ln_post.{kind}" for kind in ("weight", "bias")},
    }
    made = {theirs: tensors[ours] for ours, theirs in plain.items()}
    made["proj"] = tensors["visual_projection.weight"].T
    for number in range(2):
        ours, theirs = f"vision_model.encoder.layers.{number}", f"transformer.resblocks.{number}"
        for kind in ("weight", "bias"):
            qkv = [tensors[f"{ours}.self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            made[f"{theirs}.attn.in_proj_{kind}"] = torch.cat(qkv)
            made[f"{theirs}.attn.out_proj.{kind}"] = tensors[f"{ours}.self_attn.out_proj.{kind}"]
            for mine, its in (("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc")):
                made[f"{theirs}.{its}.{kind}"] = tensors[f"{ours}.{mine}.{kind}"]
            made[f"{theirs}.mlp.c_proj.{kind}"] = tensors[f"{ours}.mlp.fc2.{kind}"]
    return {f"visual.{name}": tensor for name, tensor in made.items()}


@pytest.mark.parametrize("layout", ["transformers", "open_clip"])
def test_both_layouts_load(tmp_path: Path, layout: str) -> None:
    wanted = tensors_of()
    opened = open_clip_vision(
        written(tmp_path / "v.safetensors", wanted if layout == "transformers" else in_open_clip(wanted))
    )
    assert opened.config == CONFIG
    with Weights(CPU).hold(opened) as net:
        found = net.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_siglip_is_told_by_what_it_lacks(tmp_path: Path) -> None:
    config = ClipVisionConfig(128, 2, 40, 2, patch_px=4, image_px=12, is_siglip=True)
    assert open_clip_vision(written(tmp_path / "s.safetensors", tensors_of(config))).config == config


@pytest.mark.parametrize(("width", "heads", "quick"), [(768, 12, True), (1024, 16, True), (1280, 16, False)])
def test_heads_and_gate_follow_the_published_widths(tmp_path: Path, width: int, heads: int, quick: bool) -> None:
    config = ClipVisionConfig(width, 1, 8, heads, patch_px=14, image_px=14, quick_gate=quick, projection_width=4)
    assert open_clip_vision(written(tmp_path / "w.safetensors", tensors_of(config))).config == config


def test_siglip_is_shown_384_pixels_of_which_its_patches_leave_6(tmp_path: Path) -> None:
    config = ClipVisionConfig(64, 1, 8, 1, patch_px=14, image_px=384, is_siglip=True)
    opened = open_clip_vision(written(tmp_path / "s.safetensors", tensors_of(config)))
    assert opened.config == config and opened.config.positions == 729
    output = encode(opened, torch.rand(1, 400, 500, 3), "center", FakeContext(weights=Weights(CPU)))
    assert output.last_hidden_state.shape == (1, 729, 64)


def test_what_is_no_vision_encoder_is_refused(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match=r"no vision encoder known here.*first_stage_model"):
        open_clip_vision(checkpoint)


def unit(pixels: Tensor) -> Tensor:
    mean, std = (torch.tensor(each)[:, None, None] for each in CLIP_COLOURS)
    return pixels * std + mean


def test_images_are_rounded_to_bytes_and_normalised() -> None:
    image = torch.tensor([0.2501, 0.5, 1.3]).expand(1, 12, 12, 3)
    got = unit(prepare(image, CONFIG, is_cropped=True))
    torch.testing.assert_close(got[0, :, 0, 0], torch.tensor([64 / 255, 128 / 255, 1.0]))


def test_the_middle_is_kept_or_the_whole_is_stretched() -> None:
    image = torch.zeros(1, 12, 36, 4)
    image[:, :, 12:24] = 1
    assert (unit(prepare(image, CONFIG, is_cropped=True)) - 1).abs().max() < 1e-6
    stretched = unit(prepare(image, CONFIG, is_cropped=False))
    assert stretched.shape == (1, 3, 12, 12)
    torch.testing.assert_close(stretched.mean(), torch.tensor(1 / 3), rtol=0, atol=2e-2)


def test_the_node_gives_what_packs_read(tmp_path: Path) -> None:
    opened = open_clip_vision(written(tmp_path / "v.safetensors", tensors_of()))
    output = encode(opened, torch.rand(2, 20, 16, 3), "center", FakeContext(weights=Weights(CPU)))
    assert output.last_hidden_state.shape == output.penultimate_hidden_states.shape == (2, 10, 128)
    assert output.image_embeds.shape == (2, 7)
    assert output["image_embeds"] is output.image_embeds
