"""Stable Diffusion 2.1 unCLIP (L and H), which draws after pictures as CLIP's vision encoder reads them.

Source: Ramesh et al. 2022, arXiv:2204.06125, and the configuration published with the checkpoints.
"""

from __future__ import annotations

from dataclasses import replace

from model_management.families.sd15.family import UNET
from model_management.families.sd21.family import READS_OWN_TEXT, SD21, VELOCITY
from model_management.families.sd21_unclip.conditioning import text_and_pictures
from model_management.family import as_published
from model_management.signs import below, some_shaped
from model_management.unet_signs import vector_unet

NETWORK = vector_unet(4)
READS_PUBLISHED_TEXT = some_shaped(".attn2.to_k.weight", None, 1024)

SD21_UNCLIP = replace(
    SD21,
    name="sd21_unclip",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT),
    network_signs=(*NETWORK, READS_PUBLISHED_TEXT),
    predicts=VELOCITY,
    told_prediction=as_published,
    read_entry=text_and_pictures,
    shown_pictures=True,
    vision_prefix="embedder.model.visual.",
)
