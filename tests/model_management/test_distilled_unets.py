"""Distilled networks of XL's layout from diffusers' files, against what diffusers makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from heddle.networks.unet import UNetConfig
from model_management.checkpoint import open_network
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from tests.model_management import tiny
from tests.oracles import diffusers

POOLED = 16
BASE = {
    "block_out_channels": (64, 64, 128),
    "attention_head_dim": (1, 1, 2),  # diffusers' word for the number of heads
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": POOLED + 6 * 256,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
}
#: The blocks of the published ones, as their configurations have them, and what is read off their headers.
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "base": ({"transformer_layers_per_block": (1, 2, 3)}, {"depths": (0, 2, 3), "middle_depth": 3}),
    "ssd_1b": (
        {
            "transformer_layers_per_block": (1, 2, 4),
            "reverse_transformer_layers_per_block": ((4, 4, 5), (2, 1, 1), 1),
            "mid_block_type": "UNetMidBlock2D",
        },
        {"depths": (0, 2, 4), "up_depths": (0, (2, 1, 1), (4, 4, 5)), "middle_depth": 0},
    ),
    "vega": (
        {"transformer_layers_per_block": (1, 1, 2), "mid_block_type": "UNetMidBlock2D"},
        {"depths": (0, 1, 2), "middle_depth": 0},
    ),
    "koala": (
        {"layers_per_block": 1, "transformer_layers_per_block": (1, 2, 3), "mid_block_type": None},
        {"blocks": (1, 1, 1), "depths": (0, 2, 3), "middle_depth": None},
    ),
}


def embedded(numbers: torch.Tensor) -> torch.Tensor:
    """[B, n] -> [B, n * 256]."""
    angles = numbers[..., None] / 10000 ** (torch.arange(128) / 128)
    return torch.cat([angles.cos(), angles.sin()], -1).flatten(1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_distilled_xl_network_computes_what_diffusers_does(tmp_path: Path, kind: str) -> None:
    theirs, ours = KINDS[kind]
    torch.manual_seed(0)
    net = diffusers().UNet2DConditionModel(**BASE, **theirs).eval()
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", dict(net.state_dict()))
    model = open_network(path, FAMILIES)
    assert model.family.name == "sdxl"
    read = {"blocks": (2, 2, 2), **ours}
    wanted = UNetConfig(
        (64, 64, 128), **read, context_width=2048, head_width=64, time_width=256, linear_projections=True,
        vector_width=POOLED + 6 * 256,
    )  # fmt: skip
    assert model.config == wanted
    x, text, pooled = torch.randn(2, 4, 8, 12), torch.randn(2, 5, 2048), torch.randn(2, POOLED)
    sizes = torch.tensor([[512.0, 384, 0, 8, 512, 384], [64, 96, 1, 2, 3, 4]])
    times = torch.tensor([981.0, 3.0])
    with torch.inference_mode(), Weights(torch.device("cpu")).hold(model) as own:
        given = {"text_embeds": pooled, "time_ids": sizes}
        expected = net(x, times, text, added_cond_kwargs=given).sample
        found = own(x, times, text, vector=torch.cat([pooled, embedded(sizes)], -1))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
