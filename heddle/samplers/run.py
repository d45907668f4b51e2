"""One run, from a latent to a latent: what a sampling node calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.samplers.fitting import fit_mask
from heddle.samplers.keeping import MaskAtLevel, masked
from heddle.samplers.predictions import Prediction
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, Sampler, silent


def run_sampler(
    sampler: Sampler,
    denoise: Denoiser,
    prediction: Prediction,
    sigmas: Tensor,
    latent: Tensor,
    noise: Tensor,
    *,
    step_noise: NoiseSource | None = None,
    mask: Tensor | None = None,
    mask_at: MaskAtLevel | None = None,
    scale: float = 1.0,
    shift: float = 0.0,
    on_step: OnStep = silent,
    options: Mapping[str, Any] | None = None,
) -> Tensor:
    """Noise the latent to the first level, sample down to the last, and hand the result back.

    Args:
        denoise: guidance included, mask not.
        sigmas: [steps + 1], falling. Without any, the latent comes back as it was.
        latent: [B, C, h, w] in the VAE's units.
        noise: of unit variance, in the latent's shape; zeros for a run that goes on where another stopped.
        step_noise: for samplers that add noise on their way, see `heddle.samplers.noise.step_noise`.
        mask: 1 where the latent may change; any size, resized here. mask_at: makes each level's own of it.
        scale, shift: the network's latent is (VAE latent - shift) * scale.
        options: the sampler's own keyword arguments.
    Returns: [B, C, h, w] in the VAE's units, on the latent's device.
    """
    if len(sigmas) == 0:
        return latent
    # 0-d CPU tensors multiply tensors of any device, and asking one whether it is 0 waits for no device.
    sigmas = sigmas.to("cpu", torch.float32)
    # An empty latent stands for "no picture", which in the network's units is 0 as well.
    start = (latent - shift) * scale if bool(latent.any()) else latent
    noise = noise.to(start)
    begins_at_the_top = float(sigmas[0]) >= prediction.schedule.sigma_max * (1 - 1e-5)
    if mask is not None:
        denoise = masked(denoise, fit_mask(mask, start), start, noise, prediction, sigmas, mask_at)
    keywords: dict[str, Any] = {"on_step": on_step, **(options or {})}
    if sampler.draws_noise:
        keywords["noise"] = step_noise
    if sampler.asks_for_flow:
        keywords["flow"] = prediction.is_flow
    x = sampler(denoise, prediction.start(sigmas[0], noise, start, begins_at_the_top), sigmas, **keywords)
    return prediction.finish(sigmas[-1], x) / scale + shift
