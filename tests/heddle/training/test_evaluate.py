"""The measure of the demo model, on painters whose mistakes are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

import numpy as np

from heddle.training.drawing import draw
from heddle.training.evaluate import (
    ask,
    ask_for_manners,
    ask_for_two,
    colourless_prompts,
    evaluate,
    score,
    score_negatives,
    score_two,
)
from heddle.training.world import (
    COLOURS,
    GROUNDS,
    STYLES,
    THINGS,
    Background,
    Placed,
    Scene,
    is_held_out,
    is_held_out_together,
)

PATTERNS = {
    "strip": Background("white", "gray", "down", "striped"),
    "dot": Background("white", "gray", "down", "dotted"),
    "sky": Background("sky"),
    "gradient": Background("white", "black"),
}
SIDES_OF = {
    "left of": ("left", "right"),
    "right of": ("right", "left"),
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
}


def named(known: Iterable[str], text: str) -> str:
    """The first of the known words that a text holds."""
    return next(word for word in known if word in text.replace(",", " ").split())


def paint_as_told(prompts: Sequence[str], negatives: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
    """A painter that reads its prompt and avoids its negative, by drawing."""
    pictures = []
    for prompt, negative, seed in zip(prompts, negatives, seeds, strict=True):
        random = Random(seed)
        background = next((PATTERNS[each] for each in PATTERNS if each in prompt), Background("white"))
        style = next((each for each in ("outline", "pixel") if each in prompt), "flat")
        relation = next((each for each in SIDES_OF if each in prompt), None)
        if relation is not None:
            first, second = (
                Placed(named(THINGS, part), named(COLOURS, part), "small", side)
                for part, side in zip(prompt.split(relation), SIDES_OF[relation], strict=True)
            )
            pictures.append(draw(random, Scene((first, second), background)))
            continue
        words = prompt.replace(",", " ").replace("center", "centre").replace("middle", "centre").split()
        thing = next((each for each in THINGS if each in words), "circle")
        colours = [each for each in COLOURS if each in words] or [each for each in COLOURS if each != negative]
        place = " ".join(each for each in ("top", "bottom", "left", "right") if each in words) or "centre"
        size = "big" if "big" in words else "small"
        scene = Scene((Placed(thing, random.choice(colours), size, place),), background, style)
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
    report = evaluate(paint_as_told, count=40, negatives=12, two=24, manners=32)
    assert report["meets_the_mark"]
    assert report["all"]["colour"] >= 0.97
    assert report["all"]["thing"] >= 0.97
    assert report["all"]["place"] >= 0.97
    assert report["negatives"]["asked"] == 12
    assert report["negatives"]["changed"] == 1
    assert report["negatives"]["kept"] == 1
    assert report["two"]["whole"] >= 0.95
    assert set(report["manners"]) == {*GROUNDS, *STYLES}
    assert min(report["manners"].values()) >= 0.75, report["manners"]


def test_all_questions_for_two_ask_for_what_training_never_showed() -> None:
    questions = ask_for_two(60)
    assert all(is_held_out_together(*each.wanted) for each in questions)
    assert questions == ask_for_two(60)
    for each in questions:
        first, second = each.wanted
        assert each.prompt.index(first.colour) < each.prompt.index(f"{second.colour} {second.thing}")
    assert {each.wanted[0].place for each in questions} == {"left", "right", "top", "bottom"}


def test_a_painter_that_mixes_up_its_relations_is_told() -> None:
    def mirrored(prompts: Sequence[str], negatives: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        return np.ascontiguousarray(paint_as_told(prompts, negatives, seeds)[:, :, ::-1])

    found = score_two(mirrored, 40)
    across = sum(each.wanted[0].place in ("left", "right") for each in ask_for_two(40)) / 40
    assert found.colours >= 0.95
    assert found.relation <= 1.05 - across


def test_questions_for_manners_name_each_ground_and_each_style() -> None:
    asked = ask_for_manners(32)
    assert {each.ground for each in asked} == {*GROUNDS, None}
    assert {each.style for each in asked} == {*STYLES, None}
    assert all((each.ground is None) is not (each.style is None) for each in asked)


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
