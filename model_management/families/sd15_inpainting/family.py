"""Stable Diffusion 1.x inpainting: a network that is shown the mask and the picture without what it hides.

Source: Rombach et al. 2022, arXiv:2112.10752, section 4.5, and the header of the published v1-5 inpainting checkpoint.
"""

from __future__ import annotations

from dataclasses import replace

from model_management.concat_inputs import both, mask_and_picture
from model_management.families.sd15.family import READS_OWN_TEXT, SD15, UNET
from model_management.family import text_alone
from model_management.signs import below
from model_management.unet_signs import plain_unet

NETWORK = plain_unet(9, is_linear=False)

SD15_INPAINTING = replace(
    SD15,
    name="sd15_inpainting",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT),
    network_signs=NETWORK,
    read_entry=both(text_alone, mask_and_picture(SD15.latent.scale)),
)
