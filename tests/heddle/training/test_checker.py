"""The judge of pictures: right on fresh drawings, also blurred and noisy ones, and on pictures of nothing."""

from __future__ import annotations

from random import Random

import numpy as np
from PIL import Image, ImageFilter

from heddle.training.checker import (
    NOTHING,
    accuracy_of_two,
    check_the_checker,
    check_the_checker_on_two,
    look,
    look_for_two,
    relation_of,
)
from heddle.training.drawing import draw, paint_ground
from heddle.training.world import BACKGROUNDS, Background, Placed, Scene


def test_it_reads_at_least_98_in_100_fresh_drawings() -> None:
    right = check_the_checker(300, seed=11)
    assert min(right.thing, right.colour, right.size, right.place) >= 0.98


def spoil(pictures: np.ndarray) -> np.ndarray:
    """The pictures blurred and noisy."""
    noise = np.random.default_rng(12)
    blurred = [Image.fromarray(each).filter(ImageFilter.GaussianBlur(1.5)) for each in pictures]
    noisy = np.stack([np.asarray(each, dtype=np.float32) for each in blurred]) + noise.normal(0, 6, pictures.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def test_it_reads_blurred_and_noisy_drawings() -> None:
    right = check_the_checker(200, seed=13, through=spoil)
    assert min(right.thing, right.colour, right.place) >= 0.97


def test_it_reads_two_things_in_any_style_on_any_ground() -> None:
    right = check_the_checker_on_two(200, seed=16)
    assert min(right.things, right.colours, right.relation, right.whole) >= 0.98
    right = check_the_checker_on_two(100, seed=17, through=spoil)
    assert min(right.things, right.colours, right.relation, right.whole) >= 0.97


def test_it_says_which_of_two_things_is_where() -> None:
    star, fish = Placed("star", "blue", "small", "top"), Placed("fish", "yellow", "small", "bottom")
    picture = draw(Random(18), Scene((star, fish), Background("gray")))
    found = {each.thing: each for each in look_for_two(picture)}
    assert {each.thing: each.colour for each in found.values()} == {"star": "blue", "fish": "yellow"}
    assert relation_of(found["star"], found["fish"]) == "above"
    assert relation_of(found["fish"], found["star"]) == "below"
    turned = {each.colour: each for each in look_for_two(np.ascontiguousarray(picture.swapaxes(0, 1)))}
    assert relation_of(turned["blue"], turned["yellow"]) == "left of"


def test_two_things_whose_colours_are_swapped_are_not_what_was_meant() -> None:
    star, fish = Placed("star", "blue", "small", "left"), Placed("fish", "yellow", "small", "right")
    swapped = Placed("star", "yellow", "small", "left"), Placed("fish", "blue", "small", "right")
    pictures = [draw(Random(19), Scene(each, Background("gray"))) for each in ((star, fish), swapped)]
    right = accuracy_of_two([look_for_two(each) for each in pictures], [(star, fish)] * 2)
    assert (right.things, right.colours, right.whole) == (1, 1, 0.5)
    assert right.relation == 0.5  # by colour, the blue one is at the right


def test_one_thing_or_nothing_is_never_taken_for_two() -> None:
    alone = draw(Random(20), Scene((Placed("heart", "green", "big", "centre"),), Background("sky")))
    assert [(each.thing, each.colour) for each in look_for_two(alone)] == [("heart", "green")]
    assert look_for_two(np.full((128, 128, 3), 200, dtype=np.uint8)) == ()
    meant = Placed("heart", "green", "small", "left"), Placed("fish", "blue", "small", "right")
    for found in ((), look_for_two(alone)):
        right = accuracy_of_two([found], [meant])
        assert max(right.things, right.colours, right.relation, right.whole) == 0


def test_any_pixels_at_all_can_be_looked_at() -> None:
    chance = np.random.default_rng(21)
    for spread in (3, 30, 255):
        for _ in range(5):
            picture = chance.integers(0, spread + 1, (128, 128, 3), dtype=np.uint8)
            look(picture)
            assert len(look_for_two(picture)) <= 2


def test_plain_backgrounds_show_nothing() -> None:
    for name in BACKGROUNDS:
        assert look(np.asarray(paint_ground(Random(14), Background(name)))) == NOTHING


def test_it_says_what_is_there() -> None:
    picture = draw(Random(15), Scene((Placed("heart", "purple", "big", "bottom right"),), Background("mint")))
    assert look(picture) == ("heart", "purple", "big", "bottom right")
    # Other channels, other colour: what is seen comes from the pixels.
    assert look(picture[:, :, ::-1]).colour != "purple"
