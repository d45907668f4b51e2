"""The demo model's world as data: what there is, where it can be, what is said about it.

Nothing is drawn here (`drawing.py`) and nothing is learned (`demo.py`). A scene is a background and some things on it;
the first world puts one thing into a scene. A caption names some of a scene's attributes and leaves others out, so that
a model learns that what is not said is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Placed:
    """One thing in a scene, by its words."""

    thing: str
    colour: str
    size: str
    place: str


@dataclass(frozen=True)
class Background:
    """One plain colour, or a gradient from `first` to `second` along `direction` ("down" or "across")."""

    first: str
    second: str | None = None
    direction: str = "down"


@dataclass(frozen=True)
class Scene:
    """A picture in words, before any caption: things from back to front, and what lies behind them."""

    placed: tuple[Placed, ...]
    background: Background


ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "thing": THINGS,
    "colour": tuple(COLOURS),
    "size": tuple(SIZES),
    "place": tuple(PLACES),
    "background": tuple(BACKGROUNDS),
    "second background": (*BACKGROUNDS, "none"),
}
"""All that a caption can tell of a scene of one thing, with the words for it."""


def attributes_of(scene: Scene) -> tuple[int, ...]:
    """The number of each of `ATTRIBUTES` in a scene of one thing."""
    placed, ground = scene.placed[0], scene.background
    words = (placed.thing, placed.colour, placed.size, placed.place, ground.first, ground.second or "none")
    return tuple(values.index(word) for values, word in zip(ATTRIBUTES.values(), words, strict=True))


def is_held_out_pair(thing: str, colour: str) -> bool:
    """Whether this thing is never shown in this colour during training: one colour of each thing, each colour once."""
    return list(COLOURS).index(colour) == (3 * THINGS.index(thing) + 1) % len(COLOURS)


def is_held_out(placed: Placed) -> bool:
    """Whether these words are kept from training together: as a pair of thing and colour, or with their place."""
    number = THINGS.index(placed.thing) + 2 * list(COLOURS).index(placed.colour) + 3 * list(PLACES).index(placed.place)
    return is_held_out_pair(placed.thing, placed.colour) or number % 7 == 0


def pick_placed(random: Random) -> Placed:
    """Any thing, evenly over all words, held-out combinations among them."""
    return Placed(
        thing=random.choice(THINGS),
        colour=random.choice(list(COLOURS)),
        size=random.choice(list(SIZES)),
        place=random.choice(list(PLACES)),
    )


def pick_background(random: Random) -> Background:
    """A plain background two times in three, else a gradient between two different ones."""
    first = random.choice(list(BACKGROUNDS))
    if random.random() < 2 / 3:
        return Background(first)
    second = random.choice([name for name in BACKGROUNDS if name != first])
    return Background(first, second, random.choice(("down", "across")))


def pick_scene(random: Random, *, held_out: bool = False) -> Scene:
    """A scene of one thing, from the combinations used for training or, with `held_out`, from those kept from it."""
    while is_held_out(placed := pick_placed(random)) is not held_out:
        pass
    return Scene((placed,), pick_background(random))


# What a word of the world may be called in a caption, its own name first.
_SIZE_WORDS = {"small": ("small", "small", "little", "tiny"), "big": ("big", "big", "large")}
_PLACE_WORDS = {
    "centre": ("centre", "center", "middle"),
    "left": ("left",),
    "right": ("right",),
    "top": ("top",),
    "bottom": ("bottom",),
    "top left": ("top left",),
    "top right": ("top right",),
    "bottom left": ("bottom left",),
    "bottom right": ("bottom right",),
}
_OPENINGS = ("", "", "", "a picture of ", "a drawing of ", "an image of ", "a photo of ", "there is ")


def _article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def place_phrase(random: Random, place: str) -> str:
    """One way to say where a thing is."""
    words = random.choice(_PLACE_WORDS[place])
    corner = " " in words
    ways = [words, words, f"at the {words}", f"in the {words}"]
    if corner:
        ways += [f"in the {words} corner", f"{words} corner"]
    elif place in ("left", "right"):
        ways += [f"on the {words}", f"on the {words} side"]
    return random.choice(ways)


def background_phrase(random: Random, background: Background) -> str:
    """One way to say what lies behind the things."""
    if background.second is None:
        name = background.first
        return random.choice((f"{name} background", f"on a {name} background", f"on {name}"))
    both = f"{background.first} to {background.second} gradient"
    return random.choice(("gradient background", "on a gradient background", both))


def caption(random: Random, scene: Scene) -> str:
    """One way to describe a scene, often only in part.

    Each attribute is left out at times; now and then all that is left is a colour, a thing, a place or a background,
    since those are what people write into a negative prompt.
    """
    placed = scene.placed[0]
    if random.random() < 0.12:
        return random.choice(
            (
                placed.colour,
                placed.colour,
                placed.thing,
                random.choice(_SIZE_WORDS[placed.size]),
                place_phrase(random, placed.place),
                background_phrase(random, scene.background),
            )
        )
    names_thing = random.random() < 0.93
    names_colour = random.random() < 0.82
    words = [placed.thing if names_thing else random.choice(("thing", "shape"))]
    if names_colour:
        words.insert(0, placed.colour)
    if random.random() < 0.4:
        words.insert(0, random.choice(_SIZE_WORDS[placed.size]))
    subject = " ".join(words)
    opening = random.choice(_OPENINGS)
    tail = []
    if random.random() < 0.85:
        tail.append(place_phrase(random, placed.place))
    if random.random() < 0.5:
        tail.append(background_phrase(random, scene.background))
        if random.random() < 0.25:
            tail.reverse()
    parts = [opening + (subject if not opening and random.random() < 0.2 else _article(subject)), *tail]
    return random.choice((", ", ", ", " ")).join(parts)


def describe(placed: Placed, *, background: str | None = None) -> str:
    """The plainest full description: "a small blue star, top left, white background"."""
    words = f"{_article(f'{placed.size} {placed.colour} {placed.thing}')}, {placed.place}"
    return words if background is None else f"{words}, {background} background"


def words_of_the_world() -> list[str]:
    """Each word that any caption can hold, sorted: what the text encoder learns to tell apart.

    Read from the phrases themselves, by drawing every attribute often enough to meet each of its wordings.
    """
    random = Random(0)
    seen: set[str] = set()
    scenes: Sequence[Scene] = [pick_scene(random) for _ in range(4000)]
    for scene in scenes:
        seen.update(caption(random, scene).replace(",", " ").split())
    return sorted(seen)
