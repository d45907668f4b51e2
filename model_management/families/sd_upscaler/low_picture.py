"""The small picture that the upscaler is shown beside the latent, with noise over what is not to be believed.

Source: Ho et al. 2021, arXiv:2106.15282, section 4.1 (noise over the small picture), and Stability's published code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.numerics.resize import resize
from heddle.samplers.fitting import fit_batch
from heddle.samplers.noise_schedules import scaled_linear
from model_management.family import RunFacts

#: Levels of noise over the small picture (the latent's are the same), and the strongest of the training.
SCHEDULE = scaled_linear(0.0001, 0.02, steps=1000)
MOST_NOISE = 350
SEED_AWAY = 10  # the noise over the picture is not the run's own: the ecosystem takes the seed ten before it


def text_and_low_picture(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """The text, the small picture as further channels, and how much noise lies over it.

    Of a conditioning's options: "concat_image" [B, 3, h, w] of -1..1, as many pixels as the latent has cells, grey
    where there is none; "noise_augmentation", 0..1 of the strongest noise.
    """
    batch, _, height, width = run.shape
    picture = more.get("concat_image")
    picture = torch.zeros(1, 3, height, width) if picture is None else picture.float()
    if picture.shape[-2:] != (height, width):
        picture = resize(picture, width, height, "bilinear", "center")
    share = float(more.get("noise_augmentation") or 0.0)
    level = round(MOST_NOISE * share)
    if share > 0:
        noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(run.seed - SEED_AWAY))
        kept = 1 / (SCHEDULE.sigmas[level] ** 2 + 1)  # alpha bar
        picture = kept.sqrt() * picture.cpu() + (1 - kept).sqrt() * noise
    return {"context": states, "concat": fit_batch(picture, batch).to(run.latent), "label": torch.tensor([level])}
