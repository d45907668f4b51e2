"""Diffusion transformers by the names of diffusers, held against its classes with the same random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from heddle.graph.errors import WeightsError
from heddle.networks.flux import FluxConfig
from model_management import stored_net as reading
from model_management.adapter_files import open_adapter, put_adapter
from model_management.checkpoint import in_diffusers, open_network, stored_net
from model_management.diffusers_transformers import places_in_diffusers
from model_management.families.flux.family import FLUX as FLUX_FAMILY
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.match_report import report_match
from model_management.saving import model_part, net_pieces
from model_management.weights import Weights
from tests.model_management import tiny
from tests.model_management.control_oracle import packed
from tests.model_management.test_family import header_of
from tests.oracles import diffusers

TEXT = torch.randn(2, 5, 24, generator=torch.Generator().manual_seed(1))
VECTOR = torch.randn(2, 20, generator=torch.Generator().manual_seed(2))
TIMES = torch.tensor([0.31, 0.04])
ROWS, COLUMNS = 4, 8  # AuraFlow puts an odd number of patches elsewhere into its table than diffusers does


def latent(channels: int = 16) -> Tensor:
    return torch.randn(2, channels, ROWS, COLUMNS, generator=torch.Generator().manual_seed(3))


def flux(net: nn.Module, x: Tensor, **given: Tensor | None) -> Tensor:
    """What diffusers' nets of FLUX.1's kind say of a latent and what is joined to it."""
    places = torch.zeros(ROWS // 2, COLUMNS // 2, 3)
    places[..., 1] += torch.arange(ROWS // 2)[:, None]
    places[..., 2] += torch.arange(COLUMNS // 2)[None]
    ids = {"img_ids": places.reshape(-1, 3), "txt_ids": torch.zeros(TEXT.shape[1], 3)}
    out = net(packed(x), encoder_hidden_states=TEXT, timestep=TIMES, return_dict=False, **ids, **given)[0]
    cut = out.reshape(2, ROWS // 2, COLUMNS // 2, 16, 2, 2)
    return cut.permute(0, 3, 1, 4, 2, 5).reshape(2, 16, ROWS, COLUMNS)


FLUX = {
    "num_layers": 2,
    "num_single_layers": 2,
    "attention_head_dim": 32,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
    "axes_dims_rope": (4, 14, 14),
}
DEV = {**FLUX, "pooled_projection_dim": 20, "patch_size": 1, "in_channels": 64, "guidance_embeds": True}
SD3 = {
    "sample_size": 16,
    "num_layers": 3,
    "attention_head_dim": 64,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
    "caption_projection_dim": 128,
    "pooled_projection_dim": 20,
    "pos_embed_max_size": 12,
    "in_channels": 16,
    "out_channels": 16,
}
GUIDANCE = torch.tensor([3.5, 1.0])


@dataclass(frozen=True)
class Case:
    """kind, config: of diffusers' class. family: what its file is told to be.

    ours: what our net takes beside latent, time and text. theirs: what the other says of the latent.
    """

    kind: str
    config: dict[str, Any]
    family: str
    ours: dict[str, Tensor]
    theirs: Callable[[Any, Tensor], Tensor]
    channels: int = 16
    times: Tensor = TIMES


def sd3(net: Any, x: Tensor) -> Tensor:
    return net(x, TEXT, VECTOR, 1000 * TIMES, return_dict=False)[0]


def told(net: Any, x: Tensor) -> Tensor:
    return flux(net, x, pooled_projections=VECTOR, guidance=GUIDANCE)


CASES = {
    "flux": Case("FluxTransformer2DModel", DEV, "flux", {"vector": VECTOR, "guidance": GUIDANCE}, told),
    "schnell": Case(
        "FluxTransformer2DModel",
        DEV | {"guidance_embeds": False},
        "flux",
        {"vector": VECTOR},
        lambda net, x: flux(net, x, pooled_projections=VECTOR),
    ),
    "fill": Case(
        "FluxTransformer2DModel",
        DEV | {"in_channels": 384, "out_channels": 64},
        "flux_fill",
        {"vector": VECTOR, "guidance": GUIDANCE},
        told,
        channels=96,
    ),
    "sd3": Case("SD3Transformer2DModel", SD3, "sd3", {"vector": VECTOR}, sd3, times=1000 * TIMES),
    "sd35_medium": Case(
        "SD3Transformer2DModel",
        SD3 | {"dual_attention_layers": (0, 1), "qk_norm": "rms_norm"},
        "sd3",
        {"vector": VECTOR},
        sd3,
        times=1000 * TIMES,
    ),
    "chroma": Case(
        "ChromaTransformer2DModel",
        # as deep as the published one, whose small net knows so many blocks
        FLUX
        | {"num_layers": 19, "num_single_layers": 38}
        | {"patch_size": 1, "in_channels": 64, "approximator_layers": 2, "approximator_hidden_dim": 40},
        "chroma",
        {},
        flux,
    ),
    "auraflow": Case(
        "AuraFlowTransformer2DModel",
        {
            "sample_size": 8,
            "in_channels": 4,
            "out_channels": 4,
            "num_mmdit_layers": 1,
            "num_single_dit_layers": 2,
            "attention_head_dim": 256,
            "num_attention_heads": 1,
            "joint_attention_dim": 24,
            "caption_projection_dim": 256,
            "pos_embed_max_size": 16,
        },
        "auraflow",
        {},
        lambda net, x: net(x, TEXT, TIMES, return_dict=False)[0],
        channels=4,
    ),
    "lumina2": Case(
        "Lumina2Transformer2DModel",
        {
            "hidden_size": 48,
            "num_layers": 3,
            "num_refiner_layers": 2,
            "num_attention_heads": 4,
            "num_kv_heads": 2,
            "multiple_of": 4,
            "axes_dim_rope": (4, 4, 4),
            "cap_feat_dim": 24,
        },
        "lumina2",
        {},
        # it counts time from noise to picture, and tells what leads that way
        lambda net, x: -net(x, 1 - TIMES, TEXT, torch.ones(2, 5, dtype=torch.bool), return_dict=False)[0],
    ),
}


def built(case: Case) -> nn.Module:
    net = getattr(diffusers(), case.kind)(**case.config)
    torch.manual_seed(0)
    for name, weight in net.named_parameters():
        nn.init.normal_(weight, mean=float("norm" in name and weight.ndim == 1), std=0.1)
    return net.eval()


def written(net: nn.Module, folder: Path) -> Path:
    return tiny.write_checkpoint(folder / "diffusion_pytorch_model.safetensors", net.state_dict())


@torch.no_grad()
def said(model: Model, case: Case) -> Tensor:
    with Weights(torch.device("cpu")).hold(model) as net:
        return net(latent(case.channels), case.times, context=TEXT, **case.ours)


@pytest.mark.parametrize("name", CASES)
def test_a_network_by_diffusers_names_computes_what_diffusers_computes(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    net = built(case)
    model = open_network(written(net, tmp_path), FAMILIES)
    assert model.family.name == case.family
    assert report_match([model.stored]).unmatched == ()
    with torch.no_grad():
        wanted = case.theirs(net, latent(case.channels))
    torch.testing.assert_close(said(model, case), wanted, atol=2e-5 * float(wanted.abs().max()), rtol=0)


def test_a_network_of_the_published_size_has_a_place_for_every_tensor() -> None:
    with torch.device("meta"):
        net = diffusers().FluxTransformer2DModel(guidance_embeds=True)
    header = header_of({name: list(tensor.shape) for name, tensor in net.state_dict().items()})
    stored = stored_net("network", header, in_diffusers(FLUX_FAMILY.network, places_in_diffusers(header)))
    assert stored.used_keys == set(header.tensors)
    assert stored.config == FluxConfig(3072, 128, 12288, 19, 38, 4096, 768)


def test_a_network_in_several_files_is_the_same_network(tmp_path: Path) -> None:
    case = CASES["flux"]
    net = built(case)
    path = written(net, tmp_path)
    shards = [f"diffusion_pytorch_model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    places: dict[str, str] = {}
    for number, shard in enumerate(shards):  # queries here, keys there
        part = dict(list(net.state_dict().items())[number::2])
        tiny.write_checkpoint(tmp_path / shard, part)
        places |= dict.fromkeys(part, shard)
    index = tmp_path / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    wanted = said(open_network(path, FAMILIES), case)
    for chosen in (index, tmp_path / shards[1]):
        assert torch.equal(said(open_network(chosen, FAMILIES), case), wanted)


def test_nothing_of_the_weights_is_read_to_tell_what_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for name in ("flux", "sd3"):
        (tmp_path / name).mkdir()
        paths.append(written(built(CASES[name]), tmp_path / name))

    def refuse(*given: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(reading, "open_tensors", refuse)
    assert [open_network(path, FAMILIES).family.name for path in paths] == ["flux", "sd3"]


@pytest.mark.parametrize("missing", ["attn.to_q.weight", "attn.to_v.weight", "proj_mlp.bias"])
def test_a_missing_part_of_a_tensor_is_named_as_the_file_would(tmp_path: Path, missing: str) -> None:
    tensors = built(CASES["flux"]).state_dict()
    name = f"single_transformer_blocks.1.{missing}"
    del tensors[name]
    with pytest.raises(WeightsError, match=f"the tensor {name} is missing"):
        open_network(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)


def test_a_part_of_another_shape_is_refused(tmp_path: Path) -> None:
    tensors = built(CASES["flux"]).state_dict()
    tensors["transformer_blocks.0.attn.to_k.weight"] = torch.zeros(64, 60)
    with pytest.raises(WeightsError, match=r"transformer_blocks\.0\.attn\.to_q\.weight has shape \[64, 60\]"):
        open_network(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)


def test_a_control_net_of_this_layout_is_no_network(tmp_path: Path) -> None:
    net = diffusers().FluxControlNetModel(**{**DEV, "num_single_layers": 0})
    with pytest.raises(WeightsError, match=r"looks like a ControlNet, .* load it with ControlNetLoader"):
        open_network(written(net, tmp_path), FAMILIES)


#: Layers that are whole here, a third of one, the last of one, and those with swapped halves.
ADAPTED = {
    "flux": (
        "context_embedder",
        "transformer_blocks.1.attn.to_k",
        "transformer_blocks.0.attn.add_v_proj",
        "transformer_blocks.1.norm1.linear",
        "single_transformer_blocks.0.attn.to_q",
        "single_transformer_blocks.1.proj_mlp",
        "single_transformer_blocks.1.proj_out",
        "norm_out.linear",
    ),
    "sd35_medium": (
        "context_embedder",
        "transformer_blocks.1.attn.to_k",
        "transformer_blocks.0.attn.add_v_proj",
        "transformer_blocks.1.attn2.to_q",
        "transformer_blocks.0.norm1_context.linear",
        "transformer_blocks.2.norm1_context.linear",
        "transformer_blocks.2.ff.net.0.proj",
        "norm_out.linear",
    ),
}


@pytest.mark.parametrize("name", ADAPTED)
def test_an_adapter_in_diffusers_names_changes_what_diffusers_would_change(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    net = built(case)
    model = open_network(written(net, tmp_path), FAMILIES)
    plain = said(model, case)
    tensors: dict[str, Tensor] = {}
    for layer in ADAPTED[name]:
        weight = net.get_parameter(f"{layer}.weight")
        down, up = torch.randn(2, weight.shape[1]), torch.randn(len(weight), 2) * 0.05
        tensors |= {f"transformer.{layer}.lora_A.weight": down, f"transformer.{layer}.lora_B.weight": up}
        weight.data += 0.7 * up @ down
    adapted = put_adapter(open_adapter(tiny.write_checkpoint(tmp_path / "l.safetensors", tensors)), model, None, 0.7)
    assert adapted.report.unmatched == ()
    assert adapted.model is not None
    found = said(adapted.model, case)
    with torch.no_grad():
        wanted = case.theirs(net, latent())
    torch.testing.assert_close(found, wanted, atol=2e-5 * float(wanted.abs().max()), rtol=0)
    assert not torch.allclose(found, plain, atol=1e-2)


def test_an_adapter_that_shows_the_network_a_picture_widens_it(tmp_path: Path) -> None:
    model = open_network(written(built(CASES["flux"]), tmp_path), FAMILIES)
    tensors = {
        "transformer.x_embedder.lora_A.weight": torch.randn(2, 128),
        "transformer.x_embedder.lora_B.weight": torch.randn(64, 2),
    }
    adapted = put_adapter(open_adapter(tiny.write_checkpoint(tmp_path / "l.safetensors", tensors)), model, None).model
    assert adapted is not None
    assert (model.config.in_channels, adapted.config.in_channels) == (16, 32)


@pytest.mark.parametrize("name", ["flux", "sd35_medium"])
def test_it_is_saved_as_the_published_files_are(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    model = open_network(written(built(case), tmp_path), FAMILIES)
    path = tmp_path / "saved.safetensors"
    path.write_bytes(b"".join(net_pieces([model_part(model)], {})))
    saved = open_network(path, FAMILIES)
    assert (saved.family.name, saved.config) == (case.family, model.config)
    assert saved.stored.part.prefix == model.family.network.prefix
    assert torch.equal(said(saved, case), said(model, case))
