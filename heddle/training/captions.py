"""What is said about the demo model's world: a scene in words, in many ways.

A caption names some of a scene's attributes and leaves others out, so that a model learns that what is not said is
free. A pattern or a style is nearly always said: so a prompt that says nothing of it gets a quiet ground and flat
colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from heddle.training.world import SKY, Background, Placed, Scene, pick_scene, relation_between

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
_RELATION_WORDS = {
    "left of": ("left of", "left of", "to the left of", "on the left of"),
    "right of": ("right of", "right of", "to the right of", "on the right of"),
    "above": ("above", "above", "over", "on top of"),
    "below": ("below", "below", "under", "beneath"),
}
_OPENINGS = ("", "", "", "a picture of ", "a drawing of ", "an image of ", "a photo of ", "there is ")
_STYLE_OPENINGS = {
    "flat": ("a flat drawing of ",),
    "outline": ("an outline of ", "an outline drawing of ", "outline drawing of "),
    "pixel": ("pixel art of ", "a pixel art picture of ", "pixel art, "),
}
_STYLE_TAILS = {
    "flat": ("flat", "flat style", "flat drawing"),
    "outline": ("outline", "outline style", "outline drawing", "only the outline"),
    "pixel": ("pixel", "pixel art", "pixel style", "pixel art style"),
}


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
    if background.first == SKY:
        return random.choice(("sky background", "sky", "in the sky", "on a sky background", "sky with clouds"))
    if background.second is None:
        name = background.first
        return random.choice((f"{name} background", f"on a {name} background", f"on {name}"))
    if background.pattern == "shaded":
        both = f"{background.first} to {background.second} gradient"
        return random.choice(("gradient background", "on a gradient background", both))
    of_two = {"striped": "stripes", "dotted": "dots"}[background.pattern]
    both = f"{background.first} and {background.second}"
    if background.pattern == "dotted":
        on_one = f"{background.second} dots on {background.first}"
    else:
        on_one = f"{both} striped background"
    return random.choice(
        (
            f"{background.pattern} background",
            f"{background.pattern} background",
            f"on a {background.pattern} background",
            f"background of {of_two}",
            f"{both} {of_two}",
            on_one,
        )
    )


def style_phrase(random: Random, style: str) -> str:
    """One way to say how a picture is drawn."""
    return random.choice(_STYLE_TAILS[style])


def thing_phrase(random: Random, placed: Placed, *, colour_share: float = 0.82, size_share: float = 0.4) -> str:
    """One way to name a thing, without its article: "small red circle", "circle", "red thing"."""
    words = [placed.thing if random.random() < 0.93 else random.choice(("thing", "shape"))]
    if random.random() < colour_share:
        words.insert(0, placed.colour)
    if random.random() < size_share:
        words.insert(0, random.choice(_SIZE_WORDS[placed.size]))
    return " ".join(words)


def relation_phrase(random: Random, first: Placed, second: Placed) -> str:
    """One way to say of two things, by their names in the order given, where each is; now and then not where."""
    one, other = (_article(thing_phrase(random, each, colour_share=0.93, size_share=0)) for each in (first, second))
    way = random.random()
    if way < 0.68:
        return f"{one} {random.choice(_RELATION_WORDS[relation_between(first, second)])} {other}"
    if way < 0.92:
        joint = random.choice((", ", " and ", ", and "))
        return f"{one} {place_phrase(random, first.place)}{joint}{other} {place_phrase(random, second.place)}"
    across = first.place in ("left", "right")
    return f"{one} {random.choice(('and', 'with', 'next to', 'beside') if across else ('and', 'with'))} {other}"


def caption(random: Random, scene: Scene) -> str:
    """One way to describe a scene, often only in part. Two things are named in the scene's order.

    Each attribute is left out at times; now and then all that is left is a colour, a thing, a place or a background,
    since those are what people write into a negative prompt.
    """
    placed = random.choice(scene.placed)
    is_alone = len(scene.placed) == 1
    if random.random() < (0.12 if is_alone else 0.06):
        return random.choice(
            (
                placed.colour,
                placed.colour,
                placed.thing,
                random.choice(_SIZE_WORDS[placed.size]) if is_alone else placed.thing,
                place_phrase(random, placed.place) if is_alone else placed.colour,
                background_phrase(random, scene.background),
                style_phrase(random, scene.style),
            )
        )
    if is_alone:
        subject = thing_phrase(random, placed)
    else:
        subject = relation_phrase(random, *scene.placed)
    says_style = random.random() < (0.1 if scene.style == "flat" else 0.95)
    opens_with_style = says_style and random.random() < 0.5
    opening = random.choice(_STYLE_OPENINGS[scene.style] if opens_with_style else _OPENINGS)
    tail = []
    if is_alone and random.random() < 0.85:
        tail.append(place_phrase(random, placed.place))
    if random.random() < (0.5 if scene.background.ground in ("plain", "shaded") else 0.85):
        tail.append(background_phrase(random, scene.background))
        if random.random() < 0.25:
            tail.reverse()
    if says_style and not opens_with_style:
        tail.append(style_phrase(random, scene.style))
    if is_alone:
        subject = subject if not opening and random.random() < 0.2 else _article(subject)
    return random.choice((", ", ", ", " ")).join([opening + subject, *tail])


def describe(placed: Placed, *, background: str | None = None) -> str:
    """The plainest full description: "a small blue star, top left, white background"."""
    words = f"{_article(f'{placed.size} {placed.colour} {placed.thing}')}, {placed.place}"
    return words if background is None else f"{words}, {background} background"


def describe_two(first: Placed, second: Placed) -> str:
    """The plainest description of two things: "a red circle left of a blue square"."""
    one, other = (_article(f"{each.colour} {each.thing}") for each in (first, second))
    return f"{one} {relation_between(first, second)} {other}"


def words_of_the_world() -> list[str]:
    """Each word that any caption can hold, sorted: what the text encoder learns to tell apart.

    Read from the phrases themselves, by drawing every attribute often enough to meet each of its wordings.
    """
    random = Random(0)
    seen: set[str] = set()
    scenes: Sequence[Scene] = [pick_scene(random) for _ in range(8000)]
    for scene in scenes:
        seen.update(caption(random, scene).replace(",", " ").split())
    return sorted(seen)
