"""Scenes to pictures: shapes on a ground, flat, as outlines or as pixels, some hundreds a second.

A drawing varies where words do not: position, size, tilt and hue jitter around what the scene says. The same scene and
the same random state give the same bytes.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from heddle.training.world import (
    BACKGROUNDS,
    COLOURS,
    PLACES,
    SIZES,
    SKY,
    STYLES,
    Background,
    Scene,
    is_held_out_pair,
    pick_background,
    pick_patterned,
    pick_placed,
)

SIDE_PX = 128
PLACE_STEP_PX = 28.0  # from the centre to a left, right, top or bottom place
OVERSAMPLING = 4  # a shape is drawn this many times larger, then averaged: soft edges
TWO_STEP_PX = 30.0  # from the centre to each of two things
TWO_HALF_PX = 22.0  # half the larger extent of each: as large as leaves a gap between them
STROKE_PX = 5.0  # of an outline
BLOCK_PX = 4  # side of a pixel, where the style is made of them
HALF_OR_MORE = [0] * 128 + [255] * 128  # a table from 0..255: covered or not
# A pattern repeats every 16 px and begins at the corner. 8 px is what one number of a latent stands for: a stripe or a
# dot that lies across two of them would cost an autoencoder of this size most of its attention.
STRIPE_PX = 8
DOT_PX = 3.6  # half
SKY_TOP, SKY_FOOT, CLOUD = (186, 213, 234), (222, 233, 240), (250, 251, 252)

Point = tuple[float, float]
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Layer:
    """One closed outline in the thing's own square, -1..1, y downward. `tone` < 1 darkens the colour, 2 means white."""

    points: tuple[Point, ...]
    tone: float = 1.0


@dataclass(frozen=True)
class Sprite:
    """A thing with everything decided. Lengths in px, the tilt in degrees clockwise."""

    thing: str
    rgb: Rgb
    x: float
    y: float
    half: float
    tilt: float


def _ring(x: float, y: float, width: float, height: float, corners: int = 40) -> tuple[Point, ...]:
    angles = [2 * math.pi * i / corners for i in range(corners)]
    return tuple((x + width * math.cos(a), y + height * math.sin(a)) for a in angles)


def _star() -> tuple[Point, ...]:
    radii = (1.06, 0.46)
    return tuple(
        (radii[i % 2] * math.sin(math.pi * i / 5), 0.06 - radii[i % 2] * math.cos(math.pi * i / 5)) for i in range(10)
    )


def _heart() -> tuple[Point, ...]:
    """Source: the well-known curve 16 sin^3 t, 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, fitted to the square."""
    points = []
    for i in range(48):
        t = 2 * math.pi * i / 48
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((math.sin(t) ** 3, -(y + 2.5) / 15))
    return tuple(points)


_DARK, _WHITE = 0.78, 2.0

SHAPES: dict[str, tuple[Layer, ...]] = {
    "circle": (Layer(_ring(0, 0, 0.95, 0.95)),),
    "square": (Layer(((-0.84, -0.84), (0.84, -0.84), (0.84, 0.84), (-0.84, 0.84))),),
    "triangle": (Layer(((0, -0.95), (1.0, 0.85), (-1.0, 0.85))),),
    "star": (Layer(_star()),),
    "heart": (Layer(_heart()),),
    "house": (
        Layer(((-0.66, -0.15), (0.66, -0.15), (0.66, 0.95), (-0.66, 0.95))),
        Layer(((0, -1.0), (1.0, -0.1), (-1.0, -0.1)), _DARK),
        Layer(((-0.2, 0.3), (0.2, 0.3), (0.2, 0.95), (-0.2, 0.95)), _WHITE),
    ),
    "tree": (
        Layer(((-0.17, 0.1), (0.17, 0.1), (0.17, 1.0), (-0.17, 1.0)), _DARK),
        Layer(_ring(0, -0.5, 0.52, 0.5)),
        Layer(_ring(-0.42, -0.05, 0.42, 0.4)),
        Layer(_ring(0.42, -0.05, 0.42, 0.4)),
    ),
    "fish": (
        Layer(((0.35, 0), (1.0, -0.52), (0.86, 0), (1.0, 0.52)), _DARK),
        Layer(_ring(-0.22, 0, 0.78, 0.5)),
        Layer(_ring(-0.6, -0.14, 0.1, 0.1, 16), _WHITE),
    ),
}


def vary_colour(random: Random, colour: str) -> Rgb:
    """A colour of that name: hue within 5 degrees of its own, so that no two names meet."""
    hue, saturation, value = COLOURS[colour]
    hue = (hue + random.uniform(-5, 5)) / 360 % 1
    saturation = min(1.0, saturation + random.uniform(-0.04, 0.04))
    value = min(1.0, value + random.uniform(-0.04, 0.03))
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def vary_ground(random: Random, name: str) -> Rgb:
    """A background colour of that name, each channel within 5 of its own."""
    red, green, blue = (min(255, max(0, channel + random.randint(-5, 5))) for channel in BACKGROUNDS[name])
    return red, green, blue


def lay_out(random: Random, scene: Scene) -> list[Sprite]:
    """Decide what the scene's words leave open."""
    is_alone = len(scene.placed) == 1
    step = PLACE_STEP_PX if is_alone else TWO_STEP_PX
    sprites = []
    for placed in scene.placed:
        column, row = PLACES[placed.place]
        sprites.append(
            Sprite(
                thing=placed.thing,
                rgb=vary_colour(random, placed.colour),
                x=SIDE_PX / 2 + column * step + random.uniform(-3, 3),
                y=SIDE_PX / 2 + row * step + random.uniform(-3, 3),
                half=(SIZES[placed.size] if is_alone else TWO_HALF_PX) * random.uniform(0.93, 1.07),
                tilt=random.uniform(-7, 7),
            )
        )
    return sprites


def paint_ground(random: Random, background: Background) -> Image.Image:
    """The background alone."""
    if background.first == SKY:
        return paint_sky(random)
    first = vary_ground(random, background.first)
    if background.second is None:
        return Image.new("RGB", (SIDE_PX, SIDE_PX), first)
    ends = np.array([first, vary_ground(random, background.second)], dtype=np.float32)
    if background.pattern == "shaded":
        share = np.linspace(0, 1, SIDE_PX, dtype=np.float32)[:, None].repeat(SIDE_PX, axis=1)
    else:
        share = pattern_of(background.pattern)
    if background.direction == "across":
        share = share.T
    mixed = ends[0] * (1 - share[..., None]) + ends[1] * share[..., None]
    return Image.fromarray(np.ascontiguousarray(np.round(mixed).astype(np.uint8)))


@cache
def pattern_of(pattern: str) -> np.ndarray:
    """How much of the second colour is where, [128, 128], 0..1: stripes one below the other, or dots."""
    at = np.arange(SIDE_PX, dtype=np.float32)
    if pattern == "striped":
        return ((at // STRIPE_PX) % 2)[:, None].repeat(SIDE_PX, axis=1)
    to_dot = at % (2 * STRIPE_PX) - (STRIPE_PX - 1) / 2  # from the middle of every second stripe
    return (DOT_PX + 0.5 - np.hypot(to_dot[:, None], to_dot)).clip(0, 1)


def paint_sky(random: Random) -> Image.Image:
    """Pale blue, paler toward the foot, with two or three clouds."""
    ends = np.array([SKY_TOP, SKY_FOOT], dtype=np.float32) + random.uniform(-4, 4)
    way = np.linspace(0, 1, SIDE_PX, dtype=np.float32)[:, None]
    line = np.round(ends[0] * (1 - way) + ends[1] * way).astype(np.uint8)
    sky = Image.fromarray(line[:, None].repeat(SIDE_PX, axis=1))
    clouds = Image.new("L", (2 * SIDE_PX, 2 * SIDE_PX))
    pen = ImageDraw.Draw(clouds)
    for _ in range(random.randint(2, 3)):
        x, y, wide = random.uniform(0, 2 * SIDE_PX), random.uniform(0, 1.6 * SIDE_PX), random.uniform(24, 36)
        for offset, radius in ((-1, 0.55), (0, 0.8), (1, 0.6)):
            tall = wide * radius * 0.7
            middle = x + offset * wide * 0.8
            pen.ellipse((middle - wide * radius, y - tall, middle + wide * radius, y + tall * 0.8), fill=255)
    sky.paste(CLOUD, (0, 0), clouds.reduce(2))
    return sky


def paint_sprite(picture: Image.Image, sprite: Sprite, style: str = "flat") -> None:
    """Draw one thing into the picture."""
    reach = math.ceil(sprite.half * 1.25) + 1  # a tilted square's corner lies farther out than its side
    # A multiple of a block from the picture's corner: so the pixels of all things lie in one grid.
    left, top = (math.floor((at - reach) / BLOCK_PX) * BLOCK_PX for at in (sprite.x, sprite.y))
    side = math.ceil((2 * reach + BLOCK_PX) / BLOCK_PX) * BLOCK_PX
    cos, sin = math.cos(math.radians(sprite.tilt)), math.sin(math.radians(sprite.tilt))
    parts: list[tuple[Image.Image, Rgb]] = []
    for layer in SHAPES[sprite.thing]:
        corners = [
            (
                (sprite.x - left + (x * cos - y * sin) * sprite.half) * OVERSAMPLING,
                (sprite.y - top + (x * sin + y * cos) * sprite.half) * OVERSAMPLING,
            )
            for x, y in layer.points
        ]
        mask = Image.new("L", (side * OVERSAMPLING, side * OVERSAMPLING))
        ImageDraw.Draw(mask).polygon(corners, fill=255)
        red, green, blue = (255 if layer.tone > 1 else round(channel * layer.tone) for channel in sprite.rgb)
        parts.append((mask, (red, green, blue)))
    if style == "outline":
        parts = [(stroke_within([mask for mask, _ in parts]), sprite.rgb)]
    for mask, rgb in parts:
        if style == "pixel":
            blocks = mask.reduce(OVERSAMPLING * BLOCK_PX).point(HALF_OR_MORE)
            picture.paste(rgb, (left, top), blocks.resize((side, side), Image.Resampling.NEAREST))
        else:
            picture.paste(rgb, (left, top), mask.reduce(OVERSAMPLING))


def stroke_within(masks: Sequence[Image.Image]) -> Image.Image:
    """The rim of what masks cover together, `OVERSAMPLING` times as large as a picture: a mask of the same size."""
    from scipy.ndimage import distance_transform_edt  # importing scipy changes the filters of warnings

    whole = np.maximum.reduce([np.asarray(mask) for mask in masks])
    inward = np.asarray(distance_transform_edt(whole)) / OVERSAMPLING
    return Image.fromarray(((inward > 0) & (inward < STROKE_PX)).astype(np.uint8) * 255)


def in_blocks(picture: Image.Image) -> Image.Image:
    """The picture in squares of one colour each."""
    return picture.reduce(BLOCK_PX).resize(picture.size, Image.Resampling.NEAREST)


def draw(random: Random, scene: Scene) -> np.ndarray:
    """One picture of a scene. [128, 128, 3], uint8, sRGB."""
    picture = paint_ground(random, scene.background)
    if scene.style == "pixel":
        picture = in_blocks(picture)
    for sprite in lay_out(random, scene):
        paint_sprite(picture, sprite, scene.style)
    return np.asarray(picture)


def draw_crowd(random: Random, count: int = 6) -> np.ndarray:
    """Many things anywhere, one over another: more edges and colours in a picture than any scene has.

    The autoencoder learns most from these. Held-out pairs of thing and colour stay out of them too.
    """
    picture = paint_ground(random, random.choice((pick_background, pick_patterned))(random))
    style = random.choice(STYLES)
    if style == "pixel":
        picture = in_blocks(picture)
    for _ in range(count):
        while is_held_out_pair((placed := pick_placed(random)).thing, placed.colour):
            pass
        paint_sprite(
            picture,
            Sprite(
                thing=placed.thing,
                rgb=vary_colour(random, placed.colour),
                x=random.uniform(8, SIDE_PX - 8),
                y=random.uniform(8, SIDE_PX - 8),
                half=SIZES[placed.size] * random.uniform(0.9, 1.1),
                tilt=random.uniform(-7, 7),
            ),
            style,
        )
    return np.asarray(picture)


def draw_many(count: int, seed: int, make: Callable[[Random], np.ndarray]) -> np.ndarray:
    """`count` pictures, number i from (seed, i) alone, so that a longer set begins with the shorter one.

    Returns: [count, 128, 128, 3], uint8.
    """
    pictures = np.empty((count, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    for i in range(count):
        pictures[i] = make(Random(f"{seed}/{i}"))
    return pictures
