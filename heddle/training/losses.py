"""What training minimises: for the autoencoder pixels and latents, for the denoiser noise."""

from __future__ import annotations

import torch
from torch import Tensor


def colour_weights(pixels: Tensor, extra: float = 4.0) -> Tensor:
    """More weight for pixels with colour, at a mean of 1 over the batch.

    Few pixels of a drawing are colourful; under equal weights the cheapest autoencoder is one that paints grey shapes.

    Args:
        pixels: [B, 3, H, W], -1..1.
        extra: what a fully saturated pixel weighs beyond a grey one's 1.
    Returns: [B, 1, H, W].
    """
    chroma = (pixels.amax(dim=1, keepdim=True) - pixels.amin(dim=1, keepdim=True)) / 2
    weights = 1 + extra * ((chroma - 0.2) / 0.3).clamp(0, 1)  # backgrounds have a chroma below 0.2, things above 0.5
    return weights / weights.mean()


def reconstruction_loss(drawn: Tensor, pixels: Tensor) -> Tensor:
    """How far a decoded picture is from the one encoded, colour counted more than lightness.

    Absolute differences keep edges sharp; the squares bring colour in early, where the median is still grey.

    Args:
        drawn, pixels: [B, 3, H, W], -1..1.
    """
    weights = colour_weights(pixels)
    difference = drawn - pixels
    tint = difference - difference.mean(dim=1, keepdim=True)
    near = difference.abs() + tint.abs()
    far = difference.square() + tint.square()
    return (weights * (near + 2 * far)).mean()


def gaussian_latent(moments: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """A draw from the latents that an encoder allows, and how far these are from N(0, 1).

    Args:
        moments: [B, 2 * C, h, w], means and log variances.
        noise: [B, C, h, w], of unit variance.
    Returns: the latent [B, C, h, w]; the divergence, a mean over all its numbers. Source: Kingma and Welling 2014,
        arXiv:1312.6114, appendix B.
    """
    mean, log_variance = moments.chunk(2, dim=1)
    log_variance = log_variance.clamp(-20, 10)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    return mean + (0.5 * log_variance).exp() * noise, divergence


NOISY_POWER = 0.75


def noise_loss(said: Tensor, noise: Tensor, sigma: Tensor, limit: float = 5.0) -> Tensor:
    """Squared error of the predicted noise, low noise levels held back and high ones brought forward.

    At high noise a small error of the noise is a large one of the picture: there it is decided what will be where. At a
    power of 1 all noisy levels would weigh the same error of the picture the same.

    Args:
        said, noise: [B, C, h, w].
        sigma: [B], the noise level of each latent, over the latents' spread.
        limit: the signal-to-noise ratio from which a level's weight falls. Source: Hang et al. 2023, arXiv:2303.09556.
    """
    # min(SNR, limit) / SNR with SNR = 1 / sigma^2, then the factor for high noise
    weights = (limit * sigma.square()).clamp(max=1) * (1 + sigma.square()) ** NOISY_POWER
    return (weights * (said - noise).square().mean(dim=(1, 2, 3))).mean()


def seeded_chance(seed: int, step: int) -> torch.Generator:
    """The chance that one step sees: a function of seed and step, so that going on needs no stored state."""
    # 2^20 apart: a training has fewer steps than that, so that two seeds never share a step's numbers.
    return torch.Generator("cpu").manual_seed((seed << 20) + step)
