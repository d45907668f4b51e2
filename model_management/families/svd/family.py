"""Stable Video Diffusion (img2vid, img2vid-xt, and models of their layout), which goes on from a picture.

It reads no text. The frames of a video are the batch of its latent. Source: Blattmann et al. 2023, arXiv:2311.15127,
and the configuration published with the checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from heddle.networks.vae import VaeConfig
from heddle.networks.video_unet import VideoUNet
from heddle.samplers.noise_schedules import ContinuousEdm
from heddle.samplers.predictions import Prediction, Velocity
from model_management.concat_inputs import both, unscaled_picture
from model_management.families.sd15.family import SD15, UNET
from model_management.families.svd.conditioning import NUMBER_WIDTH, picture_and_motion
from model_management.family import Family, NetPart
from model_management.header import Header
from model_management.net_sizes import unet_config
from model_management.signs import below, has_ending, shaped
from model_management.unet_signs import vector_unet
from model_management.written_predictions import written_levels

NETWORK = (
    *vector_unet(8),
    shaped("label_emb.0.0.weight", None, 3 * NUMBER_WIDTH),
    has_ending(".time_stack.0.attn1.to_k.weight"),
)


def told_prediction(header: Header, key_of: Callable[[str], str]) -> Prediction | None:
    """Along other levels, where the file says them."""
    levels = written_levels(header)
    return None if levels is None else Velocity(levels)


SVD = Family(
    name="svd",
    signs=(below(UNET, *NETWORK),),
    network_signs=NETWORK,
    network=NetPart(prefix=UNET, config=unet_config, build=VideoUNet),
    text=(),
    vae=SD15.vae,
    latent=replace(
        SD15.latent,
        published_vae=VaeConfig(widths=(128, 256, 512, 512), blocks=2, has_quant=False, along_time=True),
    ),
    predicts=Velocity(ContinuousEdm(0.002, 700.0)),
    told_prediction=told_prediction,
    native_px=768,
    read_entry=both(picture_and_motion, unscaled_picture),
    frames_together=True,
    vision_prefix="conditioner.embedders.0.open_clip.model.visual.",
)
