"""The refiner of Stable Diffusion XL, for the last steps of a picture that the base model began.

It reads OpenCLIP-bigG alone. Source: Podell et al. 2023, arXiv:2307.01952, section 2.5, and the header of the published
refiner 1.0 checkpoint.
"""

from __future__ import annotations

from dataclasses import replace

from model_management.families.sdxl.conditioning import refiner_inputs
from model_management.families.sdxl.family import NETWORK, READS_TEXT, SDXL, UNET
from model_management.family import only_text
from model_management.signs import below, joined_columns, some_shaped

TEXT_G = "conditioner.embedders.0.model."

SDXL_REFINER = replace(
    SDXL,
    name="sdxl_refiner",
    signs=(below(UNET, *NETWORK), joined_columns(READS_TEXT, f"{TEXT_G}token_embedding.weight")),
    network_signs=(*NETWORK, some_shaped(READS_TEXT, None, 1280)),
    text=(replace(SDXL.text[1], prefix=TEXT_G),),
    text_type="stable_diffusion",
    join=only_text,
    read_entry=refiner_inputs,
)
