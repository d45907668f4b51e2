"""Denoisers that keep a part of the latent as it was: inpainting with any network."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from heddle.samplers.predictions import Prediction
from heddle.samplers.sampler import Denoiser


class MaskAtLevel(Protocol):
    def __call__(self, mask: Tensor, sigma: Tensor, sigmas: Tensor, prediction: Prediction, /) -> Tensor:
        """The mask of one level of a run over these levels, from the run's."""
        ...


def masked(
    denoise: Denoiser,
    mask: Tensor,
    latent: Tensor,
    noise: Tensor,
    prediction: Prediction,
    sigmas: Tensor,
    mask_at: MaskAtLevel | None = None,
) -> Denoiser:
    """Keep the latent where the mask is 0.

    Before each call the kept part is put back at the current noise level, with the run's first noise; after it, clean.

    Args:
        mask: [B or 1, 1, h, w], 0..1, from `fit_mask`.
        latent, noise: [B, C, h, w], as the run started with.
        sigmas: the run's levels. mask_at: makes the mask of each level from them.
    """

    def kept(x: Tensor, sigma: Tensor, /) -> Tensor:
        now = mask if mask_at is None else mask_at(mask, sigma, sigmas, prediction)
        x = x * now + prediction.start(sigma, noise, latent) * (1 - now)
        return denoise(x, sigma) * now + latent * (1 - now)

    return kept


def differential(strength: float) -> MaskAtLevel:
    """Grey parts of a mask join in late: what is masked by a half is free to change from the middle of the run on.

    Source: Levin and Fried 2023, arXiv:2306.00950, section 4.

    Args:
        strength: 1 = each part changes entirely or not at all; below it the mask as it is shines through.
    """

    def mask_at(mask: Tensor, sigma: Tensor, sigmas: Tensor, prediction: Prediction, /) -> Tensor:
        schedule = prediction.schedule
        lowest = sigmas[-1].clamp(min=schedule.sigma_min)
        first, last, now = (float(schedule.timestep(level)) for level in (sigmas[0], lowest, sigma))
        threshold = (now - last) / (first - last) if first > last else 0.0
        hard = ((mask >= threshold) & (mask > 0)).to(mask)  # what is not masked at all never joins
        return hard * strength + mask * (1 - strength)

    return mask_at
