"""Images made soft, and sharp again by taking the soft away."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def blur(images: Tensor, radius_px: int, sigma: float) -> Tensor:
    """Each pixel as the mean of those around it, weighted by a Gauss curve; at the borders the image is mirrored.

    Args:
        images: [B, H, W, C].
        radius_px: the window's side is 2 * radius_px + 1.
        sigma: of the curve, in radii: with 1 the weight falls to exp(-1/2) at the window's sides.
    """
    places = torch.linspace(-1, 1, 2 * radius_px + 1, device=images.device, dtype=images.dtype)
    weights = (-(places**2) / (2 * sigma**2)).exp()
    weights = weights / weights.sum()  # the window is the product of two such lines, so each goes for itself
    rows, columns = (_mirrored(length, radius_px, images) for length in images.shape[1:3])
    result = torch.empty_like(images)
    for at, image in enumerate(images):  # each alone, as a batch may be a film
        planes = image.movedim(-1, 0)[:, None]
        planes = F.conv2d(planes[..., rows, :], weights.reshape(1, 1, -1, 1))
        result[at] = F.conv2d(planes[..., columns], weights.reshape(1, 1, 1, -1))[:, 0].movedim(0, -1)
    return result


def sharpen(images: Tensor, radius_px: int, sigma: float, alpha: float) -> Tensor:
    """Images from which 10 * alpha times the difference to their blur is added; 0..1.

    Args:
        images, radius_px, sigma: as `blur` takes them.
    """
    return (images + 10 * alpha * (images - blur(images, radius_px, sigma))).clamp(0, 1)


def _mirrored(length: int, more: int, like: Tensor) -> Tensor:
    """The places of a line, and so many more at both ends, mirrored at its outermost places as often as it takes."""
    places = torch.arange(-more, length + more, device=like.device)
    period = max(2 * (length - 1), 1)
    folded = places.remainder(period)
    return torch.minimum(folded, (period - folded)) if length > 1 else torch.zeros_like(places)
