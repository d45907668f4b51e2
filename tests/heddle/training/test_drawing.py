"""Drawings: the same from the same seed, on the ground and with the colour that the scene says."""

from __future__ import annotations

import colorsys
from random import Random

import numpy as np
import pytest

from heddle.training.drawing import SHAPES, SIDE_PX, draw, draw_crowd, draw_many, vary_colour
from heddle.training.world import BACKGROUNDS, COLOURS, THINGS, Background, Placed, Scene, pick_scene


def test_every_thing_has_an_outline_within_reach_of_its_square() -> None:
    assert set(SHAPES) == set(THINGS)
    for layers in SHAPES.values():
        assert max(abs(each) for layer in layers for point in layer.points for each in point) < 1.15


def test_the_same_scene_and_seed_give_the_same_bytes() -> None:
    scene = pick_scene(Random(5))
    first, again, other = draw(Random(6), scene), draw(Random(6), scene), draw(Random(7), scene)
    assert first.shape == (SIDE_PX, SIDE_PX, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()


def test_a_longer_set_begins_with_the_shorter_one() -> None:
    assert (draw_many(5, 1, draw_crowd)[:3] == draw_many(3, 1, draw_crowd)).all()


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_the_corner_far_from_the_thing_shows_the_background(name: str) -> None:
    picture = draw(Random(8), Scene((Placed("star", "red", "small", "top left"),), Background(name)))
    assert np.abs(picture[-1, -1].astype(int) - BACKGROUNDS[name]).max() <= 5


def test_a_gradient_runs_from_its_first_colour_to_its_second() -> None:
    placed = (Placed("circle", "red", "small", "centre"),)
    down = draw(Random(9), Scene(placed, Background("black", "white", "down"))).astype(int).mean(axis=2)
    across = draw(Random(9), Scene(placed, Background("black", "white", "across"))).astype(int).mean(axis=2)
    assert down[0, 0] < 40
    assert down[-1, 0] > 220
    assert (np.diff(down[:, 0]) >= 0).all()
    assert (down == across.T).mean() > 0.7  # but for the thing, and the ground's own jitter is the same


@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_varies_less_than_half_way_to_its_neighbours(colour: str) -> None:
    random = Random(10)
    hue = COLOURS[colour][0]
    others = [abs((each[0] - hue + 180) % 360 - 180) for name, each in COLOURS.items() if name != colour]
    for _ in range(50):
        red, green, blue = (channel / 255 for channel in vary_colour(random, colour))
        drawn = colorsys.rgb_to_hsv(red, green, blue)[0] * 360
        assert abs((drawn - hue + 180) % 360 - 180) < min(others) / 2
