"""Chroma 1, and its layout in any width and depth. It reads T5-XXL alone, and is guided by a negative text.

Source: the published description and inference code of Chroma 1 (lodestones), and the header of the published file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.networks.chroma import Chroma
from heddle.networks.t5 import T5
from heddle.networks.vae import Autoencoder
from heddle.prompts.sequences import SequenceLayout
from heddle.prompts.vocabularies import T5 as T5_VOCABULARY
from heddle.samplers.noise_schedules import FluxSchedule
from heddle.samplers.predictions import Flow
from model_management.attention_masks import mask_inputs
from model_management.families.flux.conditioning import LATENT
from model_management.family import Family, NetPart, RowReading, RunFacts, TextPart
from model_management.net_sizes import vae_config
from model_management.signs import below, has
from model_management.transformer_sizes import chroma_config, t5_config

NET = "model.diffusion_model."
VAE = "vae."
TEXT_T5 = "text_encoders.t5xxl.transformer."

NETWORK = (has("double_blocks.0.img_attn.qkv.weight", "distilled_guidance_layer.in_proj.weight", "txt_in.weight"),)
AS_LONG_AS_IT_IS = SequenceLayout(pad=0, end=1)


def text_and_guidance(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """The text, and a guidance where one is said; the network was trained with 0."""
    guidance = torch.tensor([float(more.get("guidance") or 0.0)])
    return {"context": states, "guidance": guidance, **mask_inputs(more, run)}


CHROMA = Family(
    name="chroma",
    signs=(below(NET, *NETWORK), has(f"{TEXT_T5}shared.weight")),
    network_signs=NETWORK,
    network=NetPart(prefix=NET, config=chroma_config, build=Chroma),
    text=(TextPart(TEXT_T5, t5_config, T5, name="t5xxl", row=RowReading(AS_LONG_AS_IT_IS, T5_VOCABULARY)),),
    vae=NetPart(prefix=VAE, config=vae_config, build=Autoencoder),
    latent=LATENT,
    predicts=Flow(FluxSchedule(mu=1.15)),
    native_px=1024,
    read_entry=text_and_guidance,
    may_repeat_text=False,
    text_type="chroma",
)
