"""Blend modes against their formulas, written out for single colours."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from heddle.numerics.blend_modes import MODES, blend_colours

STEPS = [0.0, 0.2, 0.25, 0.4, 0.5, 0.75, 1.0]


def dodge(b: float, s: float) -> float:
    return 0 if b == 0 else 1 if s == 1 else min(1, b / (1 - s))


def burn(b: float, s: float) -> float:
    return 1 if b == 1 else 0 if s == 0 else 1 - min(1, (1 - b) / s)


def hard(b: float, s: float) -> float:
    return b * 2 * s if s <= 0.5 else b + (2 * s - 1) - b * (2 * s - 1)


def soft(b: float, s: float) -> float:
    lit = ((16 * b - 12) * b + 4) * b if b <= 0.25 else math.sqrt(b)
    return b - (1 - 2 * s) * b * (1 - b) if s <= 0.5 else b + (2 * s - 1) * (lit - b)


BY_CHANNEL = {
    "normal": lambda b, s: s,
    "multiply": lambda b, s: b * s,
    "screen": lambda b, s: 1 - (1 - b) * (1 - s),
    "overlay": lambda b, s: hard(s, b),
    "darken": min,
    "lighten": max,
    "color-dodge": dodge,
    "color-burn": burn,
    "hard-light": hard,
    "soft-light": soft,
    "difference": lambda b, s: abs(b - s),
    "exclusion": lambda b, s: b + s - 2 * b * s,
    "linear-dodge": lambda b, s: min(1, b + s),
    "linear-burn": lambda b, s: max(0, b + s - 1),
    "vivid-light": lambda b, s: burn(b, 2 * s) if s <= 0.5 else dodge(b, 2 * s - 1),
    "pin-light": lambda b, s: min(b, 2 * s) if s <= 0.5 else max(b, 2 * s - 1),
    "linear-light": lambda b, s: min(1, max(0, b + 2 * s - 1)),
    "hard-mix": lambda b, s: 1 if b + s >= 1 else 0,
    "subtract": lambda b, s: max(0, b - s),
    "divide": lambda b, s: (1 if b else 0) if s == 0 else min(1, b / s),
    "grain-extract": lambda b, s: min(1, max(0, b - s + 0.5)),
    "grain-merge": lambda b, s: min(1, max(0, b + s - 0.5)),
}


@pytest.mark.parametrize("mode", BY_CHANNEL)
def test_a_separable_mode_is_its_formula_at_every_corner(mode: str) -> None:
    pairs = [(b, s) for b in STEPS for s in STEPS]
    backdrop, source = (torch.tensor([pair[at] for pair in pairs])[:, None].expand(-1, 3) for at in (0, 1))
    wanted = torch.tensor([float(BY_CHANNEL[mode](b, s)) for b, s in pairs])[:, None].expand(-1, 3)
    torch.testing.assert_close(blend_colours(backdrop, source, mode), wanted, rtol=0, atol=1e-6)


def lum(colour: list[float]) -> float:
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def set_lum(colour: list[float], wanted: float) -> list[float]:
    moved = [each + wanted - lum(colour) for each in colour]
    grey, least, most = lum(moved), min(moved), max(moved)
    if least < 0:
        moved = [grey + (each - grey) * grey / (grey - least) for each in moved]
    if most > 1:
        moved = [grey + (each - grey) * (1 - grey) / (most - grey) for each in moved]
    return moved


def set_sat(colour: list[float], wanted: float) -> list[float]:
    """By sorting, as the specification writes it."""
    order = sorted(range(3), key=lambda at: colour[at])
    low, middle, high = order
    made = [0.0, 0.0, 0.0]
    if colour[high] > colour[low]:
        made[middle] = (colour[middle] - colour[low]) * wanted / (colour[high] - colour[low])
        made[high] = wanted
    return made


def sat(colour: list[float]) -> float:
    return max(colour) - min(colour)


TOGETHER = {
    "hue": lambda b, s: set_lum(set_sat(s, sat(b)), lum(b)),
    "saturation": lambda b, s: set_lum(set_sat(b, sat(s)), lum(b)),
    "color": lambda b, s: set_lum(s, lum(b)),
    "luminosity": lambda b, s: set_lum(b, lum(s)),
}


@pytest.mark.parametrize("mode", TOGETHER)
def test_a_mode_of_whole_colours_is_the_specifications(mode: str) -> None:
    colours = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.9, 0.1, 0.2], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.3, 0.3, 0.3]]
    pairs = [(b, s) for b in colours for s in colours]
    found = blend_colours(torch.tensor([b for b, _ in pairs]), torch.tensor([s for _, s in pairs]), mode)
    wanted = torch.tensor([TOGETHER[mode](b, s) for b, s in pairs]).clamp(0, 1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


def test_every_mode_stays_within_colours_and_finite() -> None:
    assert set(MODES) == set(BY_CHANNEL) | set(TOGETHER)
    drawn: Tensor = torch.rand(500, 3, generator=torch.Generator().manual_seed(0))
    backdrop, source = drawn.round(decimals=1), drawn.flip(0).round(decimals=1)
    for mode in MODES:
        found = blend_colours(backdrop, source, mode)
        assert found.min() >= 0 and found.max() <= 1 and bool(found.isfinite().all()), mode
