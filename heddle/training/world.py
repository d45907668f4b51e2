"""The demo model's world as data: what there is, where it can be, what is kept from training.

Nothing is said about it here (`captions.py`), nothing drawn (`drawing.py`) and nothing learned (`demo.py`). A scene is
a background, one thing or two on it, and a style in which all of it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

THINGS = ("circle", "square", "triangle", "star", "heart", "house", "tree", "fish")

# Hue in degrees, saturation, value. Hues lie at least 25 degrees apart, so that a jitter of some degrees keeps them so.
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0, 0.86, 0.87),
    "orange": (28, 0.92, 0.97),
    "yellow": (53, 0.90, 0.97),
    "green": (130, 0.78, 0.66),
    "cyan": (183, 0.80, 0.86),
    "blue": (222, 0.82, 0.88),
    "purple": (272, 0.70, 0.74),
    "pink": (326, 0.58, 0.97),
}

# sRGB, 0..255. All of them are paler or darker than any thing's colour, and no word is shared with `COLOURS`:
# "blue" in a prompt, or in a negative one, always speaks of a thing.
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (250, 250, 250),
    "gray": (150, 150, 150),
    "black": (18, 18, 18),
    "beige": (232, 219, 190),
    "mint": (196, 233, 212),
    "navy": (20, 27, 62),
}

SIZES: dict[str, float] = {"small": 19.0, "big": 31.0}  # half the thing's larger extent, in px of a 128 px picture

# Column and row, -1, 0 or 1.
PLACES: dict[str, tuple[int, int]] = {
    "centre": (0, 0),
    "left": (-1, 0),
    "right": (1, 0),
    "top": (0, -1),
    "bottom": (0, 1),
    "top left": (-1, -1),
    "top right": (1, -1),
    "bottom left": (-1, 1),
    "bottom right": (1, 1),
}

# Which way from the second thing the first one lies, column and row.
RELATIONS: dict[str, tuple[int, int]] = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}

STYLES = ("flat", "outline", "pixel")

SKY = "sky"  # a background that brings its own colours
GROUNDS = ("plain", "shaded", "striped", "dotted", SKY)


@dataclass(frozen=True)
class Placed:
    """One thing in a scene, by its words."""

    thing: str
    colour: str
    size: str
    place: str


@dataclass(frozen=True)
class Background:
    """One plain colour, or two, by their names in `BACKGROUNDS`; or `SKY` alone.

    pattern: of two colours. "shaded" goes from `first` to `second` along `direction` ("down" or "across"), "striped"
        takes turns along it, "dotted" has dots of the second on the first.
    """

    first: str
    second: str | None = None
    direction: str = "down"
    pattern: str = "shaded"

    @property
    def ground(self) -> str:
        """Which of `GROUNDS` this is."""
        if self.first == SKY:
            return SKY
        return "plain" if self.second is None else self.pattern


@dataclass(frozen=True)
class Scene:
    """A picture in words, before any caption: one thing or two, what lies behind them, and how all of it is drawn.

    Of two things one is at the left and the other at the right, or one at the top and the other at the bottom; a
    caption names them in this order.
    """

    placed: tuple[Placed, ...]
    background: Background
    style: str = "flat"


ROLES = ("first", "second", "near", "far")  # of two things: the first two by the order in which a caption names them
NONE = "none"

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "thing": (*THINGS, NONE),
    "colour": (*COLOURS, NONE),
    "size": (*SIZES, NONE),
    "place": (*PLACES, NONE),
    "background": (*BACKGROUNDS, SKY),
    "second background": (*BACKGROUNDS, NONE),
    "ground": GROUNDS,
    "style": STYLES,
    **{f"{role} thing": (*THINGS, NONE) for role in ROLES},
    **{f"{role} colour": (*COLOURS, NONE) for role in ROLES},
    "relation": (*RELATIONS, NONE),
}
"""All that a caption can tell of a scene, with the words for it.

The first four speak of a thing that is alone. Two things are told of by where they are, the near one at the left or at
the top: so "a circle left of a square" and "a square right of a circle" are the same, and who paints at the left finds
what belongs there under one name. Which is named first and how it lies to the second is the way there: easily read, and
from it follows which is the near one.
"""


def attributes_of(scene: Scene) -> tuple[int, ...]:
    """The number of each of `ATTRIBUTES` in a scene."""
    ground = scene.background
    words = dict.fromkeys(ATTRIBUTES, NONE)
    words |= {"background": ground.first, "second background": ground.second or NONE}
    words |= {"ground": ground.ground, "style": scene.style}
    if len(scene.placed) == 1:
        words |= vars(scene.placed[0])
    else:
        for role, each in zip(ROLES, (*scene.placed, *near_and_far(*scene.placed)), strict=True):
            words |= {f"{role} thing": each.thing, f"{role} colour": each.colour}
        words["relation"] = relation_between(*scene.placed)
    return tuple(values.index(words[name]) for name, values in ATTRIBUTES.items())


def is_held_out_pair(thing: str, colour: str) -> bool:
    """Whether this thing is never shown in this colour during training: one colour of each thing, each colour once."""
    return list(COLOURS).index(colour) == (3 * THINGS.index(thing) + 1) % len(COLOURS)


def is_held_out(placed: Placed) -> bool:
    """Whether these words are kept from training together: as a pair of thing and colour, or with their place."""
    number = THINGS.index(placed.thing) + 2 * list(COLOURS).index(placed.colour) + 3 * list(PLACES).index(placed.place)
    return is_held_out_pair(placed.thing, placed.colour) or number % 7 == 0


def relation_between(first: Placed, second: Placed) -> str:
    """Where the first of two things lies, seen from the second: one of `RELATIONS`."""
    return {"left": "left of", "right": "right of", "top": "above", "bottom": "below"}[first.place]


def near_and_far(first: Placed, second: Placed) -> tuple[Placed, Placed]:
    """The left or upper one of two things before the other."""
    return (first, second) if first.place in ("left", "top") else (second, first)


def is_held_out_together(first: Placed, second: Placed) -> bool:
    """Whether these two things are kept from training together, where they are: about a third of all pairs.

    It asks for the left or upper one first, so that it does not matter which of them a caption names first.
    """
    near, far = near_and_far(first, second)
    colours = list(COLOURS)
    number = (
        THINGS.index(near.thing)
        + 2 * colours.index(near.colour)
        + 3 * THINGS.index(far.thing)
        + 4 * colours.index(far.colour)
        + 4 * (near.place == "top")
    )
    lone = (is_held_out_pair(each.thing, each.colour) for each in (near, far))
    return any(lone) or number % 7 == 0


def pick_placed(random: Random) -> Placed:
    """Any thing, evenly over all words, held-out combinations among them."""
    return Placed(
        thing=random.choice(THINGS),
        colour=random.choice(list(COLOURS)),
        size=random.choice(list(SIZES)),
        place=random.choice(list(PLACES)),
    )


def pick_two(random: Random) -> tuple[Placed, Placed]:
    """Any two things of different colours side by side or one above the other, held-out combinations among them."""
    near, far = random.choice((("left", "right"), ("top", "bottom")))
    colours = random.sample(list(COLOURS), 2)
    return (
        Placed(random.choice(THINGS), colours[0], "small", near),
        Placed(random.choice(THINGS), colours[1], "small", far),
    )


def pick_background(random: Random) -> Background:
    """A plain background two times in three, else a gradient between two different ones."""
    first = random.choice(list(BACKGROUNDS))
    if random.random() < 2 / 3:
        return Background(first)
    second = random.choice([name for name in BACKGROUNDS if name != first])
    return Background(first, second, random.choice(("down", "across")))


def pick_of_ground(random: Random, ground: str) -> Background:
    """A background of one of `GROUNDS`. Two colours of a pattern can be told apart."""
    if ground == SKY:
        return Background(SKY)
    first = random.choice(list(BACKGROUNDS))
    if ground == "plain":
        return Background(first)
    light = sum(BACKGROUNDS[first])
    second = random.choice([name for name in BACKGROUNDS if abs(sum(BACKGROUNDS[name]) - light) > LEAST_CONTRAST])
    has_direction = ground in ("shaded", "striped")
    return Background(first, second, random.choice(("down", "across")) if has_direction else "down", ground)


def pick_patterned(random: Random) -> Background:
    """A striped or dotted background or a sky."""
    return pick_of_ground(random, random.choice(GROUNDS[2:]))


LEAST_CONTRAST = 90  # of 765: white and beige have 109, black and navy 55
PATTERNED_SHARE = 0.35  # of the scenes
TWO_SHARE = 0.55
STYLE_SHARES = (4, 1, 1)  # of `STYLES`


def in_any_order(random: Random, scene: Scene) -> Scene:
    """The same scene, its things in an order drawn anew."""
    return replace(scene, placed=tuple(random.sample(scene.placed, len(scene.placed))))


def pick_surroundings(random: Random) -> tuple[Background, str]:
    """A background and a style."""
    background = pick_patterned(random) if random.random() < PATTERNED_SHARE else pick_background(random)
    return background, random.choices(STYLES, STYLE_SHARES)[0]


def pick_scene_of_two(random: Random) -> Scene:
    """Any two things, held-out combinations among them."""
    return Scene(pick_two(random), *pick_surroundings(random))


def pick_scene(random: Random, *, held_out: bool = False) -> Scene:
    """A scene from the combinations used for training or, with `held_out`, from those kept from it."""
    background, style = pick_surroundings(random)
    if random.random() < TWO_SHARE:
        while is_held_out_together(*(two := pick_two(random))) is not held_out:
            pass
        return Scene(two, background, style)
    while is_held_out(placed := pick_placed(random)) is not held_out:
        pass
    return Scene((placed,), background, style)
