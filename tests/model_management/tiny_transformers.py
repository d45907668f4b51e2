"""Checkpoints of diffusion transformers' layouts, small enough to write in a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from heddle.networks.auraflow import AuraFlow, AuraFlowConfig
from heddle.networks.causal_text import CausalText, CausalTextConfig, NearLayers
from heddle.networks.flux import Flux, FluxConfig
from heddle.networks.lumina import Lumina, LuminaConfig
from heddle.networks.mmdit import Mmdit, MmditConfig
from heddle.networks.ops import TRAINABLE
from heddle.networks.t5 import T5, T5Config
from heddle.networks.vae import Autoencoder, VaeConfig
from tests.model_management import tiny

T5_TINY = T5Config(width=48, layers=2, heads=2, inner_width=32, mlp_width=40, vocabulary=60)
VAE = VaeConfig((32, 32, 32, 32), blocks=1, latent_channels=16, has_quant=False)
FLUX = FluxConfig(
    64, 32, 48, double_blocks=1, single_blocks=1, context_width=T5_TINY.width, vector_width=tiny.TEXT.width
)
SD3 = MmditConfig(64, 48, (False, False), context_width=4096, vector_width=2 * tiny.TEXT.width, places=8)
AURAFLOW = AuraFlowConfig(256, 48, 1, 1, context_width=T5_TINY.width, places=4)
GEMMA_2 = CausalTextConfig(
    48, 3, 2, 1, 256, 40, vocabulary=60, activation="gelu", is_gemma=True, near=NearLayers(2, 4096), score_cap=30.0
)
LUMINA = LuminaConfig(48, 12, 4, 2, 40, 1, 2, context_width=GEMMA_2.width, time_width=32)
AURAFLOW_VAE = VaeConfig((32, 32, 32, 32), blocks=1)

NET = "model.diffusion_model."
TEXT_L, TEXT_G, TEXT_T5 = (f"text_encoders.{name}.transformer." for name in ("clip_l", "clip_g", "t5xxl"))


def drawn(net: nn.Module, prefix: str, seed: int = 0) -> dict[str, Tensor]:
    """The net's tensors with small random content behind a prefix."""
    random = torch.Generator().manual_seed(seed)
    return {
        prefix + name: (torch.randn(tensor.shape, generator=random) * 0.1 + float("norm" in name)).half()
        for name, tensor in net.state_dict().items()
        if tensor.is_floating_point()
    }


def t5_tensors(prefix: str = "") -> dict[str, Tensor]:
    return drawn(T5(T5_TINY, TRAINABLE), prefix, 3)


def clip_tensors(prefix: str, seed: int = 0) -> dict[str, Tensor]:
    """CLIP as files of these families have it: all of its vocabulary, with a projection."""
    config = replace(tiny.TEXT, vocabulary=49408, positions=77)
    tensors = {prefix + name: each + seed for name, each in tiny.clip_tensors(config).items()}
    return {**tensors, f"{prefix}text_projection.weight": torch.full((64, 64), 0.5).half()}


def flux_tensors(config: FluxConfig = FLUX) -> dict[str, Tensor]:
    return {
        **drawn(Flux(config, TRAINABLE), NET, 1),
        **drawn(Autoencoder(VAE, TRAINABLE), "vae.", 2),
        **clip_tensors(TEXT_L),
        **t5_tensors(TEXT_T5),
    }


def auraflow_tensors() -> dict[str, Tensor]:
    return {
        **drawn(AuraFlow(AURAFLOW, TRAINABLE), NET, 1),
        **drawn(Autoencoder(AURAFLOW_VAE, TRAINABLE), "vae.", 2),
        **t5_tensors("text_encoders.pile_t5xl.transformer."),
    }


def gemma2_tensors(prefix: str = "") -> dict[str, Tensor]:
    return drawn(CausalText(GEMMA_2, TRAINABLE), prefix, 4)


def lumina_tensors() -> dict[str, Tensor]:
    return {
        **drawn(Lumina(LUMINA, TRAINABLE), NET, 1),
        **drawn(Autoencoder(VAE, TRAINABLE), "vae.", 2),
        **gemma2_tensors("text_encoders.gemma2_2b.transformer."),
    }


def sd3_tensors(*encoders: str) -> dict[str, Tensor]:
    tensors = {**drawn(Mmdit(SD3, TRAINABLE), NET, 1), **drawn(Autoencoder(VAE, TRAINABLE), "first_stage_model.", 2)}
    parts = {"l": clip_tensors(TEXT_L), "g": clip_tensors(TEXT_G, 1), "t5xxl": t5_tensors(TEXT_T5)}
    for name in encoders:
        tensors |= parts[name]
    return tensors


def write_t5_table(folder: Path) -> None:
    """A tokenizer of single letters for T5 below a folder for tokenizers."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = {letter: number for number, letter in enumerate("_/?abcdefghijklmnopqrstuvwxyz ")}
    table = Tokenizer(models.WordLevel(letters, unk_token="?"))
    table.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    (folder / "t5").mkdir(parents=True)
    table.save(str(folder / "t5" / "tokenizer.json"))
