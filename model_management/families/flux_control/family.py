"""FLUX.1 Canny and Depth: networks that are shown the outlines or the distances of a picture.

Source: Black Forest Labs' published inference code, and the headers of the published files.
"""

from __future__ import annotations

from dataclasses import replace

from model_management.families.flux.conditioning import with_picture
from model_management.families.flux.family import FLUX, flux_net, in_full

NETWORK = flux_net(16 + 16)

FLUX_CONTROL = replace(
    FLUX, name="flux_control", signs=in_full(NETWORK), network_signs=NETWORK, read_entry=with_picture
)
