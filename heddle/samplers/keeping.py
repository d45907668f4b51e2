"""Denoisers that keep a part of the latent as it was: inpainting with any network."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.samplers.predictions import Prediction
from heddle.samplers.sampler import AskedFor, Denoiser, GuidedDenoiser, both_guesses


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
) -> GuidedDenoiser:
    """Keep the latent where the mask is 0.

    Before each call the kept part is put back at the current noise level; after it, clean. The negative's guess alone
    is not touched: what a CFG++ sampler reads off it is noise.

    Args:
        mask: [B or 1, 1, h, w], 0..1, from `fit_mask`.
        latent: [B, C, h, w], as the run started with.
        noise: over the kept part, in its shape.
        sigmas: the run's levels. mask_at: makes the mask of each level from them.
    """

    def ask(x: Tensor, sigma: Tensor, needs_plain: bool) -> tuple[Tensor, Tensor]:
        if x.shape[-2:] != latent.shape[-2:]:
            raise ShapeError(
                say(
                    "the latent was enlarged to {size} while a mask keeps a part of it; take the mask "
                    "away, or a sampler that does not enlarge",
                    size=list(x.shape[-2:]),
                ),
                wanted=list(latent.shape[-2:]),
                got=list(x.shape[-2:]),
            )
        now = mask if mask_at is None else mask_at(mask, sigma, sigmas, prediction)
        x = x * now + prediction.start(sigma, noise, latent) * (1 - now)
        clean, plain = both_guesses(denoise, x, sigma) if needs_plain else (denoise(x, sigma),) * 2
        return clean * now + latent * (1 - now), plain

    return AskedFor(ask)


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
