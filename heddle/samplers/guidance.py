"""What wraps a denoiser: a network made one, guidance by two conditions, a mask that keeps a part of the latent."""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from heddle.samplers.predictions import Prediction
from heddle.samplers.sampler import Denoiser


class Network(Protocol):
    def __call__(self, x: Tensor, timesteps: Tensor, context: Tensor, /) -> Tensor:
        """x [N, C, h, w], timesteps [N], context [N, T, D] -> the network's raw output [N, C, h, w]."""
        ...


class ConditionedDenoiser(Protocol):
    def __call__(self, x: Tensor, sigma: Tensor, context: Tensor, /) -> Tensor:
        """The clean guess for each of N latents, at one level (0-d), under its own context [N, T, D]."""
        ...


def denoiser_of(network: Network, prediction: Prediction) -> ConditionedDenoiser:
    """A network read through its parametrisation."""

    def denoise(x: Tensor, sigma: Tensor, context: Tensor, /) -> Tensor:
        timesteps = prediction.schedule.timestep(sigma).to(x).expand(x.shape[0])
        output = network(prediction.scale_input(sigma, x), timesteps, context)
        return prediction.denoised(sigma, output, x)

    return denoise


def cfg(denoise: ConditionedDenoiser, positive: Tensor, negative: Tensor | None, scale: float) -> Denoiser:
    """Classifier-free guidance: from the negative's guess through the positive's, `scale` times as far.

    Source: Ho and Salimans 2022, arXiv:2207.12598, equation 6, with scale = w + 1. Both conditions go through the
    network as one batch. At scale 1 the negative has no effect and is not evaluated.

    Args:
        positive, negative: contexts [1 or B, T, D]; their T may differ.
    """

    def guided(x: Tensor, sigma: Tensor, /) -> Tensor:
        wanted = fit_batch(positive, x.shape[0]).to(x.device)
        if negative is None or scale == 1:
            return denoise(x, sigma, wanted)
        wanted, unwanted = same_length(wanted, fit_batch(negative, x.shape[0]).to(x.device))
        clean, clean_unwanted = denoise(torch.cat([x, x]), sigma, torch.cat([wanted, unwanted])).chunk(2)
        return clean_unwanted + (clean - clean_unwanted) * scale

    return guided


def fit_batch(tensor: Tensor, size: int) -> Tensor:
    """The tensor with `size` items along its first axis: repeated from its start, or cut."""
    if tensor.shape[0] == size:
        return tensor
    times = math.ceil(size / tensor.shape[0])
    return tensor.repeat(times, *[1] * (tensor.ndim - 1))[:size]


def same_length(*contexts: Tensor) -> tuple[Tensor, ...]:
    """Contexts [N, T, D] repeated along T to the least common multiple of their lengths.

    Attention gives the same result for a sequence and for its repetition, so nothing is lost or added.
    """
    length = math.lcm(*(context.shape[1] for context in contexts))
    return tuple(context.repeat(1, length // context.shape[1], 1) for context in contexts)


def masked(denoise: Denoiser, mask: Tensor, latent: Tensor, noise: Tensor, prediction: Prediction) -> Denoiser:
    """Keep the latent where the mask is 0.

    Before each call the kept part is put back at the current noise level, with the run's first noise; after it, clean.

    Args:
        mask: [B or 1, 1, h, w], 0..1, from `fit_mask`.
        latent, noise: [B, C, h, w], as the run started with.
    """

    def kept(x: Tensor, sigma: Tensor, /) -> Tensor:
        x = x * mask + prediction.start(sigma, noise, latent) * (1 - mask)
        return denoise(x, sigma) * mask + latent * (1 - mask)

    return kept


def fit_mask(mask: Tensor, latent: Tensor) -> Tensor:
    """A mask [H, W], [B, H, W] or [B, 1, H, W] at the latent's size: bilinear, not rounded, one per picture."""
    mask = mask.reshape(-1, 1, *mask.shape[-2:]).to(latent)
    if mask.shape[-2:] != latent.shape[-2:]:
        mask = F.interpolate(mask, size=latent.shape[-2:], mode="bilinear")
    return fit_batch(mask, latent.shape[0])
