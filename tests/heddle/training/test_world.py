"""The demo's world: what is kept from training, what captions say."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random

from heddle.training.world import (
    BACKGROUNDS,
    COLOURS,
    PLACES,
    SIZES,
    THINGS,
    Background,
    Placed,
    Scene,
    caption,
    describe,
    is_held_out,
    is_held_out_pair,
    pick_scene,
    words_of_the_world,
)


def test_the_first_world_is_as_large_as_was_asked() -> None:
    assert len(THINGS) >= 8
    assert len(COLOURS) >= 8
    assert len(SIZES) == 2
    assert {"left", "right", "top", "bottom", "centre", "top left"} <= set(PLACES)
    assert not set(COLOURS) & set(BACKGROUNDS)  # a colour in a negative prompt speaks of a thing


def test_each_thing_lacks_one_colour_and_each_colour_one_thing() -> None:
    pairs = [pair for pair in product(THINGS, COLOURS) if is_held_out_pair(*pair)]
    assert len(pairs) == len(THINGS)
    assert {thing for thing, _ in pairs} == set(THINGS)
    assert {colour for _, colour in pairs} == set(COLOURS)


def test_training_scenes_hold_no_held_out_combination_and_the_others_hold_nothing_else() -> None:
    random = Random(1)
    assert not any(is_held_out(pick_scene(random).placed[0]) for _ in range(500))
    assert all(is_held_out(pick_scene(random, held_out=True).placed[0]) for _ in range(100))


def test_every_word_is_still_met_in_training() -> None:
    random = Random(2)
    seen = Counter(word for _ in range(3000) for word in vars(pick_scene(random).placed[0]).values())
    assert min(seen[word] for word in [*THINGS, *COLOURS, *SIZES, *PLACES]) > 150


def test_captions_leave_attributes_out_and_never_say_what_is_not_there() -> None:
    scene = Scene((Placed("star", "blue", "small", "top left"),), Background("white"))
    random = Random(3)
    captions = [caption(random, scene) for _ in range(2000)]
    words = [set(words.replace(",", " ").split()) for words in captions]
    allowed = {"star", "blue", "small", "little", "tiny", "top", "left", "white", "background", "thing", "shape"}
    others = (set(THINGS) | set(COLOURS) | set(BACKGROUNDS) | {"right", "bottom", "big", "large", "gradient"}) - allowed
    assert not any(each & others for each in words)
    for word in ("star", "blue", "top", "white"):
        share = sum(word in each for each in words) / len(words)
        assert 0.3 < share < 0.95, word
    assert {"blue", "star"} <= set(captions)  # alone, as in a negative prompt


def test_a_scene_can_be_described_in_full() -> None:
    placed = Placed("star", "blue", "small", "top left")
    assert describe(placed, background="white") == "a small blue star, top left, white background"
    assert describe(Placed("fish", "orange", "big", "right")) == "a big orange fish, right"


def test_the_words_of_the_world_are_all_words_of_its_captions() -> None:
    known = set(words_of_the_world())
    random = Random(4)
    for _ in range(2000):
        assert set(caption(random, pick_scene(random)).replace(",", " ").split()) <= known
