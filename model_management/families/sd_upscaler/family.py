"""The Stable Diffusion 4x upscaler, which draws a picture four times as large as the one that it is shown.

Source: the published x4-upscaler-ema checkpoint and its configuration (Stability).
"""

from __future__ import annotations

from dataclasses import replace

from heddle.networks.vae import VaeConfig
from heddle.numerics.latent_rgb import LatentColours
from heddle.samplers.predictions import Velocity
from model_management.families.sd15.family import UNET
from model_management.families.sd21.family import READS_OWN_TEXT, SD21
from model_management.families.sd_upscaler.low_picture import SCHEDULE, text_and_low_picture
from model_management.family import LatentSpace, as_published
from model_management.signs import below
from model_management.unet_signs import numbered_unet

NETWORK = numbered_unet(7)

SD_UPSCALER = replace(
    SD21,
    name="sd_upscaler",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT),
    network_signs=NETWORK,
    latent=LatentSpace(
        channels=4,
        scale=0.08333,  # of the published configuration
        colours=LatentColours(  # as the node engines of this ecosystem publish them
            (
                (-0.2340, -0.3863, -0.3257),
                (0.0994, 0.0885, -0.0908),
                (-0.2833, -0.2349, -0.3741),
                (0.2523, -0.0055, -0.1651),
            )
        ),
        published_vae=VaeConfig(widths=(128, 256, 512), blocks=2),
    ),
    predicts=Velocity(SCHEDULE),
    told_prediction=as_published,
    native_px=512,
    read_entry=text_and_low_picture,
)
