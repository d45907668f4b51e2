"""What is peculiar to Playground 2.5: EDM's noise levels, and latents of its own measure.

Its checkpoint says the mean and the spread of each channel of its latents, by which it is known. Source: Li et al.
2024, arXiv:2402.17245, section 2.1; Karras et al. 2022, arXiv:2206.00364, table 1; the published scheduler's settings.
"""

from __future__ import annotations

from dataclasses import replace

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.samplers.noise_schedules import ContinuousEdm
from heddle.samplers.predictions import Edm
from model_management.family import LatentSpace
from model_management.header import Header
from model_management.tensor_reading import open_tensors
from model_management.written_predictions import EDM_END, MEANS, SPREADS

SIGMA_DATA = 0.5  # the spread of the latents that the network sees
PREDICTS = Edm(ContinuousEdm(EDM_END, 80.0), SIGMA_DATA)

LATENT = LatentSpace(
    channels=4,
    scale=SIGMA_DATA,
    means=(-1.6574, 1.886, -1.383, 2.5155),  # of the published file
    spreads=(8.4927, 5.9022, 6.5498, 5.2299),
)


def told_latent(header: Header) -> LatentSpace | None:
    """Latents of the means and spreads that the file says, if it says any.

    Raises: WeightsError, if they are not one for each channel.
    """
    if MEANS not in header or SPREADS not in header:
        return None
    with open_tensors(header) as tensors:
        means, spreads = (tensors.get_tensor(key).flatten().tolist() for key in (MEANS, SPREADS))
    if not len(means) == len(spreads) == LATENT.channels or not all(spread > 0 for spread in spreads):
        raise WeightsError(
            say(
                "{file}: {means} and {spreads} are to be {count} numbers each, those of {spreads} above "
                "0, but are {means_found} and {spreads_found}; the file is damaged: download it again",
                file=header.path.name,
                means=MEANS,
                spreads=SPREADS,
                count=LATENT.channels,
                means_found=means[:8],
                spreads_found=spreads[:8],
            ),
            file=header.path,
            key=SPREADS,
        )
    return replace(LATENT, means=tuple(means), spreads=tuple(spreads))
