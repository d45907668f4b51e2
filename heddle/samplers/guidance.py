"""What wraps a denoiser: a network made one, guidance by two conditions, a mask that keeps a part of the latent."""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from heddle.samplers.predictions import Prediction
from heddle.samplers.sampler import Denoiser, GuidedDenoiser, both_guesses


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


def cfg(denoise: ConditionedDenoiser, positive: Tensor, negative: Tensor | None, scale: float) -> GuidedDenoiser:
    """Classifier-free guidance: from the negative's guess through the positive's, `scale` times as far.

    Source: Ho and Salimans 2022, arXiv:2207.12598, equation 6, with scale = w + 1. Both conditions go through the
    network as one batch. At scale 1 the negative has no effect and is not evaluated, unless its guess is asked for.

    Args:
        positive, negative: contexts [1 or B, T, D]; their T may differ.
    """
    return _Guided(denoise, positive, negative, scale)


class _Guided:
    def __init__(self, denoise: ConditionedDenoiser, positive: Tensor, negative: Tensor | None, scale: float) -> None:
        self._denoise = denoise
        self._positive = positive
        self._negative = negative
        self._scale = scale

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        if self._negative is None or self._scale == 1:
            return self._denoise(x, sigma, fit_batch(self._positive, x.shape[0]).to(x.device))
        return self.both(x, sigma)[0]

    def both(self, x: Tensor, sigma: Tensor, /) -> tuple[Tensor, Tensor]:
        wanted = fit_batch(self._positive, x.shape[0]).to(x.device)
        if self._negative is None:
            clean = self._denoise(x, sigma, wanted)
            return clean, clean
        wanted, unwanted = same_length(wanted, fit_batch(self._negative, x.shape[0]).to(x.device))
        clean, plain = self._denoise(torch.cat([x, x]), sigma, torch.cat([wanted, unwanted])).chunk(2)
        return plain + (clean - plain) * self._scale, plain


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


def masked(denoise: Denoiser, mask: Tensor, latent: Tensor, noise: Tensor, prediction: Prediction) -> GuidedDenoiser:
    """Keep the latent where the mask is 0.

    Before each call the kept part is put back at the current noise level; after it, clean. The negative's guess alone
    is not touched: what a CFG++ sampler reads off it is noise.

    Args:
        mask: [B or 1, 1, h, w], 0..1, from `fit_mask`.
        latent: [B, C, h, w], as the run started with.
        noise: over the kept part, in its shape.
    """
    return _Masked(denoise, mask, latent, noise, prediction)


class _Masked:
    def __init__(self, denoise: Denoiser, mask: Tensor, latent: Tensor, noise: Tensor, prediction: Prediction) -> None:
        self._denoise = denoise
        self._mask = mask
        self._latent = latent
        self._noise = noise
        self._prediction = prediction

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        return self._put_back(self._denoise(self._noised(x, sigma), sigma))

    def both(self, x: Tensor, sigma: Tensor, /) -> tuple[Tensor, Tensor]:
        clean, plain = both_guesses(self._denoise, self._noised(x, sigma), sigma)
        return self._put_back(clean), plain

    def _noised(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x * self._mask + self._prediction.start(sigma, self._noise, self._latent) * (1 - self._mask)

    def _put_back(self, clean: Tensor) -> Tensor:
        return clean * self._mask + self._latent * (1 - self._mask)


def fit_mask(mask: Tensor, latent: Tensor) -> Tensor:
    """A mask [H, W], [B, H, W] or [B, 1, H, W] at the latent's size: bilinear, not rounded, one per picture."""
    mask = mask.reshape(-1, 1, *mask.shape[-2:]).to(latent)
    if mask.shape[-2:] != latent.shape[-2:]:
        mask = F.interpolate(mask, size=latent.shape[-2:], mode="bilinear")
    return fit_batch(mask, latent.shape[0])
