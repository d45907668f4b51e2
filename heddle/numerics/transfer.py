"""From the values of a picture to light: transfer functions undone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Source: ITU-R BT.2100-2, table 5.
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073


def light_of_srgb(values: Tensor) -> Tensor:
    """Linear light, 1 = white. Values beyond 0..1 follow the same curve, those below 0 mirrored.

    Source: IEC 61966-2-1.
    """
    size = values.abs()
    return values.sign() * torch.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)


def as_light(images: Tensor, of_values: Callable[[Tensor], Tensor] = light_of_srgb) -> Tensor:
    """Images [..., C] as linear light. An alpha is linear already."""
    return torch.cat([of_values(images[..., :3]), images[..., 3:]], dim=-1)


def light_of_hlg(values: Tensor) -> Tensor:
    """Scene light of hybrid log-gamma, 1 = the brightest of 0..1.

    Source: the inverse of the OETF in ITU-R BT.2100-2, table 5.
    """
    size = values.abs()
    return values.sign() * torch.where(size <= 0.5, size**2 / 3, (torch.exp((size - _HLG_C) / _HLG_A) + _HLG_B) / 12)
