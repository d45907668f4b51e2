"""Does the demo model paint what it is told? Prompts with fixed seeds, painted, then judged by `checker.py`.

The painter is handed in: the engine's, or the nets at hand during training. Half of the prompts for one thing, and all
of those for two, ask for combinations of words that training never saw together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, NamedTuple, Protocol

import numpy as np

from heddle.training.captions import background_phrase, describe_two, place_phrase, style_phrase
from heddle.training.checker import AccuracyOfTwo, accuracy_of_two, look, look_for_two
from heddle.training.manner_checker import ground_of, style_of
from heddle.training.world import (
    COLOURS,
    GROUNDS,
    PLACES,
    STYLES,
    THINGS,
    Placed,
    is_held_out,
    is_held_out_together,
    pick_background,
    pick_of_ground,
    pick_placed,
    pick_two,
)

STEPS, GUIDANCE = 20, 5.0


class Painter(Protocol):
    def __call__(self, prompts: Sequence[str], negatives: Sequence[str], seeds: Sequence[int], /) -> np.ndarray:
        """One picture for each prompt with its negative and seed: [N, 128, 128, 3], uint8."""
        ...


class Question(NamedTuple):
    """A prompt, its seed, and what its picture is to show."""

    prompt: str
    seed: int
    wanted: Placed
    held_out: bool


def ask(count: int = 200, seed: int = 2026) -> list[Question]:
    """Prompts that name thing, colour and place; every second one holds a combination kept from training."""
    questions = []
    for i in range(count):
        random = Random(f"{seed}/question/{i}")
        while is_held_out(placed := pick_placed(random)) is not bool(i % 2):
            pass
        size = f"{placed.size} " if random.random() < 0.5 else ""
        words = f"a {size}{placed.colour} {placed.thing}".replace("a orange", "an orange")
        words += f", {place_phrase(random, placed.place)}"
        if random.random() < 0.5:
            words += f", {background_phrase(random, pick_background(random))}"
        questions.append(Question(words, seed + i, placed, bool(i % 2)))
    return questions


@dataclass(frozen=True)
class Score:
    """Shares of pictures, 0..1, that show what was asked for."""

    pictures: int
    colour: float
    thing: float
    place: float
    size: float

    def meets_the_mark(self) -> bool:
        """Whether the model is good enough to ship."""
        return self.colour >= 0.95 and self.thing >= 0.90 and self.place >= 0.80


def score(questions: Sequence[Question], pictures: np.ndarray) -> Score:
    """Judge one picture for each question."""
    seen = [look(picture) for picture in pictures]

    def share(name: str) -> float:
        right = [getattr(a, name) == getattr(b.wanted, name) for a, b in zip(seen, questions, strict=True)]
        return sum(right) / max(1, len(right))

    return Score(len(seen), share("colour"), share("thing"), share("place"), share("size"))


class QuestionOfTwo(NamedTuple):
    """A prompt, its seed, and the two things its picture is to show, the one first that is named first."""

    prompt: str
    seed: int
    wanted: tuple[Placed, Placed]


def ask_for_two(count: int = 200, seed: int = 4052) -> list[QuestionOfTwo]:
    """Prompts that name two things, their colours and their relation, all in combinations kept from training."""
    questions = []
    for i in range(count):
        random = Random(f"{seed}/question of two/{i}")
        while not is_held_out_together(*(two := pick_two(random))):
            pass
        first, second = random.sample(two, 2)
        words = describe_two(first, second)
        if random.random() < 0.5:
            words += f", {background_phrase(random, pick_background(random))}"
        questions.append(QuestionOfTwo(words, seed + i, (first, second)))
    return questions


class QuestionOfManner(NamedTuple):
    """A prompt for one thing, its seed, and on what ground or in what style its picture is to show it."""

    prompt: str
    seed: int
    ground: str | None
    style: str | None


def ask_for_manners(count: int = 120, seed: int = 7077) -> list[QuestionOfManner]:
    """Prompts for one thing, each with one of the grounds or of the styles, in turn."""
    questions = []
    manners = [(ground, None) for ground in GROUNDS] + [(None, style) for style in STYLES]
    for i in range(count):
        random = Random(f"{seed}/question of manner/{i}")
        placed, (ground, style) = pick_placed(random), manners[i % len(manners)]
        words = f"a {placed.colour} {placed.thing}".replace("a orange", "an orange")
        if ground is not None:
            words += f", {background_phrase(random, pick_of_ground(random, ground))}"
        else:
            words += f", {style_phrase(random, style or '')}"
        questions.append(QuestionOfManner(words, seed + i, ground, style))
    return questions


def paint_in_parts(
    paint: Painter, prompts: Sequence[str], negatives: Sequence[str], seeds: Sequence[int], at_once: int = 20
) -> np.ndarray:
    """The painter's pictures, a few prompts at a time."""
    parts = [slice(i, i + at_once) for i in range(0, len(prompts), at_once)]
    return np.concatenate([paint(prompts[part], negatives[part], seeds[part]) for part in parts])


def colourless_prompts(count: int, seed: int = 77) -> list[tuple[str, int]]:
    """Prompts without a colour word, with their seeds: what a thing's colour is then is left to chance."""
    prompts = []
    for i in range(count):
        random = Random(f"{seed}/colourless/{i}")
        words = f"a {random.choice(THINGS)}"
        if random.random() < 0.5:
            words += f", {place_phrase(random, random.choice(list(PLACES)))}"
        prompts.append((words, seed + i))
    return prompts


@dataclass(frozen=True)
class NegativeScore:
    """asked: prompts whose picture with an empty negative shows a colour.

    changed: share of these whose picture shows another colour once the first is the negative prompt.
    kept: share whose picture with that negative still shows the thing asked for.
    """

    asked: int
    changed: float
    kept: float


def score_negatives(paint: Painter, count: int = 60) -> tuple[NegativeScore, np.ndarray]:
    """Paint without a colour word, then again with the colour that came as the negative prompt.

    Returns: the score; the pictures of both rounds, [2 * asked, 128, 128, 3].
    """
    prompts, seeds = (list(column) for column in zip(*colourless_prompts(count), strict=True))
    first = paint_in_parts(paint, prompts, [""] * count, seeds)
    colours = [look(picture).colour for picture in first]
    shown = [i for i, colour in enumerate(colours) if colour is not None]
    negatives = [colours[i] or "" for i in shown]
    second = paint_in_parts(paint, [prompts[i] for i in shown], negatives, [seeds[i] for i in shown])
    seen = [look(picture) for picture in second]
    changed = [each.colour not in (None, before) for each, before in zip(seen, negatives, strict=True)]
    kept = [each.thing is not None and each.thing in prompts[i] for each, i in zip(seen, shown, strict=True)]
    total = max(1, len(shown))
    return (
        NegativeScore(len(shown), sum(changed) / total, sum(kept) / total),
        np.concatenate([first[shown], second]),
    )


def score_two(paint: Painter, count: int = 200) -> AccuracyOfTwo:
    """Paint two things at a time, and judge."""
    questions = ask_for_two(count)
    pictures = paint_in_parts(
        paint, [each.prompt for each in questions], [""] * count, [each.seed for each in questions]
    )
    return accuracy_of_two([look_for_two(picture) for picture in pictures], [each.wanted for each in questions])


def score_manners(paint: Painter, count: int = 120) -> dict[str, float]:
    """Of each ground and of each style the share of pictures, 0..1, that show it when asked for."""
    questions = ask_for_manners(count)
    pictures = paint_in_parts(
        paint, [each.prompt for each in questions], [""] * count, [each.seed for each in questions]
    )
    right: dict[str, list[bool]] = {}
    for question, picture in zip(questions, pictures, strict=True):
        if question.ground is not None:
            right.setdefault(question.ground, []).append(ground_of(picture) == question.ground)
        elif question.style is not None:
            right.setdefault(question.style, []).append(style_of(picture) == question.style)
    return {name: sum(each) / len(each) for name, each in right.items()}


def evaluate(
    paint: Painter, count: int = 200, negatives: int = 60, two: int = 200, manners: int = 120
) -> dict[str, Any]:
    """The whole measure, as numbers for a report: over all prompts, over known and over held-out combinations.

    Args:
        negatives, two, manners: how many prompts of each further kind; 0 = none.
    """
    questions = ask(count)
    pictures = paint_in_parts(
        paint, [each.prompt for each in questions], [""] * count, [each.seed for each in questions]
    )
    held_out = np.array([each.held_out for each in questions])
    overall = score(questions, pictures)
    report: dict[str, Any] = {
        "all": asdict(overall),
        "known": asdict(score([q for q in questions if not q.held_out], pictures[~held_out])),
        "held_out": asdict(score([q for q in questions if q.held_out], pictures[held_out])),
        "by_thing": {name: _score_of(questions, pictures, "thing", name).thing for name in THINGS},
        "by_colour": {name: _score_of(questions, pictures, "colour", name).colour for name in COLOURS},
        "meets_the_mark": overall.meets_the_mark(),
    }
    if negatives:
        report["negatives"] = asdict(score_negatives(paint, negatives)[0])
    if two:
        report["two"] = asdict(score_two(paint, two))
    if manners:
        report["manners"] = score_manners(paint, manners)
    return report


def _score_of(questions: Sequence[Question], pictures: np.ndarray, attribute: str, value: str) -> Score:
    chosen = [i for i, each in enumerate(questions) if getattr(each.wanted, attribute) == value]
    return score([questions[i] for i in chosen], pictures[chosen])
