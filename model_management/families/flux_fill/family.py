"""FLUX.1 Fill: a network that is shown a picture and what of it is to be drawn.

Source: Black Forest Labs' published inference code, and the header of the published file.
"""

from __future__ import annotations

from dataclasses import replace

from model_management.families.flux.conditioning import with_masked_picture
from model_management.families.flux.family import FLUX, flux_net, in_full

NETWORK = flux_net(16 + 16 + 64)

FLUX_FILL = replace(
    FLUX, name="flux_fill", signs=in_full(NETWORK), network_signs=NETWORK, read_entry=with_masked_picture
)
