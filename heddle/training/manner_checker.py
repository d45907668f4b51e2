"""A judge of what lies behind the things of a picture, and of how they are drawn. It too never saw a net."""

from __future__ import annotations

from functools import cache

import numpy as np

from heddle.training.checker import fill_holes, find_outline, read_hues
from heddle.training.drawing import BLOCK_PX, SIDE_PX, pattern_of
from heddle.training.world import SKY

PALEST_CHROMA = 58  # of 255: more has a thing, less a background
MARGIN_PX = 4  # around things, where their edges would be taken for a pattern
LEAST_CONTRAST = 6.0  # standard deviation, of 255; a plain background has less
LEAST_LIKENESS = 0.35  # squared correlation with a pattern
HOLLOW = 0.1  # the share of a thing that is not of its colour: the eye of a fish has less, an outline more
FARTHEST_PX = 0.5  # how far the edge of a thing in blocks lies from the grid on the mean; another's lies 0.8 px off


@cache
def _patterns() -> dict[str, tuple[np.ndarray, ...]]:
    ramp = np.linspace(-1, 1, SIDE_PX, dtype=np.float32)[:, None].repeat(SIDE_PX, axis=1)
    stripes, dots = pattern_of("striped"), pattern_of("dotted")
    return {"shaded": (ramp, ramp.T), "striped": (stripes, stripes.T), "dotted": (dots,)}


def ground_of(picture: np.ndarray) -> str:
    """Which of `GROUNDS` a picture [128, 128, 3] uint8 shows behind its things."""
    from scipy.ndimage import binary_dilation  # importing scipy changes the filters of warnings

    things = np.asarray(binary_dilation(read_hues(picture).chroma > PALEST_CHROMA, iterations=MARGIN_PX), dtype=bool)
    behind = picture[~things].astype(np.float32)
    if len(behind) < SIDE_PX:  # of nothing nothing can be said
        return "plain"
    lightness = behind.mean(axis=1)
    red, green, blue = behind.mean(axis=0)
    if np.quantile(lightness, 0.05) > 150 and blue - green > 5 and blue - red > 15:
        return SKY
    level = behind[:, behind.std(axis=0).argmax()]  # beige and mint are equally light, but not equally red
    if level.std() < LEAST_CONTRAST:
        return "plain"
    likeness = {
        name: max(_squared_correlation(level, each[~things]) for each in patterns)
        for name, patterns in _patterns().items()
    }
    best = max(likeness, key=lambda name: likeness[name])
    return best if likeness[best] > LEAST_LIKENESS else "plain"


def _squared_correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float(np.square((a * b).sum()) / max(1e-6, float(np.square(a).sum() * np.square(b).sum())))


def style_of(picture: np.ndarray) -> str | None:
    """Which of `STYLES` the things of a picture [128, 128, 3] uint8 are drawn in; None where there is no thing."""
    outline = find_outline(picture)
    if outline is None:
        return None
    filled = fill_holes(outline.mask)
    if outline.mask.sum() < (1 - HOLLOW) * filled.sum():
        return "outline"
    return "pixel" if _away_from_grid_px(filled) < FARTHEST_PX else "flat"


def _away_from_grid_px(mask: np.ndarray) -> float:
    """How far a shape's edge lies from that of the nearest shape made of blocks, as a mean along it."""
    rows, columns = (side // BLOCK_PX for side in mask.shape)
    blocks = mask.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean(axis=(1, 3), keepdims=True) >= 0.5
    differing = (mask.reshape(rows, BLOCK_PX, columns, BLOCK_PX) != blocks).sum()
    edge_px = np.diff(mask, axis=0).sum() + np.diff(mask, axis=1).sum()
    return float(differing / max(1, edge_px))
