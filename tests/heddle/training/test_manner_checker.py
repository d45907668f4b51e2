"""The judge of backgrounds and styles: right on fresh drawings."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np

from heddle.training.drawing import draw
from heddle.training.manner_checker import ground_of, style_of
from heddle.training.world import GROUNDS, STYLES, pick_scene


def test_it_reads_grounds_and_styles_of_fresh_drawings() -> None:
    wrong, asked = Counter[str](), Counter[str]()
    for i in range(300):
        random = Random(f"manner/{i}")
        scene = pick_scene(random)
        picture = draw(random, scene)
        ground, style = scene.background.ground, scene.style
        asked.update((ground, style))
        wrong.update([ground] * (ground_of(picture) != ground) + [style] * (style_of(picture) != style))
    assert set(asked) == {*GROUNDS, *STYLES}
    for name in asked:
        # Two shades that are nearly one, as white to beige, are taken for one.
        assert wrong[name] <= asked[name] * (0.2 if name == "shaded" else 0.05), (name, wrong, asked)


def test_a_picture_of_nothing_is_plain_and_in_no_style() -> None:
    for level in (0, 128, 255):
        nothing = np.full((128, 128, 3), level, dtype=np.uint8)
        assert ground_of(nothing) == "plain"
        assert style_of(nothing) is None
    colourful = np.zeros((128, 128, 3), dtype=np.uint8)
    colourful[..., 0] = 255  # all of it a thing: there is nothing behind
    assert ground_of(colourful) == "plain"
