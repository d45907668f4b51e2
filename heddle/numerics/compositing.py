"""Pictures put onto each other: at a place, through a mask, with an alpha of their own.

Masks on wires are 1 where a picture is transparent, alphas 1 where it is opaque.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from heddle.numerics.batches import fit_batch, masks_of
from heddle.numerics.colours import luma
from heddle.numerics.image_batches import with_channels
from heddle.numerics.resize import resize


def paste(
    destination: Tensor, source: Tensor, x: int, y: int, mask: Tensor | None = None, resize_source: bool = False
) -> Tensor:
    """Destination with source put onto it at (x, y); what reaches over the border is cut.

    Args:
        destination: [B, C, H, W], or [B, C, F, H, W] for frames. source: the same of other sizes, repeated or cut to B.
        x, y: in cells of both; may be less than 0.
        mask: of any size, stretched over the source: 1 shows the source, 0 leaves the destination to the bit.
        resize_source: stretch the source to the destination's size first.
    """
    if resize_source:
        source = resize(source, destination.shape[-1], destination.shape[-2], "bilinear")
    source = fit_batch(source, len(destination)).to(destination)
    result = destination.clone()
    rows, columns = (_overlap(at, source.shape[dim], result.shape[dim]) for at, dim in ((y, -2), (x, -1)))
    part = result[..., rows[0], columns[0]]
    put = source[..., rows[1], columns[1]]
    if part.numel() == 0:
        return result
    if mask is None:
        part.copy_(put)
        return result
    share = F.interpolate(masks_of(mask)[:, None].to(destination), size=source.shape[-2:], mode="bilinear")
    share = fit_batch(share, len(destination))[..., rows[1], columns[1]]
    share = share.reshape(len(share), 1, *[1] * (part.ndim - 4), *share.shape[-2:])  # frames share one mask
    part.copy_(torch.where(share == 0, part, share * put + (1 - share) * part))
    return result


def _overlap(at: int, length: int, whole: int) -> tuple[slice, slice]:
    """Which part of a line of `whole` cells one of `length` covers that begins `at`, and which part of it that is."""
    first, last = max(at, 0), max(min(at + length, whole), max(at, 0))
    return slice(first, last), slice(first - at, last - at)


def with_channels_of(source: Tensor, destination: Tensor) -> Tensor:
    """Images [B, H, W, C] with as many channels as others: an alpha too much is left out, a missing one is opaque."""
    wanted = destination.shape[-1]
    return luma(source).unsqueeze(-1) if wanted == 1 else with_channels(source, wanted)[..., :wanted]


def split_alpha(images: Tensor) -> tuple[Tensor, Tensor]:
    """The colours of [B, H, W, C] and a mask [B, H, W] that is 1 where they are transparent."""
    alpha = images[..., 3] if images.shape[-1] > 3 else torch.ones_like(images[..., 0])
    return images[..., :3].clone(), 1 - alpha


def join_alpha(images: Tensor, mask: Tensor) -> Tensor:
    """[B, H, W, 4], transparent where a mask of any size is 1. The shorter batch is repeated."""
    masks = F.interpolate(masks_of(mask)[:, None].to(images), size=images.shape[1:3], mode="bilinear").movedim(1, -1)
    size = max(len(images), len(masks))
    return torch.cat([fit_batch(images[..., :3], size), 1 - fit_batch(masks, size)], dim=-1)


# colours a, b, weighted by their alphas s, d: the source's first -> colour, alpha
_Rule = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def _over(blended: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> _Rule:
    """Opaque where either is."""
    return lambda a, s, b, d: (blended(a, s, b, d), s + d - s * d)


def _overlay(a: Tensor, s: Tensor, b: Tensor, d: Tensor) -> Tensor:
    return torch.where(2 * b < d, 2 * a * b, s * d - 2 * (d - a) * (s - b))


PORTER_DUFF: dict[str, _Rule] = {
    "ADD": lambda a, s, b, d: ((a + b).clamp(0, 1), (s + d).clamp(0, 1)),
    "CLEAR": lambda a, s, b, d: (torch.zeros_like(b), torch.zeros_like(d)),
    "DARKEN": _over(lambda a, s, b, d: (1 - d) * a + (1 - s) * b + torch.minimum(a, b)),
    "DST": lambda a, s, b, d: (b, d),
    "DST_ATOP": lambda a, s, b, d: (s * b + (1 - d) * a, s),
    "DST_IN": lambda a, s, b, d: (b * s, s * d),
    "DST_OUT": lambda a, s, b, d: ((1 - s) * b, (1 - s) * d),
    "DST_OVER": lambda a, s, b, d: (b + (1 - d) * a, d + (1 - d) * s),
    "LIGHTEN": _over(lambda a, s, b, d: (1 - d) * a + (1 - s) * b + torch.maximum(a, b)),
    "MULTIPLY": lambda a, s, b, d: (a * b, s * d),
    "OVERLAY": _over(_overlay),
    "SCREEN": _over(lambda a, s, b, d: a + b - a * b),
    "SRC": lambda a, s, b, d: (a, s),
    "SRC_ATOP": lambda a, s, b, d: (d * a + (1 - s) * b, d),
    "SRC_IN": lambda a, s, b, d: (a * d, s * d),
    "SRC_OUT": lambda a, s, b, d: ((1 - d) * a, (1 - d) * s),
    "SRC_OVER": lambda a, s, b, d: (a + (1 - s) * b, s + (1 - s) * d),
    "XOR": lambda a, s, b, d: ((1 - d) * a + (1 - s) * b, (1 - d) * s + (1 - s) * d),
}
"""Source: Porter and Duff 1984, Compositing Digital Images; the blending ones as Android's PorterDuff.Mode has them."""


def composite(
    source: Tensor, source_mask: Tensor, destination: Tensor, destination_mask: Tensor, mode: str
) -> tuple[Tensor, Tensor]:
    """Two pictures with masks, put onto each other by one of PORTER_DUFF.

    Args:
        source, destination: [B, H, W, C]. The source and both masks are brought to the destination's size (bicubic);
            of batches of different length the rest of the longer one is left out.
    Returns: [B, H, W, C], 0..1, and its mask [B, H, W].
    """
    source, width, height = with_channels_of(source, destination), destination.shape[2], destination.shape[1]
    masks = [masks_of(mask).unsqueeze(-1) for mask in (source_mask, destination_mask)]
    fitted = [_sized(each.to(destination), width, height) for each in (source, *masks)]
    count = min(len(destination), *map(len, fitted))
    over, over_mask, under_mask = (each[:count] for each in fitted)
    s, d = 1 - over_mask, 1 - under_mask
    colour, alpha = PORTER_DUFF[mode](over * s, s, destination[:count] * d, d)
    # Where nothing is left, no colour is; of less than this a colour could not be told.
    plain = torch.where(alpha > 1e-5, colour / alpha, torch.zeros_like(colour)).clamp(0, 1)
    return plain, (1 - alpha)[..., 0]


def _sized(images: Tensor, width: int, height: int) -> Tensor:
    if images.shape[1:3] == (height, width):
        return images
    return resize(images.movedim(-1, 1), width, height, "bicubic", "center").movedim(1, -1)
