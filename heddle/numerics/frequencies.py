"""Slow and fast changes across a picture, weighed differently."""

from __future__ import annotations

import torch
from torch import Tensor


def scale_frequencies(x: Tensor, cutoff: int, low: float, high: float = 1.0) -> Tensor:
    """x with its slow changes times `low` and its fast ones times `high`.

    Args:
        x: [..., h, w].
        cutoff: in cycles per picture; what has from -cutoff to cutoff - 1 of them along both axes counts as slow.
    Returns: as x. It is computed in float32, which is what all devices have a Fourier transform for.
    """
    spectrum = torch.fft.fftshift(torch.fft.fft2(x.float()), dim=(-2, -1))
    height, width = x.shape[-2:]
    factors = torch.full((height, width), high, device=x.device)
    rows, columns = (slice(max(0, size // 2 - cutoff), size // 2 + cutoff) for size in (height, width))
    factors[rows, columns] = low
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum * factors, dim=(-2, -1))).real.to(x)
