"""Stable Diffusion XL inpainting: a network that is shown the mask and the picture without what it hides.

Source: the header of the published XL inpainting 0.1 network.
"""

from __future__ import annotations

from dataclasses import replace

from model_management.concat_inputs import both, mask_and_picture
from model_management.families.sdxl.conditioning import base_inputs
from model_management.families.sdxl.family import READS_OWN_TEXT, READS_PUBLISHED_TEXT, SDXL, UNET
from model_management.signs import below
from model_management.unet_signs import vector_unet

NETWORK = vector_unet(9)

SDXL_INPAINTING = replace(
    SDXL,
    name="sdxl_inpainting",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT),
    network_signs=(*NETWORK, READS_PUBLISHED_TEXT),
    read_entry=both(base_inputs, mask_and_picture(SDXL.latent.scale)),
)
