"""Stable Diffusion XL, and models of its layout in any width and depth (Turbo, Lightning, SSD-1B, Vega, KOALA ...).

It reads CLIP-L and OpenCLIP-bigG side by side. Source: Podell et al. 2023, arXiv:2307.01952, and the header of the
published base 1.0 checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable

from heddle.networks.clip_text import ClipText
from heddle.networks.unet import UNet
from heddle.networks.vae import Autoencoder, VaeConfig
from heddle.numerics.latent_rgb import LatentColours
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon, Prediction, Velocity
from model_management.families.sdxl import playground
from model_management.families.sdxl.conditioning import base_inputs
from model_management.family import Family, LatentSpace, NetPart, TextPart, side_by_side
from model_management.header import Header
from model_management.net_sizes import clip_text_config, open_clip_text_config, unet_config, vae_config
from model_management.places import in_open_clip
from model_management.signs import below, joined_columns, some_shaped
from model_management.unet_signs import vector_unet
from model_management.written_predictions import MEANS, ZERO_SNR_MARK, written_levels, written_prediction

UNET = "model.diffusion_model."
VAE = "first_stage_model."
TEXT_L = "conditioner.embedders.0.transformer."
TEXT_G = "conditioner.embedders.1.model."
READS_TEXT = ".attn2.to_k.weight"

# The network reads what the file's own text encoders write, however wide: 768 + 1280 in the published model.
READS_OWN_TEXT = joined_columns(
    READS_TEXT, f"{TEXT_L}text_model.embeddings.token_embedding.weight", f"{TEXT_G}token_embedding.weight"
)
READS_PUBLISHED_TEXT = some_shaped(READS_TEXT, None, 2048)

NETWORK = vector_unet(4)


def told_prediction(header: Header, key_of: Callable[[str], str]) -> Prediction | None:
    """Epsilon, unless the file says v; then also whether its levels end in pure noise, or are EDM's."""
    if MEANS in header:
        return playground.PREDICTS
    levels = written_levels(header)
    if levels is not None:
        return Velocity(levels)
    if written_prediction(header) != "v":
        return None
    return Velocity(scaled_linear(0.00085, 0.012, steps=1000, zero_terminal_snr=ZERO_SNR_MARK in header))


SDXL = Family(
    name="sdxl",
    signs=(
        below(UNET, *NETWORK),
        READS_OWN_TEXT,
    ),
    network_signs=(*NETWORK, READS_PUBLISHED_TEXT),
    network=NetPart(prefix=UNET, config=unet_config, build=UNet),
    text=(
        TextPart(TEXT_L, clip_text_config, ClipText, name="l", layer=-2, with_norm=False),
        TextPart(TEXT_G, open_clip_text_config, ClipText, in_open_clip, name="g", pad=0, layer=-2, with_norm=False),
    ),
    text_type="sdxl",
    join=side_by_side("l", "g", pooled_of="g"),
    vae=NetPart(prefix=VAE, config=vae_config, build=Autoencoder),
    latent=LatentSpace(
        channels=4,
        scale=0.13025,  # 1 / std of the published VAE's latents
        colours=LatentColours(  # as the node engines of this ecosystem publish them
            (
                (0.3651, 0.4232, 0.4341),
                (-0.2533, -0.0042, 0.1068),
                (0.1076, 0.1111, -0.0362),
                (-0.3165, -0.2492, -0.2188),
            ),
            (0.1084, -0.0175, -0.0011),
        ),
        published_vae=VaeConfig(widths=(128, 256, 512, 512), blocks=2),
        small_vae="taesdxl",
    ),
    predicts=Epsilon(scaled_linear(0.00085, 0.012, steps=1000)),
    told_prediction=told_prediction,
    told_latent=playground.told_latent,
    native_px=1024,
    read_entry=base_inputs,
    shown_pictures=True,
)
