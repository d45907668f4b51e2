"""First-order steps, without and with fresh noise."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, draw, sampler, silent
from heddle.samplers.steps.churn import churned


@sampler("euler")
def euler(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = math.inf,
    s_noise: float = 1.0,
) -> Tensor:
    """Straight steps along the slope at their start.

    Source: Karras et al. 2022, arXiv:2206.00364, algorithm 2 without its second-order correction. One denoiser call a
    step.
    """
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma = churned(x, sigma, noise, len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        x = x + (x - clean) / sigma * (sigma_next - sigma)
    return x


@sampler("euler_ancestral")
def euler_ancestral(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    flow: bool = False,
) -> Tensor:
    """Euler steps that go further down than asked, then add fresh noise to come back up.

    Args:
        eta: share of the level that is fresh noise; 0 is plain Euler.
        s_noise: factor on the fresh noise's standard deviation.
        flow: noise and picture are mixed, (1 - sigma) to sigma, so that adding noise must also shrink the picture.

    Source: Song et al. 2021, arXiv:2010.02502, equation 16, in Karras' variables.
    """
    split = _split_flow if flow else _split
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        if sigma_next == 0:
            x = clean
            continue
        down, shrink, up = split(sigma, sigma_next, eta)
        x = clean + (x - clean) * (down / sigma)
        if eta > 0:
            x = x * shrink + draw(noise, sigma, sigma_next) * s_noise * up
    return x


def _split(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """Level to step down to, factor on x, and standard deviation of the noise that then leads up to sigma_next."""
    up = eta * sigma_next * (1 - (sigma_next / sigma) ** 2).clamp(min=0).sqrt()
    up = torch.minimum(up, sigma_next)
    return (sigma_next**2 - up**2).clamp(min=0).sqrt(), torch.ones_like(sigma), up


def _split_flow(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """The same for mixed latents.

    Shrinking by (1 - sigma_next) / (1 - down) brings the picture's share to that of sigma_next; the noise left over by
    then has deviation down * shrink, and what lacks to sigma_next is drawn.
    """
    down = sigma_next * (1 + (sigma_next / sigma - 1) * eta)
    shrink = (1 - sigma_next) / (1 - down)
    return down, shrink, (sigma_next**2 - (down * shrink) ** 2).clamp(min=0).sqrt()
