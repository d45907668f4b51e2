"""Stable Diffusion 2.x inpainting, which predicts the noise.

Source: the header of the published 2-inpainting checkpoint.
"""

from __future__ import annotations

from dataclasses import replace

from model_management.concat_inputs import both, mask_and_picture
from model_management.families.sd15.family import UNET
from model_management.families.sd21.family import READS_OWN_TEXT, SD21
from model_management.family import as_published, text_alone
from model_management.signs import below
from model_management.unet_signs import plain_unet

NETWORK = plain_unet(9, is_linear=True)

SD21_INPAINTING = replace(
    SD21,
    name="sd21_inpainting",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT),
    network_signs=NETWORK,
    read_entry=both(text_alone, mask_and_picture(SD21.latent.scale)),
    told_prediction=as_published,
    native_px=512,
)
