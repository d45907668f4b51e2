"""The judge of pictures: right on fresh drawings, also blurred and noisy ones, and on pictures of nothing."""

from __future__ import annotations

from random import Random

import numpy as np
from PIL import Image, ImageFilter

from heddle.training.checker import NOTHING, check_the_checker, look
from heddle.training.drawing import draw, paint_ground
from heddle.training.world import BACKGROUNDS, Background, Placed, Scene


def test_it_reads_at_least_98_in_100_fresh_drawings() -> None:
    right = check_the_checker(300, seed=11)
    assert min(right.thing, right.colour, right.size, right.place) >= 0.98


def test_it_reads_blurred_and_noisy_drawings() -> None:
    noise = np.random.default_rng(12)

    def spoil(pictures: np.ndarray) -> np.ndarray:
        blurred = [Image.fromarray(each).filter(ImageFilter.GaussianBlur(1.5)) for each in pictures]
        noisy = np.stack([np.asarray(each, dtype=np.float32) for each in blurred]) + noise.normal(0, 6, pictures.shape)
        return noisy.clip(0, 255).astype(np.uint8)

    right = check_the_checker(200, seed=13, through=spoil)
    assert min(right.thing, right.colour, right.place) >= 0.97


def test_plain_backgrounds_show_nothing() -> None:
    for name in BACKGROUNDS:
        assert look(np.asarray(paint_ground(Random(14), Background(name)))) == NOTHING


def test_it_says_what_is_there() -> None:
    picture = draw(Random(15), Scene((Placed("heart", "purple", "big", "bottom right"),), Background("mint")))
    assert look(picture) == ("heart", "purple", "big", "bottom right")
    # Other channels, other colour: what is seen comes from the pixels.
    assert look(picture[:, :, ::-1]).colour != "purple"
