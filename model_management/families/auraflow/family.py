"""AuraFlow 0.1 to 0.3, and its layout in any width and depth. It reads Pile-T5-XL alone.

Source: the published description and inference code of AuraFlow (Fal), and the header of the published file.
"""

from __future__ import annotations

from heddle.networks.auraflow import AuraFlow
from heddle.networks.t5 import T5
from heddle.networks.vae import Autoencoder
from heddle.prompts.sequences import PILE_T5_XL
from heddle.prompts.vocabularies import PILE_T5
from heddle.samplers.noise_schedules import FlowSchedule
from heddle.samplers.predictions import Flow
from model_management.families.sdxl.family import SDXL
from model_management.family import Family, NetPart, RowReading, TextPart
from model_management.net_sizes import vae_config
from model_management.signs import below, has
from model_management.transformer_sizes import auraflow_config, t5_config

NET = "model.diffusion_model."
VAE = "vae."
TEXT = "text_encoders.pile_t5xl.transformer."

NETWORK = (has("double_layers.0.attn.w1q.weight", "cond_seq_linear.weight", "positional_encoding"),)

AURAFLOW = Family(
    name="auraflow",
    signs=(below(NET, *NETWORK), has(f"{TEXT}shared.weight")),
    network_signs=NETWORK,
    network=NetPart(prefix=NET, config=auraflow_config, build=AuraFlow),
    text=(
        TextPart(
            TEXT,
            t5_config,
            T5,
            name="pile_t5xl",
            row=RowReading(PILE_T5_XL, PILE_T5, hides_padding=True, zeros_padding=True),
        ),
    ),
    vae=NetPart(prefix=VAE, config=vae_config, build=Autoencoder),
    latent=SDXL.latent,
    predicts=Flow(FlowSchedule(shift=1.73, multiplier=1.0)),
    native_px=1024,
    may_repeat_text=False,
    any_text_type=True,
)
