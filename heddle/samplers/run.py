"""One run, from a latent to a latent: what a sampling node calls."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from heddle.samplers.fitting import fit_mask
from heddle.samplers.keeping import MaskAtLevel, masked
from heddle.samplers.mixing import Mixing
from heddle.samplers.noise import StepNoise
from heddle.samplers.predictions import Prediction
from heddle.samplers.sampler import Denoiser, OnStep, Sampler, silent


def run_sampler(
    sampler: Sampler,
    denoise: Denoiser,
    prediction: Prediction,
    sigmas: Tensor,
    latent: Tensor,
    noise: Tensor,
    *,
    step_noise: StepNoise | None = None,
    mask: Tensor | None = None,
    mask_at: MaskAtLevel | None = None,
    scale: float | Tensor = 1.0,
    shift: float | Tensor = 0.0,
    on_step: OnStep = silent,
) -> Tensor:
    """Noise the latent to the first level, sample down to the last, and hand the result back.

    Args:
        denoise: guidance included, mask not. CFG++ samplers ask it for both guesses, see `GuidedDenoiser`.
        sigmas: [steps + 1], falling. Without any, the latent comes back as it was.
        latent: [B, C, h, w] in the VAE's units.
        noise: of unit variance, in the latent's shape; zeros for a run that goes on where another stopped.
        step_noise: for samplers that add noise on their way, see `heddle.samplers.noise`.
        mask: 1 where the latent may change; any size, resized here. mask_at: makes each level's own of it.
        scale, shift: the network's latent is (VAE latent - shift) * scale; on the latent's device.
    Returns: [B, C, h, w] in the VAE's units, on the latent's device, of its type; inside, float32 is computed with.
        Where the mask is 0 and the sampler leads back to the latent, it is the latent to the bit.
    """
    if len(sigmas) == 0:
        return latent
    # 0-d CPU tensors multiply tensors of any device, and asking one whether it is 0 waits for no device.
    sigmas = sigmas.to("cpu", torch.float32)
    start = latent.to(torch.float32)
    # An empty latent stands for "no picture", which in the network's units is 0 as well.
    if bool(start.any()):
        start = (start - shift) * scale
    noise = noise.to(start)
    begins_at_the_top = float(sigmas[0]) >= prediction.schedule.sigma_max * (1 - 1e-5)
    if mask is not None:
        over_kept = step_noise.over_kept(start) if step_noise is not None and sampler.renews_kept else noise
        denoise = masked(denoise, fit_mask(mask, start), start, over_kept, prediction, sigmas, mask_at)
    keywords: dict[str, Any] = {"on_step": on_step}
    if sampler.noise and step_noise is not None:
        keywords["noise"] = step_noise.source(sampler.noise, start, sigmas)
    if sampler.asks_for_mixing:
        keywords["mixing"] = Mixing(prediction.is_flow, prediction.schedule.percent_to_sigma)
    x = sampler(denoise, prediction.start(sigmas[0], noise, start, begins_at_the_top), sigmas, **keywords)
    end = prediction.finish(sigmas[-1], x)
    result = (end / scale + shift).to(latent.dtype)
    if mask is None or end.shape != start.shape:
        return result
    # The way there and back rounds. What differs by more is the sampler's: some stop a little above 0.
    kept = (fit_mask(mask, start) == 0) & end.isclose(start, rtol=1e-5, atol=1e-6)
    return torch.where(kept, latent, result)
