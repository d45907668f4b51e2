"""Stable Diffusion XL that is shown the picture to edit beside the latent, in InstructPix2Pix's manner.

Source: Brooks et al. 2023, arXiv:2211.09800, section 3.2, with XL's network.
"""

from __future__ import annotations

from dataclasses import replace

from model_management.concat_inputs import both, unscaled_picture
from model_management.families.sdxl.conditioning import base_inputs
from model_management.families.sdxl.family import (
    READS_OWN_TEXT,
    READS_PUBLISHED_TEXT,
    SDXL,
    UNET,
)
from model_management.signs import below, lacks
from model_management.unet_signs import vector_unet
from model_management.written_predictions import LEVELS_TOP

NETWORK = vector_unet(8)

SDXL_EDIT = replace(
    SDXL,
    name="sdxl_edit",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT, lacks(LEVELS_TOP)),
    network_signs=(*NETWORK, READS_PUBLISHED_TEXT, lacks(LEVELS_TOP)),
    read_entry=both(base_inputs, unscaled_picture),
)
