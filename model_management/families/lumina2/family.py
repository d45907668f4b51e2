"""Lumina Image 2.0 and what was trained on from it, and its layout in any width and depth.

It reads Gemma 2 (2B) alone: the states of the second last layer, without the final norm. Source: Qin et al. 2025,
arXiv:2503.21758; the published inference code of Lumina-Image 2.0 (Alpha-VLLM), and the header of the published file.
"""

from __future__ import annotations

from heddle.networks.causal_text import CausalText
from heddle.networks.lumina import Lumina
from heddle.networks.vae import Autoencoder
from heddle.prompts.chats import GEMMA_2_CHAT
from heddle.prompts.sequences import GEMMA_2
from heddle.prompts.vocabularies import GEMMA_2 as GEMMA_2_VOCABULARY
from heddle.samplers.noise_schedules import FlowSchedule
from heddle.samplers.predictions import Flow
from model_management.families.flux.family import FLUX
from model_management.family import Family, NetPart, RowReading, TextPart
from model_management.net_sizes import vae_config
from model_management.signs import below, has
from model_management.transformer_sizes import gemma2_config, lumina_config

NET = "model.diffusion_model."
VAE = "vae."
TEXT = "text_encoders.gemma2_2b.transformer."

NETWORK = (
    has("cap_embedder.1.weight", "noise_refiner.0.attention.qkv.weight", "context_refiner.0.attention.qkv.weight"),
    has("layers.0.adaLN_modulation.1.weight"),  # Z-Image has the same names, but for the number in this one
)

LUMINA2 = Family(
    name="lumina2",
    signs=(below(NET, *NETWORK), has(f"{VAE}decoder.conv_in.weight", f"{TEXT}model.embed_tokens.weight")),
    network_signs=NETWORK,
    network=NetPart(prefix=NET, config=lumina_config, build=Lumina),
    text=(
        TextPart(
            TEXT,
            gemma2_config,
            CausalText,
            name="gemma2_2b",
            layer=-2,
            with_norm=False,
            row=RowReading(GEMMA_2, GEMMA_2_VOCABULARY, hides_padding=True),
            chat=GEMMA_2_CHAT,
        ),
    ),
    vae=NetPart(prefix=VAE, config=vae_config, build=Autoencoder),
    latent=FLUX.latent,
    predicts=Flow(FlowSchedule(shift=6.0, multiplier=1.0)),
    native_px=1024,
    may_repeat_text=False,
    text_type="lumina2",
    any_text_type=True,
)
