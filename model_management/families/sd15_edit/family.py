"""InstructPix2Pix: Stable Diffusion 1.x that is shown the picture to edit beside the latent.

Source: Brooks et al. 2023, arXiv:2211.09800, section 3.2.
"""

from __future__ import annotations

from dataclasses import replace

from model_management.concat_inputs import both, unscaled_picture
from model_management.families.sd15.family import READS_OWN_TEXT, SD15, UNET
from model_management.family import text_alone
from model_management.signs import below
from model_management.unet_signs import plain_unet

NETWORK = plain_unet(8, is_linear=False)

SD15_EDIT = replace(
    SD15,
    name="sd15_edit",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT),
    network_signs=NETWORK,
    read_entry=both(text_alone, unscaled_picture),
)
