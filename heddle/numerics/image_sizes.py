"""Sizes of images: from the size that one has to the one that it is to have, the aspect kept."""

from __future__ import annotations

import math

#: Pixels of a "megapixel", as the menus of this ecosystem count: those of 1024 x 1024.
MEGAPIXEL = 1024 * 1024


def by_factor(width: int, height: int, factor: float) -> tuple[int, int]:
    """Both sides times a factor, to the nearest pixel and never nothing."""
    return max(1, round(width * factor)), max(1, round(height * factor))


def of_longer_side(width: int, height: int, longer: int) -> tuple[int, int]:
    """The longer side as long as this; 0 keeps the size."""
    if longer == 0:
        return width, height
    if width >= height:
        return longer, max(1, round(height / width * longer))
    return max(1, round(width / height * longer)), longer


def of_shorter_side(width: int, height: int, shorter: int) -> tuple[int, int]:
    """The shorter side as long as this; 0 keeps the size."""
    if shorter == 0:
        return width, height
    if width >= height:
        return max(1, round(width / height * shorter)), shorter
    return shorter, max(1, round(height / width * shorter))


def of_pixels(width: int, height: int, megapixels: float, step: int = 1) -> tuple[int, int]:
    """About so many megapixels, each side a multiple of `step`."""
    factor = math.sqrt(megapixels * MEGAPIXEL / (width * height))
    return max(1, round(width * factor / step)) * step, max(1, round(height * factor / step)) * step


def to_multiples(width: int, height: int, step: int) -> tuple[int, int]:
    """The largest multiples that fit in; a side that is shorter than one stays as it is."""
    return width // step * step or width, height // step * step or height


def to_cover(width: int, height: int, least_width: int, least_height: int) -> tuple[int, int]:
    """The smallest size of this aspect that covers another."""
    if least_width / width >= least_height / height:
        return least_width, max(least_height, math.ceil(height * least_width / width))
    return max(least_width, math.ceil(width * least_height / height)), least_height


def to_fit(width: int, height: int, most_width: int, most_height: int) -> tuple[int, int]:
    """The largest size of this aspect that fits into another, to whole pixels downwards."""
    factor = min(most_width / width, most_height / height)
    # A product that rounding left just below a whole number is meant to be it.
    sides = (int(side * factor + 1e-6) for side in (width, height))
    fitting_width, fitting_height = (max(1, side) for side in sides)
    return fitting_width, fitting_height
