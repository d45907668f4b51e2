"""Stable Diffusion 1.x (1.1 to 1.5, and models of the same layout in any width and depth).

Source: Rombach et al. 2022, arXiv:2112.10752, and the header of the published v1-5 checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable

from heddle.networks.clip_text import ClipText
from heddle.networks.unet import UNet
from heddle.networks.vae import Autoencoder, VaeConfig
from heddle.numerics.latent_rgb import LatentColours
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon, Prediction, Velocity
from model_management.family import Family, LatentSpace, NetPart, TextPart
from model_management.header import Header
from model_management.net_sizes import clip_text_config, unet_config, vae_config
from model_management.signs import below, same_columns
from model_management.unet_signs import plain_unet
from model_management.written_predictions import written_prediction

UNET = "model.diffusion_model."
VAE = "first_stage_model."
TEXT = "cond_stage_model.transformer."
TOKENS = f"{TEXT}text_model.embeddings.token_embedding.weight"

NETWORK = plain_unet(4, is_linear=False)
# The network reads what the file's own text encoder writes, however wide: 768 in the published model.
READS_OWN_TEXT = same_columns(f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight", TOKENS)

EPSILON = Epsilon(scaled_linear(0.00085, 0.012, steps=1000))


def told_prediction(header: Header, key_of: Callable[[str], str]) -> Prediction | None:
    """Epsilon, unless it is written in or beside the file that somebody trained it on v."""
    return Velocity(EPSILON.schedule) if written_prediction(header) == "v" else None


SD15 = Family(
    name="sd15",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT),
    network_signs=NETWORK,
    network=NetPart(prefix=UNET, config=unet_config, build=UNet),
    text=(TextPart(prefix=TEXT, config=clip_text_config, build=ClipText),),
    vae=NetPart(prefix=VAE, config=vae_config, build=Autoencoder),
    latent=LatentSpace(
        channels=4,
        scale=0.18215,  # 1 / std of the published VAE's latents
        colours=LatentColours(  # as the node engines of this ecosystem publish them
            (
                (0.3512, 0.2297, 0.3227),
                (0.3250, 0.4974, 0.2350),
                (-0.2829, 0.1762, 0.2721),
                (-0.2120, -0.2616, -0.7177),
            )
        ),
        published_vae=VaeConfig(widths=(128, 256, 512, 512), blocks=2),
        small_vae="taesd",
    ),
    predicts=EPSILON,
    told_prediction=told_prediction,
    native_px=512,
    text_type="stable_diffusion",
)
