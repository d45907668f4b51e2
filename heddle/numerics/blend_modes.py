"""What a colour becomes where another lies over it: the blend modes of layered pictures.

Each takes the backdrop `b` and the source `s` over it, [..., 3] of 0..1 each, and gives their blend, before either's
alpha counts.

Sources: W3C Compositing and Blending Level 1, sections 9.1 (separable modes) and 9.2 (hue, saturation, color,
luminosity), for all that stands there. The GIMP manual, chapter "Layer Modes", for divide, subtract, grain-extract and
grain-merge. The blend modes of Adobe's PDF and Photoshop documentation for linear, vivid, pin light and hard mix.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Blend = Callable[[Tensor, Tensor], Tensor]


def _over_zero(top: Tensor, bottom: Tensor) -> Tensor:
    """top / bottom, at most 1; where nothing is left to divide by, 1, and 0 of 0."""
    share = top / bottom.where(bottom > 0, 1.0)
    return torch.where(bottom > 0, share.clamp(max=1), (top > 0).to(top))


def _dodge(b: Tensor, s: Tensor) -> Tensor:
    return _over_zero(b, 1 - s)


def _burn(b: Tensor, s: Tensor) -> Tensor:
    return 1 - _over_zero(1 - b, s)


def _hard_light(b: Tensor, s: Tensor) -> Tensor:
    return torch.where(s <= 0.5, 2 * b * s, 1 - 2 * (1 - b) * (1 - s))


def _soft_light(b: Tensor, s: Tensor) -> Tensor:
    lit = torch.where(b <= 0.25, ((16 * b - 12) * b + 4) * b, b.clamp(min=0).sqrt())
    return torch.where(s <= 0.5, b - (1 - 2 * s) * b * (1 - b), b + (2 * s - 1) * (lit - b))


def _vivid_light(b: Tensor, s: Tensor) -> Tensor:
    """Burns by the darker half of the source, dodges by the lighter."""
    return torch.where(s <= 0.5, _burn(b, 2 * s), _dodge(b, 2 * s - 1))


def _pin_light(b: Tensor, s: Tensor) -> Tensor:
    """Darkens by the darker half of the source, lightens by the lighter."""
    return torch.where(s <= 0.5, torch.minimum(b, 2 * s), torch.maximum(b, 2 * s - 1))


_LUMINOSITY = (0.3, 0.59, 0.11)


def _luminosity(colour: Tensor) -> Tensor:
    return (colour * colour.new_tensor(_LUMINOSITY)).sum(-1, keepdim=True)


def _span(colour: Tensor) -> Tensor:
    """What the specification calls saturation."""
    return colour.amax(-1, keepdim=True) - colour.amin(-1, keepdim=True)


def _with_luminosity(colour: Tensor, wanted: Tensor) -> Tensor:
    """SetLum and ClipColor: moved along grey, and drawn towards it where it would leave 0..1."""
    moved = colour + (wanted - _luminosity(colour))
    lowest, highest = moved.amin(-1, keepdim=True), moved.amax(-1, keepdim=True)
    grey = _luminosity(moved)
    below = grey / (grey - lowest).where(lowest < 0, 1.0)
    above = (1 - grey) / (highest - grey).where(highest > 1, 1.0)
    moved = torch.where(lowest < 0, grey + (moved - grey) * below, moved)
    return torch.where(highest > 1, grey + (moved - grey) * above, moved)


def _with_saturation(colour: Tensor, wanted: Tensor) -> Tensor:
    """SetSat: stretched so that the least is 0 and the largest what is wanted; a grey becomes black."""
    span = _span(colour)
    return torch.where(span > 0, (colour - colour.amin(-1, keepdim=True)) * wanted / span.where(span > 0, 1.0), 0.0)


MODES: dict[str, Blend] = {
    "normal": lambda b, s: s,
    "multiply": lambda b, s: b * s,
    "screen": lambda b, s: b + s - b * s,
    "overlay": lambda b, s: _hard_light(s, b),
    "darken": torch.minimum,
    "lighten": torch.maximum,
    "color-dodge": _dodge,
    "color-burn": _burn,
    "hard-light": _hard_light,
    "soft-light": _soft_light,
    "difference": lambda b, s: (b - s).abs(),
    "exclusion": lambda b, s: b + s - 2 * b * s,
    "linear-dodge": lambda b, s: b + s,
    "linear-burn": lambda b, s: b + s - 1,
    "vivid-light": _vivid_light,
    "pin-light": _pin_light,
    "linear-light": lambda b, s: b + 2 * s - 1,
    "hard-mix": lambda b, s: (b + s >= 1).to(b),
    "subtract": lambda b, s: b - s,
    "divide": _over_zero,
    "grain-extract": lambda b, s: b - s + 0.5,
    "grain-merge": lambda b, s: b + s - 0.5,
    "hue": lambda b, s: _with_luminosity(_with_saturation(s, _span(b)), _luminosity(b)),
    "saturation": lambda b, s: _with_luminosity(_with_saturation(b, _span(s)), _luminosity(b)),
    "color": lambda b, s: _with_luminosity(s, _luminosity(b)),
    "luminosity": lambda b, s: _with_luminosity(b, _luminosity(s)),
}


def blend_colours(backdrop: Tensor, source: Tensor, mode: str) -> Tensor:
    """What a mode makes of two colours, 0..1. `normal` gives the source to the bit, whatever it is.

    Args:
        backdrop, source: [..., 3]. mode: one of MODES.
    """
    if mode == "normal":
        return source
    return MODES[mode](backdrop.clamp(0, 1), source.clamp(0, 1)).clamp(0, 1)
