"""Stable Diffusion XL that is shown the picture to edit beside the latent, in InstructPix2Pix's manner.

Source: Brooks et al. 2023, arXiv:2211.09800, section 3.2, with XL's network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from model_management.concat_inputs import both, unscaled_picture
from model_management.families.sdxl.conditioning import base_inputs
from model_management.families.sdxl.family import (
    READS_OWN_TEXT,
    READS_PUBLISHED_TEXT,
    SDXL,
    UNET,
)
from model_management.family import RunFacts
from model_management.signs import below
from model_management.unet_signs import vector_unet
from model_management.written_predictions import LEVELS_TOP

NETWORK = vector_unet(8)


def picture_to_edit(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """As the VAE gives it, but to a model of EDM's levels (CosXL) in the network's units, as it was trained."""
    shown = unscaled_picture(states, more, run)
    is_cosxl = run.header is not None and LEVELS_TOP in run.header
    return {name: picture * SDXL.latent.scale for name, picture in shown.items()} if is_cosxl else shown


SDXL_EDIT = replace(
    SDXL,
    name="sdxl_edit",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT),
    network_signs=(*NETWORK, READS_PUBLISHED_TEXT),
    read_entry=both(base_inputs, picture_to_edit),
)
