"""Playground 2.5: Stable Diffusion XL's layout, trained on EDM's noise levels and on latents of its own measure.

Its checkpoint says the mean and the spread of each channel of its latents, `edm_mean` and `edm_std`. Source: Li et al.
2024, arXiv:2402.17245, section 2.1; Karras et al. 2022, arXiv:2206.00364, table 1; the published scheduler's settings.
"""

from __future__ import annotations

from dataclasses import replace

from heddle.graph.errors import WeightsError
from heddle.samplers.noise_schedules import ContinuousEdm
from heddle.samplers.predictions import Edm
from model_management.families.sdxl.family import (
    EDM_END,
    NETWORK,
    OTHER_LEVELS,
    READS_OWN_TEXT,
    READS_PUBLISHED_TEXT,
    SDXL,
    UNET,
)
from model_management.family import LatentSpace, as_published
from model_management.header import Header
from model_management.signs import below, has
from model_management.tensor_reading import open_tensors

MEANS, SPREADS = OTHER_LEVELS, "edm_std"
SIGMA_DATA = 0.5  # the spread of the latents that the network sees
EDM_TOP = 80.0

LATENT = LatentSpace(
    channels=4,
    scale=SIGMA_DATA,
    means=(-1.6574, 1.886, -1.383, 2.5155),  # of the published file
    spreads=(8.4927, 5.9022, 6.5498, 5.2299),
)


def told_latent(header: Header) -> LatentSpace | None:
    """The means and spreads that the file says. Raises: WeightsError, if they are not one for each channel."""
    if SPREADS not in header:
        return None
    with open_tensors(header) as tensors:
        means, spreads = (tensors.get_tensor(key).flatten().tolist() for key in (MEANS, SPREADS))
    if not len(means) == len(spreads) == LATENT.channels or not all(spread > 0 for spread in spreads):
        raise WeightsError(
            f"{header.path.name}: {MEANS} and {SPREADS} are to be {LATENT.channels} numbers each, those of {SPREADS} "
            f"above 0, but are {means[:8]} and {spreads[:8]}; the file is damaged: download it again",
            file=header.path,
            key=SPREADS,
        )
    return replace(LATENT, means=tuple(means), spreads=tuple(spreads))


SDXL_PLAYGROUND = replace(
    SDXL,
    name="sdxl_playground",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT, has(OTHER_LEVELS)),
    network_signs=(*NETWORK, READS_PUBLISHED_TEXT, has(OTHER_LEVELS)),
    latent=LATENT,
    predicts=Edm(ContinuousEdm(EDM_END, EDM_TOP), SIGMA_DATA),
    told_prediction=as_published,
    told_latent=told_latent,
)
