"""A judge of pictures of the demo's world that never saw a net: it measures colour, outline and place.

A thing is what is colourful, its colour the commonest hue there. The outline is laid into a small grid and compared
with outlines of fresh drawings; the place is where the outline's box lies. Nothing here is learned from a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from heddle.training.drawing import SIDE_PX, draw
from heddle.training.world import (
    COLOURS,
    PLACES,
    SIZES,
    THINGS,
    Background,
    Placed,
    Scene,
    pick_background,
    pick_placed,
)

GRID = 20  # cells along each side of an outline's box
FAINTEST_CHROMA = 70  # of 255; backgrounds stay below 50, things start above 90
SMALLEST_AREA_PX = 120  # half of the smallest thing; less is a speck
PLACE_LIMIT_PX = 14.0  # half way from the centre to the next place
EXAMPLES = 180  # outlines kept of each thing
BLURS_PX = (0.0, 1.5, 2.5, 3.5)  # of the examples
NEIGHBOURS = 5


class Seen(NamedTuple):
    """What a picture shows; None throughout where it shows no thing."""

    thing: str | None
    colour: str | None
    size: str | None
    place: str | None


NOTHING = Seen(None, None, None, None)


class Outline(NamedTuple):
    """A thing cut out. cells: [GRID, GRID], how much of each is covered. Lengths in px of the picture."""

    cells: np.ndarray
    x: float
    y: float
    half: float
    hue: float


def find_outline(picture: np.ndarray) -> Outline | None:
    """The colourful thing in a picture [H, W, 3] uint8, or None."""
    rgb = picture.astype(np.float32)
    high, low = rgb.max(axis=2), rgb.min(axis=2)
    chroma = high - low
    strongest = np.quantile(chroma, 1 - SMALLEST_AREA_PX / chroma.size)
    if strongest < FAINTEST_CHROMA:
        return None
    hue = hues(rgb, high, chroma)
    core = chroma > max(FAINTEST_CHROMA, 0.7 * strongest)
    counts = np.bincount((hue[core] / 5).astype(int) % 72, minlength=72)
    spread = sum(np.roll(counts, shift) for shift in (-1, 0, 1))
    middle = float(np.argmax(spread)) * 5 + 2.5
    away = (hue - middle + 180) % 360 - 180
    body = core & (np.abs(away) < 10)
    main_hue = (middle + float(away[body].mean())) % 360
    # The edge of a thing lies where its colour is half way to the ground's, over any ground.
    mask = (chroma > max(50.0, 0.5 * strongest)) & (np.abs((hue - main_hue + 180) % 360 - 180) < 30)
    if mask.sum() < SMALLEST_AREA_PX:
        return None
    box = _box(mask)
    left, top, right, bottom = box
    half = max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    square = (x - half, y - half, x + half, y + half)
    cells = Image.fromarray(mask.astype(np.uint8) * 255).transform(
        (GRID * 3, GRID * 3), Image.Transform.EXTENT, square, Image.Resampling.BILINEAR
    )
    return Outline(np.asarray(cells.reduce(3), dtype=np.float32) / 255, x, y, half, main_hue)


def hues(rgb: np.ndarray, high: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Hue in degrees of each pixel, 0 where there is none. Source: Smith 1978, "Color gamut transform pairs"."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    safe = np.where(chroma > 0, chroma, 1)
    by_green_or_blue = np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4)
    sector = np.where(high == red, (green - blue) / safe % 6, by_green_or_blue)
    return np.where(chroma > 0, sector * 60, 0) % 360


def _box(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what is covered, without stray pixels: a row or column counts from two pixels on."""
    columns, rows = np.flatnonzero(mask.sum(axis=0) > 1), np.flatnonzero(mask.sum(axis=1) > 1)
    if not len(columns) or not len(rows):
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def nearest_colour(hue: float) -> str:
    """The colour whose hue lies nearest on the circle."""
    return min(COLOURS, key=lambda name: abs((COLOURS[name][0] - hue + 180) % 360 - 180))


def nearest_place(x: float, y: float) -> str:
    """The place of a point in px."""
    column, row = (
        0 if abs(offset) < PLACE_LIMIT_PX else int(np.sign(offset)) for offset in (x - SIDE_PX / 2, y - SIDE_PX / 2)
    )
    return next(name for name, where in PLACES.items() if where == (column, row))


@cache
def _examples() -> tuple[np.ndarray, np.ndarray]:
    """Outlines of fresh drawings, [N, GRID * GRID], and the number of the thing of each, [N]."""
    outlines, things = [], []
    for number, thing in enumerate(THINGS):
        for i in range(EXAMPLES):
            random = Random(f"example/{thing}/{i}")
            colour, size = random.choice(list(COLOURS)), list(SIZES)[i % 2]
            ground = Background(random.choice(("white", "gray", "black")))
            scene = Scene((Placed(thing, colour, size, "centre"),), ground)
            # What an autoencoder or a denoiser paints is never as sharp as a drawing.
            blur = ImageFilter.GaussianBlur(BLURS_PX[i // 2 % len(BLURS_PX)])
            outline = find_outline(np.asarray(Image.fromarray(draw(random, scene)).filter(blur)))
            assert outline is not None, f"the drawing of a {size} {colour} {thing} shows nothing"
            outlines.append(outline.cells.ravel())
            things.append(number)
    return np.stack(outlines), np.array(things)


def look(picture: np.ndarray) -> Seen:
    """What a picture [128, 128, 3] uint8 shows."""
    outline = find_outline(picture)
    if outline is None:
        return NOTHING
    known, things = _examples()
    distances = np.square(known - outline.cells.ravel()).sum(axis=1)
    near = np.argsort(distances)[:NEIGHBOURS]
    votes = np.bincount(things[near], weights=1 / (distances[near] + 1e-3), minlength=len(THINGS))
    sizes = list(SIZES)
    limit = (SIZES["small"] + SIZES["big"]) / 2
    return Seen(
        thing=THINGS[int(votes.argmax())],
        colour=nearest_colour(outline.hue),
        size=sizes[int(outline.half > limit)],
        place=nearest_place(outline.x, outline.y),
    )


@dataclass(frozen=True)
class Accuracy:
    """Shares of pictures, 0..1, in which an attribute was found as drawn."""

    pictures: int
    thing: float
    colour: float
    size: float
    place: float


def check_the_checker(count: int, seed: int, through: Callable[[np.ndarray], np.ndarray] | None = None) -> Accuracy:
    """How often the judge is right on drawings that nothing else has seen.

    Args:
        through: changes the pictures [N, 128, 128, 3] first, as an autoencoder does.
    """
    scenes, pictures = [], []
    for i in range(count):
        random = Random(f"{seed}/checker/{i}")
        scenes.append(Scene((pick_placed(random),), pick_background(random)))
        pictures.append(draw(random, scenes[-1]))
    shown = np.stack(pictures)
    return accuracy([look(picture) for picture in (through(shown) if through else shown)], scenes)


def accuracy(seen: Sequence[Seen], scenes: Sequence[Scene]) -> Accuracy:
    """What was seen against what was meant."""
    meant = [scene.placed[0] for scene in scenes]

    def share(name: str) -> float:
        return sum(getattr(a, name) == getattr(b, name) for a, b in zip(seen, meant, strict=True)) / len(meant)

    return Accuracy(len(meant), share("thing"), share("colour"), share("size"), share("place"))
