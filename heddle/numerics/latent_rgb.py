"""Small pictures straight from a latent: each cell's channels, read linearly as one colour."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from heddle.graph.errors import ShapeError
from heddle.graph.said import say

#: A preview is at most this many times as large as its latent: beyond, nothing is added but bytes.
LARGEST_SCALE = 8


@dataclass(frozen=True)
class LatentColours:
    """The linear map from a latent's channels to -1..1 red, green and blue.

    Attributes:
        factors: for each channel, its share in red, green and blue.
        bias: the colour of a latent of zeros.
    """

    factors: tuple[tuple[float, float, float], ...]
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)


def fit_colours(latent: Tensor, rgb: Tensor) -> LatentColours:
    """The map that comes nearest to the given colours, by least squares.

    Args:
        latent: [B, C, h, w].
        rgb: [B, 3, h, w], -1..1: the colour of each cell.
    """
    cells = _as_rows(latent)
    solved = torch.linalg.lstsq(torch.cat([cells, torch.ones_like(cells[:, :1])], dim=1), _as_rows(rgb)).solution
    rows = [(red, green, blue) for red, green, blue in solved.tolist()]
    return LatentColours(tuple(rows[:-1]), rows[-1])


def latent_to_pixels(latent: Tensor, colours: LatentColours, longest_px: int | None = None) -> Tensor:
    """The first picture of a batch, one colour a cell, then blown up smoothly.

    Args:
        latent: [B, C, h, w] in the network's units, anywhere and in any floating dtype.
        longest_px: the longer side of the result, or `LARGEST_SCALE` pixels a cell if that is less; None = one
            pixel a cell.
    Returns: [H, W, 3] uint8 on the CPU. A cell that is not finite is black.
    Raises: ShapeError, if the latent is of another shape or has another number of channels than the map.
    """
    channels = len(colours.factors)
    if latent.ndim != 4 or latent.shape[0] < 1 or latent.shape[1] != channels:
        raise ShapeError(
            say(
                "a preview is made of latents [B, {channels}, h, w], found {shape}",
                channels=channels,
                shape=list(latent.shape),
            ),
            wanted=channels,
            got=tuple(latent.shape),
        )
    # A latent is small: moving it is the only moment at which a device is waited for.
    cells = latent[0].detach().to("cpu", torch.float32)
    factors = torch.tensor(colours.factors, dtype=torch.float32)
    bias = torch.tensor(colours.bias, dtype=torch.float32)
    rgb = torch.einsum("chw,cr->hwr", cells, factors) + bias
    rgb = rgb.add(1).mul(127.5).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    pixels = rgb.add(0.5).clamp(0, 255).to(torch.uint8)
    if longest_px is None:
        return pixels
    return fit_into(pixels, min(longest_px, LARGEST_SCALE * max(pixels.shape[:2])))


def fit_into(pixels: Tensor, longest_px: int) -> Tensor:
    """[H, W, 3] uint8 smoothly brought to a longer side of `longest_px`, with its aspect kept."""
    height, width = pixels.shape[:2]
    scale = longest_px / max(height, width)
    size = [max(1, round(height * scale)), max(1, round(width * scale))]
    # In bytes with colours last this takes a seventh of the time that it takes in floats.
    channels_last = pixels.permute(2, 0, 1)[None]
    resized = functional.interpolate(channels_last, size, mode="bilinear", antialias=True)[0]
    return resized.permute(1, 2, 0).contiguous()


def _as_rows(x: Tensor) -> Tensor:
    """[B, C, h, w] as [cells, C], in double precision on the CPU."""
    return x.detach().to("cpu", torch.float64).movedim(1, -1).flatten(0, -2)
