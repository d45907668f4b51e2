"""The colours of one picture given to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_LEVELS = 1 << 16  # that a histogram tells apart
_TINY = 0.01  # of L*, a* and b*: a smaller spread is none that could be stretched
_AT_ONCE = 1 << 16  # pixels: what is made of them on the way stays in the processor's own memory

# sRGB's primaries in XYZ, and its white, D65. Source: IEC 61966-2-1.
_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.95047, 1.0, 1.08883)

#: A change of colours [..., 3], worked out from those of some images and those that they are to have.
Change = Callable[[Tensor], Tensor]


def transfer(target: Tensor, reference: Tensor, method: str, frames: str, index: int, strength: float) -> Tensor:
    """Target with the colours of reference.

    Args:
        target, reference: [B, H, W, C] of any sizes. An alpha of target stays as it is.
        method: one of METHODS.
        frames: from which of target's images the change is worked out: `per_frame`, from each its own (with the image
            of reference in its place, repeated from the start); `uniform`, one from all of them; `target_frame`, one
            from image `index`, or the last one. The latter two look at all of reference.
        strength: 0 changes nothing, 1 all the way; more goes beyond.
    Returns: [B, H, W, C], 0..1.
    """
    find = METHODS[method]
    given, wanted = (_colours(each) for each in (target, reference))
    if frames == "per_frame":
        changes = [find([one], [wanted[at % len(wanted)]]) for at, one in enumerate(given)]
    else:
        looked_at = list(given) if frames == "uniform" else [given[min(index, len(given) - 1)]]
        changes = [find(looked_at, list(wanted))] * len(given)
    result = torch.empty_like(target)
    for at, (one, change) in enumerate(zip(given, changes, strict=True)):
        changed = (one + strength * (change(one).clamp(0, 1) - one)).clamp(0, 1)
        result[at, ..., :3] = changed[..., : result.shape[-1]]
    result[..., 3:] = target[..., 3:]
    return result


def to_lab(colours: Tensor) -> Tensor:
    """sRGB [..., 3], 0..1, in CIE L*a*b*. Source: IEC 61966-2-1 and CIE 15."""
    linear = torch.where(colours <= 0.04045, colours / 12.92, ((colours.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    xyz = linear @ colours.new_tensor(_TO_XYZ).T / colours.new_tensor(_WHITE)
    bent = torch.where(xyz > (6 / 29) ** 3, xyz.clamp(min=0) ** (1 / 3), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = bent.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)


def from_lab(lab: Tensor) -> Tensor:
    """The inverse of `to_lab`; what sRGB cannot show lies outside of 0..1."""
    light, a, b = lab.unbind(-1)
    y = (light + 16) / 116
    bent = torch.stack([y + a / 500, y, y - b / 200], dim=-1)
    xyz = torch.where(bent > 6 / 29, bent**3, 3 * (6 / 29) ** 2 * (bent - 4 / 29))
    linear = xyz * lab.new_tensor(_WHITE) @ torch.linalg.inv(lab.new_tensor(_TO_XYZ)).T
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=0) ** (1 / 2.4) - 0.055)


def _colours(images: Tensor) -> Tensor:
    """[B, H, W, 3], a grey image with its brightness in each; what is no number is black."""
    few = images[..., :3].nan_to_num().clamp(0, 1).float()
    return few if few.shape[-1] == 3 else few[..., :1].expand(*few.shape[:-1], 3)


def _mean_and_covariance(images: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Of all Lab colours of these images."""
    count, total, products = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    for image in images:
        for part in image.reshape(-1, 3).split(_AT_ONCE):
            lab = to_lab(part.cpu()).double()
            count += len(lab)
            total += lab.sum(0)
            products += lab.T @ lab
    mean = total / count
    return mean, products / count - torch.outer(mean, mean)


def _linear(matrix: Tensor, mean: Tensor, wanted_mean: Tensor) -> Change:
    """Lab colours (x - mean) @ matrix + wanted_mean."""
    summand = (wanted_mean - mean @ matrix).float()
    factor = matrix.float()

    def change(colours: Tensor) -> Tensor:
        parts = colours.cpu().reshape(-1, 3).split(_AT_ONCE)
        return (
            torch.cat([from_lab(to_lab(part) @ factor + summand) for part in parts]).reshape(colours.shape).to(colours)
        )

    return change


def _reinhard(given: Sequence[Tensor], wanted: Sequence[Tensor]) -> Change:
    """Mean and spread of each of L*, a* and b*. Source: Reinhard et al. 2001, Color Transfer between Images."""
    (mean, covariance), (wanted_mean, wanted_covariance) = _mean_and_covariance(given), _mean_and_covariance(wanted)
    spread, wanted_spread = (each.diagonal().clamp(min=0).sqrt() for each in (covariance, wanted_covariance))
    return _linear(torch.diag(wanted_spread / spread.clamp(min=_TINY)), mean, wanted_mean)


def _monge_kantorovich(given: Sequence[Tensor], wanted: Sequence[Tensor]) -> Change:
    """Mean and covariance, with the least movement that does it.

    Source: Pitié and Kokaram 2007, The linear Monge-Kantorovitch linear colour mapping for example-based colour
    transfer: A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2 takes the covariance A to B.
    """
    (mean, covariance), (wanted_mean, wanted_covariance) = _mean_and_covariance(given), _mean_and_covariance(wanted)
    covariance, wanted_covariance = (each + _TINY**2 * torch.eye(3) for each in (covariance, wanted_covariance))
    root, undone = _power(covariance, 0.5), _power(covariance, -0.5)
    return _linear(undone @ _power(root @ wanted_covariance @ root, 0.5) @ undone, mean, wanted_mean)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Of a symmetric matrix without negative directions."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0) ** exponent @ vectors.T


def _histogram(given: Sequence[Tensor], wanted: Sequence[Tensor]) -> Change:
    """The share of pixels below each level, for red, green and blue each alone."""
    tables = []
    for channel in range(3):
        below, wanted_below = (_shares_below([each[..., channel] for each in images]) for images in (given, wanted))
        tables.append(torch.searchsorted(wanted_below, below).clamp(max=_LEVELS - 1) / (_LEVELS - 1))
    table = torch.stack(tables)

    def change(colours: Tensor) -> Tensor:
        levels = _levels(colours)
        return torch.stack([table[at].to(colours)[levels[..., at]] for at in range(3)], dim=-1)

    return change


def _levels(values: Tensor) -> Tensor:
    return (values * (_LEVELS - 1)).round().long()


def _shares_below(planes: Sequence[Tensor]) -> Tensor:
    """Which share of all values is at a level or below it, level by level; the middle of a level counts as it."""
    counts: Any = sum(torch.bincount(_levels(each).flatten().cpu(), minlength=_LEVELS) for each in planes)
    return (counts.double().cumsum(0) - counts.double() / 2) / counts.sum()


METHODS: dict[str, Callable[[Sequence[Tensor], Sequence[Tensor]], Change]] = {
    "reinhard_lab": _reinhard,
    "mkl_lab": _monge_kantorovich,
    "histogram": _histogram,
}
