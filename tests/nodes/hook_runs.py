"""A tiny checkpoint with adapters beside it, for hooks to be made of, and runs of six steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.samplers.catalogue import SCHEDULERS
from model_management.handles import Model
from nodes.sampling.ksampler import ksampler, ksampler_advanced
from tests.tiny_checkpoint import write_tiny_checkpoint

EMPTY = {"samples": torch.zeros(1, 4, 6, 8)}
STEPS = 6

_QUERIES = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_q"
_OUT = "lora_unet_mid_block_attentions_0_proj_in"
_TEXT = "lora_te_text_model_encoder_layers_1_mlp_fc1"


def write_models(base: Path) -> Path:
    """Two checkpoints, "tiny" and "other", and adapters: "a" and "b" for both nets, "texts" and "model" for one, and
    "strange" (which speaks of texts) and "alien" for none. Returns the base directory."""
    folder = base / "models"
    for seed, name in enumerate(("tiny", "other")):
        write_tiny_checkpoint(folder / "checkpoints" / f"{name}.safetensors", seed)
    network = {f"{_QUERIES}.diff": _drawn(1, 64, 64), f"{_OUT}.diff": _drawn(2, 64, 64, 1, 1)}
    texts = {f"{_TEXT}.diff": _drawn(3, 128, 64)}
    files = {
        "a": network | texts,
        "b": {f"{_OUT}.diff": _drawn(4, 64, 64, 1, 1), f"{_TEXT}.diff": _drawn(5, 128, 64)},
        "model": network,
        "texts": texts,
        "strange": {"lora_te_strange_layer.diff": torch.ones(2, 2)},
        "alien": {"transformer.single_blocks.0.linear1.lora_A.weight": _drawn(6, 4, 8)},
    }
    (folder / "loras").mkdir(parents=True)
    for name, tensors in files.items():
        save_file(tensors, folder / "loras" / f"{name}.safetensors")
    return base


def _drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.3


class Side(NamedTuple):
    """What a run, or a half of one, goes by."""

    model: Model
    positive: list[Any]
    negative: list[Any]


def sample(model: Model, ctx: Any, positive: list[Any], negative: list[Any]) -> Tensor:
    return ksampler(model, 7, STEPS, 3.0, "euler", "normal", positive, negative, EMPTY, 1.0, ctx)["samples"]


def split(first: Side, second: Side, at: int, ctx: Any) -> Tensor:
    """A run that goes on by something else from a step on."""

    def part(side: Side, noise: str, latent: dict[str, Any], start: int, end: int, leftover: str) -> dict[str, Any]:
        settings = (noise, 7, STEPS, 3.0, "euler", "normal")
        return ksampler_advanced(side.model, *settings, side.positive, side.negative, latent, start, end, leftover, ctx)

    half = part(first, "enable", EMPTY, 0, at, "enable")
    return part(second, "disable", half, at, 10000, "disable")["samples"]


def percent_before_step(model: Model, step: int) -> float:
    """A share of the run that has passed at this step, and not at the one before it."""
    schedule = model.predicts.schedule
    levels = SCHEDULERS["normal"](schedule, STEPS)
    percents = [number / 1000 for number in range(1, 1000)]
    return next(each for each in percents if levels[step] < schedule.percent_to_sigma(each) < levels[step - 1])
