"""The measure of the demo model, on painters whose mistakes are known."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from heddle.training.drawing import draw
from heddle.training.evaluate import ask, colourless_prompts, evaluate, score, score_negatives
from heddle.training.world import COLOURS, THINGS, Background, Placed, Scene, is_held_out


def paint_as_told(prompts: Sequence[str], negatives: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
    """A painter that reads its prompt and avoids its negative, by drawing."""
    pictures = []
    for prompt, negative, seed in zip(prompts, negatives, seeds, strict=True):
        random = Random(seed)
        words = prompt.replace(",", " ").replace("center", "centre").replace("middle", "centre").split()
        thing = next((each for each in THINGS if each in words), "circle")
        colours = [each for each in COLOURS if each in words] or [each for each in COLOURS if each != negative]
        place = " ".join(each for each in ("top", "bottom", "left", "right") if each in words) or "centre"
        size = "big" if "big" in words else "small"
        scene = Scene((Placed(thing, random.choice(colours), size, place),), Background("white"))
        pictures.append(draw(random, scene))
    return np.stack(pictures)


def test_half_of_the_questions_ask_for_what_training_never_showed() -> None:
    questions = ask(40)
    assert sum(each.held_out for each in questions) == 20
    assert all(is_held_out(each.wanted) is each.held_out for each in questions)
    assert questions == ask(40)
    assert len({each.prompt for each in questions}) > 35
    for each in questions:
        assert each.wanted.colour in each.prompt
        assert each.wanted.thing in each.prompt


def test_a_painter_that_does_as_told_meets_the_mark() -> None:
    report = evaluate(paint_as_told, count=40, negatives=12)
    assert report["meets_the_mark"]
    assert report["all"]["colour"] >= 0.97
    assert report["all"]["thing"] >= 0.97
    assert report["all"]["place"] >= 0.97
    assert report["negatives"]["asked"] == 12
    assert report["negatives"]["changed"] == 1
    assert report["negatives"]["kept"] == 1


def test_a_painter_of_red_circles_does_not() -> None:
    questions = ask(40)
    red = draw(Random(1), Scene((Placed("circle", "red", "big", "centre"),), Background("white")))
    found = score(questions, np.stack([red] * len(questions)))
    assert found.colour == sum(each.wanted.colour == "red" for each in questions) / 40
    assert found.thing == sum(each.wanted.thing == "circle" for each in questions) / 40
    assert not found.meets_the_mark()


def test_a_painter_that_ignores_its_negative_changes_nothing() -> None:
    def deaf(prompts: Sequence[str], negatives: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        return paint_as_told(prompts, [""] * len(prompts), seeds)

    assert score_negatives(deaf, 10)[0].changed == 0


def test_prompts_for_the_negative_test_name_no_colour() -> None:
    assert not any(colour in prompt.split() for prompt, _ in colourless_prompts(60) for colour in COLOURS)
