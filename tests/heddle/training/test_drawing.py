"""Drawings: the same from the same seed, on the ground and with the colour that the scene says."""

from __future__ import annotations

import colorsys
from random import Random

import numpy as np
import pytest

from heddle.training.drawing import BLOCK_PX, SHAPES, SIDE_PX, draw, draw_crowd, draw_many, vary_colour
from heddle.training.world import BACKGROUNDS, COLOURS, THINGS, Background, Placed, Scene, pick_scene, pick_two


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


def colourful(picture: np.ndarray) -> np.ndarray:
    """[128, 128], which pixels have a thing's chroma."""
    return np.ptp(picture.astype(int), axis=2) > 70


@pytest.mark.parametrize("style", ["flat", "outline", "pixel"])
def test_two_things_lie_apart_on_their_sides(style: str) -> None:
    random = Random(11)
    for _ in range(40):
        two = pick_two(random)
        picture = draw(random, Scene(two, Background("white"), style))
        shown = colourful(picture if two[0].place == "left" else picture.swapaxes(0, 1))
        columns = np.flatnonzero(shown.any(axis=0))
        gaps = np.flatnonzero(np.diff(columns) > 1)
        assert len(gaps) == 1, two
        assert 40 < columns[gaps[0]] < 64 < columns[gaps[0] + 1] < 88


def test_stripes_and_dots_take_turns() -> None:
    placed = (Placed("circle", "red", "small", "bottom right"),)
    rows = draw(Random(12), Scene(placed, Background("black", "white", "down", "striped"))).astype(int).mean(axis=2)
    columns = draw(Random(12), Scene(placed, Background("black", "white", "across", "striped"))).astype(int)
    dots = draw(Random(12), Scene(placed, Background("black", "white", "down", "dotted"))).astype(int).mean(axis=2)
    assert np.ptp(rows[:, 3]) > 200
    assert np.ptp(rows[3]) == 0
    assert np.ptp(columns.mean(axis=2)[3]) > 200
    changes = (np.diff(rows[:, 3] > 128) != 0).nonzero()[0]
    assert (np.diff(changes) == 8).all()
    lit = (dots > 128)[:64, :64].mean()
    assert 0.1 < lit < 0.25
    assert (dots[:16, :16] == dots[16:32, 32:48]).all()


def test_a_sky_is_pale_blue_with_clouds() -> None:
    picture = draw(Random(13), Scene((Placed("circle", "red", "small", "bottom"),), Background("sky"))).astype(int)
    above = picture[:64]
    assert (above[..., 2].mean() - above[..., 0].mean()) > 15
    assert above.min() > 150
    assert 0.01 < (above.min(axis=2) > 245).mean() < 0.4
    assert not colourful(picture)[:48].any()


def test_an_outline_leaves_the_ground_within_it() -> None:
    scene = Scene((Placed("circle", "red", "big", "centre"),), Background("white"))
    flat, outline = (
        colourful(draw(Random(14), Scene(scene.placed, scene.background, each))) for each in ("flat", "outline")
    )
    assert flat[64, 64]
    assert not outline[64, 64]
    assert (outline & ~flat).sum() == 0
    assert 0.1 < outline.sum() / flat.sum() < 0.5


def test_pixels_are_squares_of_one_colour() -> None:
    random = Random(15)
    for placed in [(Placed("star", "red", "big", "top left"),), pick_two(random), pick_two(random)]:
        picture = draw(random, Scene(placed, Background("sky"), "pixel"))
        blocks = picture.reshape(SIDE_PX // BLOCK_PX, BLOCK_PX, SIDE_PX // BLOCK_PX, BLOCK_PX, 3)
        assert (blocks == blocks[:, :1, :, :1]).all()


@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_varies_less_than_half_way_to_its_neighbours(colour: str) -> None:
    random = Random(10)
    hue = COLOURS[colour][0]
    others = [abs((each[0] - hue + 180) % 360 - 180) for name, each in COLOURS.items() if name != colour]
    for _ in range(50):
        red, green, blue = (channel / 255 for channel in vary_colour(random, colour))
        drawn = colorsys.rgb_to_hsv(red, green, blue)[0] * 360
        assert abs((drawn - hue + 180) % 360 - 180) < min(others) / 2
