"""Stable Diffusion 3 and 3.5, in any width and depth.

It reads CLIP-L, OpenCLIP-bigG and T5-XXL; files come with all of them, with some, or without.
Source: Esser et al. 2024, arXiv:2403.03206, and the headers of the published files.
"""

from __future__ import annotations

from heddle.networks.clip_text import ClipText, unprojected
from heddle.networks.mmdit import Mmdit
from heddle.networks.t5 import T5
from heddle.networks.vae import Autoencoder, VaeConfig
from heddle.numerics.latent_rgb import LatentColours
from heddle.prompts.sequences import T5_XXL_77
from heddle.prompts.vocabularies import T5 as T5_VOCABULARY
from heddle.samplers.noise_schedules import FlowSchedule
from heddle.samplers.predictions import Flow
from model_management.families.sd3.conditioning import text_and_pooled, texts_in_a_row
from model_management.family import Family, LatentSpace, NetPart, RowReading, TextPart
from model_management.net_sizes import clip_text_config, vae_config
from model_management.signs import below, has
from model_management.transformer_sizes import mmdit_config, t5_config

NET = "model.diffusion_model."
VAE = "first_stage_model."
TEXT_L = "text_encoders.clip_l.transformer."
TEXT_G = "text_encoders.clip_g.transformer."
TEXT_T5 = "text_encoders.t5xxl.transformer."

NETWORK = (has("joint_blocks.0.x_block.attn.qkv.weight", "x_embedder.proj.weight", "pos_embed"),)

SD3 = Family(
    name="sd3",
    signs=(below(NET, *NETWORK),),
    network_signs=NETWORK,
    network=NetPart(prefix=NET, config=mmdit_config, build=Mmdit),
    text=(
        TextPart(TEXT_L, clip_text_config, unprojected, name="l", layer=-2, with_norm=False, may_lack=True),
        TextPart(TEXT_G, clip_text_config, ClipText, name="g", pad=0, layer=-2, with_norm=False, may_lack=True),
        TextPart(TEXT_T5, t5_config, T5, name="t5xxl", row=RowReading(T5_XXL_77, T5_VOCABULARY), may_lack=True),
    ),
    join=texts_in_a_row,
    vae=NetPart(prefix=VAE, config=vae_config, build=Autoencoder),
    latent=LatentSpace(
        channels=16,
        scale=1.5305,  # with the shift, of its published VAE's configuration
        shift=0.0609,
        colours=LatentColours(  # as the node engines of this ecosystem publish them
            (
                (-0.0922, -0.0175, 0.0749),
                (0.0311, 0.0633, 0.0954),
                (0.1994, 0.0927, 0.0458),
                (0.0856, 0.0339, 0.0902),
                (0.0587, 0.0272, -0.0496),
                (-0.0006, 0.1104, 0.0309),
                (0.0978, 0.0306, 0.0427),
                (-0.0042, 0.1038, 0.1358),
                (-0.0194, 0.0020, 0.0669),
                (-0.0488, 0.0130, -0.0268),
                (0.0922, 0.0988, 0.0951),
                (-0.0278, 0.0524, -0.0542),
                (0.0332, 0.0456, 0.0895),
                (-0.0069, -0.0030, -0.0810),
                (-0.0596, -0.0465, -0.0293),
                (-0.1448, -0.1463, -0.1189),
            ),
            (0.2394, 0.2135, 0.1925),
        ),
        published_vae=VaeConfig(widths=(128, 256, 512, 512), blocks=2, latent_channels=16, has_quant=False),
        small_vae="taesd3",
    ),
    predicts=Flow(FlowSchedule(shift=3.0)),
    native_px=1024,
    read_entry=text_and_pooled,
    may_repeat_text=False,
    text_type="sd3",
)
