"""What may be done to a latent as if its channels were a colour: its length in each cell is how bright the cell is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad


def sharpen(latent: Tensor, radius: int, sigma: float, strength: float) -> Tensor:
    """The direction of each cell's channels set off against the cells around it; its length stays out of it.

    Each cell gets ten times `strength` of what it differs by from a Gaussian mean around it. Borders are mirrored; a
    side that is too short for it is seen through a kernel cut to it.

    Args:
        latent: [B, C, ..., h, w]; further axes, such as time, are left alone.
        radius: of the kernel, in cells.
        sigma: of the Gaussian, in radii.
    """
    length = torch.linalg.vector_norm(latent, dim=1, keepdim=True) + 1e-6
    frames = (latent / length).movedim(1, -3)
    channels, height, width = frames.shape[-3:]
    rows, columns = min(radius, height - 1), min(radius, width - 1)
    kernel = _gaussian(radius, sigma).to(latent)
    kernel = kernel[radius - rows : radius + rows + 1, radius - columns : radius + columns + 1] * (-10 * strength)
    kernel[rows, columns] += 1 - kernel.sum()
    flat = pad(frames.reshape(-1, channels, height, width), (columns, columns, rows, rows), mode="reflect")
    sharp = conv2d(flat, kernel.expand(channels, 1, -1, -1), groups=channels)
    return length * sharp.reshape(frames.shape).movedim(-3, 1)


def _gaussian(radius: int, sigma: float) -> Tensor:
    """[2 radius + 1, 2 radius + 1], its sum 1."""
    place = torch.linspace(-1, 1, 2 * radius + 1)
    row = torch.exp(-place.square() / (2 * sigma**2))
    kernel = row[:, None] * row
    return kernel / kernel.sum()


def compress_lengths(latent: Tensor, multiplier: float) -> Tensor:
    """The channels of each cell brought below a top length, the less the shorter they are, their direction kept.

    A length r becomes r / (1 + r / top); top is the mean length of the picture and five times its deviation, times
    `multiplier`; 0 leaves nothing.

    Source: Reinhard et al. 2002, "Photographic tone reproduction for digital images", equation 3.
    """
    length = torch.linalg.vector_norm(latent, dim=1, keepdim=True) + 1e-10
    axes = tuple(range(1, latent.ndim))
    deviation = length.std(axes, keepdim=True) if length[0].numel() > 1 else torch.zeros_like(length)
    top = (length.mean(axes, keepdim=True) + 5 * deviation) * multiplier
    return latent * (top / (top + length))
