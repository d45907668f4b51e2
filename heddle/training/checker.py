"""A judge of pictures of the demo's world that never saw a net: it measures colour, outline and place.

A thing is what is colourful, its colour the commonest hue there. The outline is laid into a small grid and compared
with outlines of fresh drawings; the place is where the outline's box lies. Of two things each is what has one of the
two commonest hues. Nothing here is learned from a model. What lies behind the things and how they are drawn is read in
`manner_checker.py`.
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
    RELATIONS,
    SIZES,
    THINGS,
    Background,
    Placed,
    Scene,
    pick_background,
    pick_placed,
    pick_scene_of_two,
    relation_between,
)

GRID = 20  # cells along each side of an outline's box
FAINTEST_CHROMA = 70  # of 255; backgrounds stay below 50, things start above 90
SMALLEST_AREA_PX = 120  # half of the smallest thing; less is a speck
PLACE_LIMIT_PX = 14.0  # half way from the centre to the next place
EXAMPLES = 240  # outlines kept of each thing
EXAMPLE_STYLES = ("flat", "flat", "pixel", "outline")
BLURS_PX = (0.0, 1.5, 2.5, 3.5)  # of the examples
NEIGHBOURS = 5
LEAST_HUE_STEP = 14  # degrees between the hues of two things; red and orange lie 28 apart, less the jitter of both


class Seen(NamedTuple):
    """What a picture shows; None throughout where it shows no thing."""

    thing: str | None
    colour: str | None
    size: str | None
    place: str | None


NOTHING = Seen(None, None, None, None)


class Found(NamedTuple):
    """One of two things. x, y: the middle of its outline's box, in px."""

    thing: str
    colour: str
    x: float
    y: float


class Outline(NamedTuple):
    """A thing cut out. cells: [GRID, GRID], how much of each is covered. Lengths in px of the picture.

    mask: [H, W], which pixels of the picture have its colour.
    """

    cells: np.ndarray
    x: float
    y: float
    half: float
    hue: float
    mask: np.ndarray


class Hues(NamedTuple):
    """A picture's pixels by hue in degrees and chroma, 0..255, each [H, W]."""

    hue: np.ndarray
    chroma: np.ndarray

    def away_from(self, hue: float) -> np.ndarray:
        """How far each pixel's hue lies from one, -180..180."""
        return (self.hue - hue + 180) % 360 - 180


def read_hues(picture: np.ndarray) -> Hues:
    """Of a picture [H, W, 3] uint8."""
    rgb = picture.astype(np.float32)
    high = rgb.max(axis=2)
    chroma = high - rgb.min(axis=2)
    return Hues(hues(rgb, high, chroma), chroma)


def find_outline(picture: np.ndarray) -> Outline | None:
    """The colourful thing in a picture [H, W, 3] uint8, or None."""
    pixels = read_hues(picture)
    strongest = np.quantile(pixels.chroma, 1 - SMALLEST_AREA_PX / pixels.chroma.size)
    if strongest < FAINTEST_CHROMA:
        return None
    core = pixels.chroma > max(FAINTEST_CHROMA, 0.7 * strongest)
    main_hue = _commonest_hue(pixels, core)
    # The edge of a thing lies where its colour is half way to the ground's, over any ground.
    mask = (pixels.chroma > max(50.0, 0.5 * strongest)) & (np.abs(pixels.away_from(main_hue)) < 30)
    return _cut_out(mask, main_hue)


def find_two_outlines(picture: np.ndarray) -> list[Outline]:
    """The things of the two commonest hues in a picture [H, W, 3] uint8; one or none where there are no more."""
    pixels = read_hues(picture)
    core = pixels.chroma > FAINTEST_CHROMA
    main_hues: list[float] = []
    for _ in range(2):
        if core.sum() < SMALLEST_AREA_PX / 2:
            break
        main_hues.append(_commonest_hue(pixels, core))
        core &= np.abs(pixels.away_from(main_hues[-1])) > LEAST_HUE_STEP
    found = []
    for main_hue in main_hues:
        away = np.abs(pixels.away_from(main_hue))
        others = [np.abs(pixels.away_from(other)) for other in main_hues if other != main_hue]
        own = (away < 30) & np.logical_and.reduce([away < other for other in others], initial=True)
        strongest = np.quantile(pixels.chroma[own], 1 - SMALLEST_AREA_PX / 2 / max(SMALLEST_AREA_PX, own.sum()))
        outline = _cut_out(_largest_part(own & (pixels.chroma > max(50.0, 0.5 * strongest))), main_hue)
        if outline is not None:
            found.append(outline)
    return found


def _commonest_hue(pixels: Hues, core: np.ndarray) -> float:
    counts = np.bincount((pixels.hue[core] / 5).astype(int) % 72, minlength=72)
    spread = sum(np.roll(counts, shift) for shift in (-1, 0, 1))
    middle = float(np.argmax(spread)) * 5 + 2.5
    away = pixels.away_from(middle)
    return (middle + float(away[core & (np.abs(away) < 10)].mean())) % 360


def _largest_part(mask: np.ndarray) -> np.ndarray:
    from scipy.ndimage import label  # importing scipy changes the filters of warnings

    parts = np.empty(mask.shape, dtype=np.int32)
    label(mask, np.ones((3, 3)), output=parts)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return (parts == np.argmax(sizes)) & mask


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """The mask with all that it encloses. [H, W], bool."""
    from scipy.ndimage import binary_fill_holes  # importing scipy changes the filters of warnings

    return np.asarray(binary_fill_holes(mask), dtype=bool)


def _cut_out(mask: np.ndarray, hue: float) -> Outline | None:
    if mask.sum() < SMALLEST_AREA_PX:
        return None
    left, top, right, bottom = _box(mask)
    half = max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    square = (x - half, y - half, x + half, y + half)
    filled = fill_holes(mask)  # an outlined thing is read as what it encloses
    cells = Image.fromarray(filled.astype(np.uint8) * 255).transform(
        (GRID * 3, GRID * 3), Image.Transform.EXTENT, square, Image.Resampling.BILINEAR
    )
    return Outline(np.asarray(cells.reduce(3), dtype=np.float32) / 255, x, y, half, hue, mask)


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
            style = EXAMPLE_STYLES[i // 8 % len(EXAMPLE_STYLES)]
            scene = Scene((Placed(thing, colour, size, "centre"),), ground, style)
            # What an autoencoder or a denoiser paints is never as sharp as a drawing.
            blurs_px = BLURS_PX if style == "flat" else BLURS_PX[:2]  # a thin line is soon gone
            blur = ImageFilter.GaussianBlur(blurs_px[i // 2 % len(blurs_px)])
            outline = find_outline(np.asarray(Image.fromarray(draw(random, scene)).filter(blur)))
            assert outline is not None, f"the drawing of a {size} {colour} {thing} shows nothing"
            outlines.append(outline.cells.ravel())
            things.append(number)
    return np.stack(outlines), np.array(things)


def nearest_thing(outline: Outline) -> str:
    """The thing whose drawings have outlines most like this one."""
    known, things = _examples()
    distances = np.square(known - outline.cells.ravel()).sum(axis=1)
    near = np.argsort(distances)[:NEIGHBOURS]
    votes = np.bincount(things[near], weights=1 / (distances[near] + 1e-3), minlength=len(THINGS))
    return THINGS[int(votes.argmax())]


def look(picture: np.ndarray) -> Seen:
    """What a picture [128, 128, 3] uint8 shows."""
    outline = find_outline(picture)
    if outline is None:
        return NOTHING
    sizes = list(SIZES)
    limit = (SIZES["small"] + SIZES["big"]) / 2
    return Seen(
        thing=nearest_thing(outline),
        colour=nearest_colour(outline.hue),
        size=sizes[int(outline.half > limit)],
        place=nearest_place(outline.x, outline.y),
    )


def look_for_two(picture: np.ndarray) -> tuple[Found, ...]:
    """The two things that a picture [128, 128, 3] uint8 shows; fewer where it shows fewer, or both in one colour."""
    return tuple(
        Found(nearest_thing(each), nearest_colour(each.hue), each.x, each.y) for each in find_two_outlines(picture)
    )


def relation_of(first: Found, second: Found) -> str:
    """Where the first of two things lies, seen from the second: one of `RELATIONS`, by the longer of the two ways."""
    right, down = first.x - second.x, first.y - second.y
    way = (int(np.sign(right)), 0) if abs(right) > abs(down) else (0, 1 if down > 0 else -1)
    return next(name for name, where in RELATIONS.items() if where == way)


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


@dataclass(frozen=True)
class AccuracyOfTwo:
    """Shares of pictures of two things, 0..1, in which both things, both colours, the relation, all of it was right."""

    pictures: int
    things: float
    colours: float
    relation: float
    whole: float


def accuracy_of_two(seen: Sequence[tuple[Found, ...]], meant: Sequence[tuple[Placed, Placed]]) -> AccuracyOfTwo:
    """What was seen against what was meant: each pair by the first thing's place, as a scene has it."""
    things, colours, relations, whole = 0, 0, 0, 0
    for found, (first, second) in zip(seen, meant, strict=True):
        has_things = sorted(each.thing for each in found) == sorted((first.thing, second.thing))
        has_colours = {each.colour for each in found} == {first.colour, second.colour}
        by_colour = {each.colour: each for each in found}
        lies_right = has_colours and relation_of(by_colour[first.colour], by_colour[second.colour]) == relation_between(
            first, second
        )
        bound = has_colours and all(by_colour[each.colour].thing == each.thing for each in (first, second))
        things, colours, relations = things + has_things, colours + has_colours, relations + lies_right
        whole += lies_right and bound
    count = max(1, len(meant))
    return AccuracyOfTwo(len(meant), things / count, colours / count, relations / count, whole / count)


def check_the_checker_on_two(
    count: int, seed: int, through: Callable[[np.ndarray], np.ndarray] | None = None
) -> AccuracyOfTwo:
    """How often the judge is right on drawings of two things in any style on any background.

    Args:
        through: changes the pictures [N, 128, 128, 3] first, as an autoencoder does.
    """
    scenes, pictures = [], []
    for i in range(count):
        random = Random(f"{seed}/checker of two/{i}")
        scenes.append(pick_scene_of_two(random))
        pictures.append(draw(random, scenes[-1]))
    shown = np.stack(pictures)
    seen = [look_for_two(picture) for picture in (through(shown) if through else shown)]
    return accuracy_of_two(seen, [(scene.placed[0], scene.placed[1]) for scene in scenes])
