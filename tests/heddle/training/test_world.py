"""The demo's world: what there is, what is kept from training, what a scene is by numbers."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random

import pytest

from heddle.training.world import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    GROUNDS,
    PLACES,
    RELATIONS,
    SIZES,
    STYLES,
    THINGS,
    Background,
    Placed,
    Scene,
    attributes_of,
    is_held_out,
    is_held_out_pair,
    is_held_out_together,
    pick_of_ground,
    pick_scene,
    pick_two,
    relation_between,
)


def test_the_world_is_as_large_as_was_asked() -> None:
    assert len(THINGS) >= 8
    assert len(COLOURS) >= 8
    assert len(SIZES) == 2
    assert {"left", "right", "top", "bottom", "centre", "top left"} <= set(PLACES)
    assert set(RELATIONS) == {"left of", "right of", "above", "below"}
    assert {"plain", "shaded", "striped", "dotted", "sky"} == set(GROUNDS)
    assert {"flat", "outline", "pixel"} == set(STYLES)
    assert not set(COLOURS) & set(BACKGROUNDS)  # a colour in a negative prompt speaks of a thing


def test_each_thing_lacks_one_colour_and_each_colour_one_thing() -> None:
    pairs = [pair for pair in product(THINGS, COLOURS) if is_held_out_pair(*pair)]
    assert len(pairs) == len(THINGS)
    assert {thing for thing, _ in pairs} == set(THINGS)
    assert {colour for _, colour in pairs} == set(COLOURS)


def held_out_part(scene: Scene) -> bool:
    """By the rule for one thing or by that for two."""
    first, *others = scene.placed
    return is_held_out_together(first, *others) if others else is_held_out(first)


def test_training_scenes_hold_no_held_out_combination_and_the_others_hold_nothing_else() -> None:
    random = Random(1)
    known = [pick_scene(random) for _ in range(500)]
    kept = [pick_scene(random, held_out=True) for _ in range(200)]
    assert not any(held_out_part(scene) for scene in known)
    assert all(held_out_part(scene) for scene in kept)
    for scenes in (known, kept):
        assert {len(scene.placed) for scene in scenes} == {1, 2}
    assert not any(is_held_out_pair(each.thing, each.colour) for scene in known for each in scene.placed)


def test_two_things_are_held_out_whichever_is_named_first() -> None:
    random = Random(2)
    pairs = [pick_two(random) for _ in range(1000)]
    held_out = [is_held_out_together(*pair) for pair in pairs]
    assert held_out == [is_held_out_together(second, first) for first, second in pairs]
    assert 0.25 < sum(held_out) / len(pairs) < 0.45


def test_two_things_have_two_colours_and_lie_on_two_sides() -> None:
    random = Random(3)
    opposite = {"left of": "right of", "above": "below"}
    for _ in range(200):
        first, second = pick_two(random)
        assert first.colour != second.colour
        assert relation_between(second, first) == opposite[relation_between(first, second)]


def test_every_word_is_still_met_in_training() -> None:
    random = Random(2)
    scenes = [pick_scene(random) for _ in range(4000)]
    seen = Counter(word for scene in scenes for placed in scene.placed for word in vars(placed).values())
    assert min(seen[word] for word in [*THINGS, *COLOURS, *SIZES, *PLACES]) > 150
    manners = Counter(word for scene in scenes for word in (scene.background.ground, scene.style))
    assert min(manners[word] for word in [*GROUNDS, *STYLES]) > 300
    relations = Counter(relation_between(*scene.placed) for scene in scenes if len(scene.placed) == 2)
    assert min(relations[first] for first in ("left of", "above")) > 700


def words_of(scene: Scene) -> dict[str, str]:
    """Each attribute of a scene."""
    numbers = attributes_of(scene)
    return {name: values[number] for (name, values), number in zip(ATTRIBUTES.items(), numbers, strict=True)}


def test_a_scene_of_two_says_what_is_where_in_whatever_order_it_holds_them() -> None:
    two = Placed("star", "blue", "small", "left"), Placed("fish", "red", "small", "right")
    ground = Background("white", "gray", "across", "striped")
    words, turned = (words_of(Scene(each, ground, "pixel")) for each in (two, two[::-1]))
    differing = {name for name in words if words[name] != turned[name]}
    assert differing == {"first thing", "first colour", "second thing", "second colour", "relation"}
    assert (words["first thing"], words["relation"], words["second colour"]) == ("star", "left of", "red")
    assert (turned["first thing"], turned["relation"], turned["second colour"]) == ("fish", "right of", "blue")
    assert (words["near thing"], words["near colour"]) == ("star", "blue")
    assert (words["far thing"], words["far colour"]) == ("fish", "red")
    assert {words[name] for name in ("thing", "colour", "size", "place")} == {"none"}
    assert (words["background"], words["second background"], words["ground"]) == ("white", "gray", "striped")
    assert words["style"] == "pixel"


def test_a_scene_of_one_says_nothing_of_sides() -> None:
    scene = Scene((Placed("star", "blue", "big", "left"),), Background("sky"))
    words = words_of(scene)
    assert (words["thing"], words["colour"], words["size"], words["place"]) == ("star", "blue", "big", "left")
    assert {words[f"{side} {what}"] for side in ("near", "far", "second") for what in ("thing", "colour")} == {"none"}
    assert words["ground"] == "sky"


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_background_of_each_ground_can_be_picked(ground: str) -> None:
    random = Random(4)
    picked = [pick_of_ground(random, ground) for _ in range(60)]
    assert {each.ground for each in picked} == {ground}
    # White on beige is seen, black on navy is not.
    assert not any({each.first, each.second} == {"black", "navy"} for each in picked)
