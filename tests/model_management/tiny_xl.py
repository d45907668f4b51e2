"""Checkpoints of the layouts of Stable Diffusion 2, XL and its refiner, small enough to write in a test."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, UNetConfig
from tests.model_management import tiny

L_WIDTH, G_WIDTH, LAYERS, VOCABULARY, POSITIONS = 64, 128, 3, 40, 10
PROJECTED = 48

UNETS = {
    "sd21": UNetConfig((64, 64), (1, 1), (1, 0), 1, G_WIDTH, time_width=96, head_width=64, linear_projections=True),
    "sdxl": UNetConfig(
        (64, 64), (1, 1), (0, 2), 1, L_WIDTH + G_WIDTH, time_width=96, head_width=64, linear_projections=True,
        vector_width=PROJECTED + 6 * 256,
    ),
    "sdxl_refiner": UNetConfig(
        (64, 64), (1, 1), (0, 1), 1, G_WIDTH, time_width=96, head_width=64, linear_projections=True,
        vector_width=PROJECTED + 5 * 256,
    ),
}  # fmt: skip
UNETS["sd21_inpainting"] = replace(UNETS["sd21"], in_channels=9)
UNETS["sd21_unclip"] = replace(UNETS["sd21"], vector_width=2 * PROJECTED)

OPEN_CLIP = {
    "sd21": "cond_stage_model.model.",
    "sd21_inpainting": "cond_stage_model.model.",
    "sd21_unclip": "cond_stage_model.model.",
    "sdxl": "conditioner.embedders.1.model.",
    "sdxl_refiner": "conditioner.embedders.0.model.",
}
CLIP_L = "conditioner.embedders.0.transformer."
UNET = tiny.PREFIXES["unet"]


def open_clip_tensors(width: int = G_WIDTH, vocabulary: int = VOCABULARY, positions: int = POSITIONS):
    """A text encoder by OpenCLIP's names."""
    random = torch.Generator().manual_seed(3)

    def draw(*shape: int, std: float = 0.2, mean: float = 0.0) -> Tensor:
        return torch.randn(shape, generator=random) * std + mean

    tensors = {
        "token_embedding.weight": draw(vocabulary, width),
        "positional_embedding": draw(positions, width),
        "ln_final.weight": draw(width, mean=1.0),
        "ln_final.bias": draw(width),
        "text_projection": draw(width, PROJECTED),
        "logit_scale": torch.tensor(4.6),
    }
    for number in range(LAYERS):
        layer = f"transformer.resblocks.{number}."
        for norm in ("ln_1", "ln_2"):
            tensors |= {f"{layer}{norm}.weight": draw(width, mean=1.0), f"{layer}{norm}.bias": draw(width)}
        sizes = {"attn.out_proj": (width, width), "mlp.c_fc": (96, width), "mlp.c_proj": (width, 96)}
        for name, (rows, columns) in sizes.items():
            tensors |= {f"{layer}{name}.weight": draw(rows, columns), f"{layer}{name}.bias": draw(rows)}
        tensors[f"{layer}attn.in_proj_weight"] = draw(3 * width, width)
        tensors[f"{layer}attn.in_proj_bias"] = draw(3 * width)
    return {name: tensor.half() for name, tensor in tensors.items()}


def unet_tensors(config: UNetConfig) -> dict[str, Tensor]:
    return {name: each.half() for name, each in UNet(config, TRAINABLE).state_dict().items()}


def tensors_of(family: str, vocabulary: int = VOCABULARY, positions: int = POSITIONS) -> dict[str, Tensor]:
    """A whole checkpoint of one of `UNETS`."""
    torch.manual_seed(1)
    tensors = {name: tensor for name, tensor in tiny.tiny_tensors().items() if name.startswith("first_stage_model.")}
    tensors |= {UNET + name: each for name, each in unet_tensors(UNETS[family]).items()}
    encoder = open_clip_tensors(vocabulary=vocabulary, positions=positions)
    tensors |= {OPEN_CLIP[family] + name: each for name, each in encoder.items()}
    if family == "sdxl":
        config = replace(tiny.TEXT, layers=LAYERS, vocabulary=vocabulary, positions=positions)
        tensors |= {CLIP_L + name: each for name, each in tiny.clip_tensors(config).items()}
    return tensors


def below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What lies behind a prefix, in float32."""
    return {name.removeprefix(prefix): each.float() for name, each in tensors.items() if name.startswith(prefix)}
