"""Captions: they say what there is, in many ways, and never what there is not."""

from __future__ import annotations

from random import Random

from heddle.training.captions import caption, describe, describe_two, words_of_the_world
from heddle.training.world import BACKGROUNDS, COLOURS, THINGS, Background, Placed, Scene, in_any_order, pick_scene

STAR, FISH = Placed("star", "blue", "small", "left"), Placed("fish", "red", "small", "right")


def words_of(text: str) -> set[str]:
    return set(text.replace(",", " ").split())


def test_captions_leave_attributes_out_and_never_say_what_is_not_there() -> None:
    scene = Scene((Placed("star", "blue", "small", "top left"),), Background("white"))
    random = Random(3)
    captions = [caption(random, scene) for _ in range(2000)]
    words = [words_of(each) for each in captions]
    allowed = {"star", "blue", "small", "little", "tiny", "top", "left", "white", "background", "thing", "shape"}
    wrong = {"right", "bottom", "big", "large", "gradient", "striped", "dots", "sky", "pixel", "outline", "above"}
    others = (set(THINGS) | set(COLOURS) | set(BACKGROUNDS) | wrong) - allowed
    assert not any(each & others for each in words)
    for word in ("star", "blue", "top", "white"):
        share = sum(word in each for each in words) / len(words)
        assert 0.3 < share < 0.95, word
    assert {"blue", "star"} <= set(captions)  # alone, as in a negative prompt


def test_of_two_things_either_can_be_named_first_and_the_relation_fits() -> None:
    random = Random(5)
    scene = Scene((STAR, FISH), Background("white"))
    captions = [caption(random, in_any_order(random, scene)) for _ in range(2000)]
    related = [each for each in captions if "blue star" in each and "red fish" in each]
    star_first = [each for each in related if each.index("star") < each.index("fish")]
    assert 0.4 < len(star_first) / len(related) < 0.6
    assert sum("left of" in each for each in star_first) / len(star_first) > 0.4
    assert not any("right of" in each for each in star_first)
    fish_first = set(related) - set(star_first)
    assert any("right of" in each for each in fish_first)
    assert not any("left of" in each for each in fish_first)
    assert not any(words_of(each) & {"above", "below", "top", "bottom", "under", "over"} for each in captions)


def test_styles_and_patterns_are_nearly_always_said() -> None:
    random = Random(6)
    scene = Scene((STAR,), Background("white", "gray", "down", "dotted"), "pixel")
    captions = [caption(random, scene) for _ in range(1000)]
    assert sum("pixel" in each for each in captions) > 800
    assert sum("dot" in each for each in captions) > 700
    assert not any("strip" in each for each in captions)


def test_a_scene_can_be_described_in_full() -> None:
    placed = Placed("star", "blue", "small", "top left")
    assert describe(placed, background="white") == "a small blue star, top left, white background"
    assert describe(Placed("fish", "orange", "big", "right")) == "a big orange fish, right"
    assert describe_two(STAR, FISH) == "a blue star left of a red fish"
    assert describe_two(FISH, Placed("house", "orange", "small", "left")) == "a red fish right of an orange house"


def test_the_words_of_the_world_are_all_words_of_its_captions() -> None:
    known = set(words_of_the_world())
    random = Random(4)
    for _ in range(2000):
        assert words_of(caption(random, pick_scene(random))) <= known
