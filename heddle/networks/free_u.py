"""FreeU: what comes up a UNet counts more, the slow changes of what is handed across count less.

Source: Si et al. 2023, arXiv:2309.11497, section 3.3; the public code for what its second version does.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from heddle.networks.hooks import ChangeJoined, StagePlace
from heddle.numerics.frequencies import scale_frequencies

SLOWEST = 1  # cycles per picture: the mean and what is next to it


def free_u(factors: Mapping[int, tuple[float, float]], *, by_structure: bool) -> ChangeJoined:
    """A hook for the way up.

    Args:
        factors: for stages that are given so many channels from below: what the first half of these is multiplied by,
            and the slowest changes of the skip.
        by_structure: the first of the two counts in full only where the mean of the channels is largest, and not at all
            where it is smallest (the second version).
    """

    def change(place: StagePlace, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        if x.shape[1] not in factors:
            return x, skip
        backbone, slow = factors[x.shape[1]]
        half = x.shape[1] // 2
        changed = x.clone()
        changed[:, :half] *= 1 + (backbone - 1) * _structure(x) if by_structure else backbone
        return changed, scale_frequencies(skip, SLOWEST, slow)

    return change


def _structure(x: Tensor) -> Tensor:
    """The mean of the channels [B, 1, h, w], from 0 where it is smallest in a picture to 1 where it is largest."""
    mean = x.mean(1, keepdim=True)
    least, most = mean.amin((2, 3), keepdim=True), mean.amax((2, 3), keepdim=True)
    span = most - least
    return (mean - least) / span.where(span > 0, 1)
