"""The model that ships: it paints what it is told, also what training never showed together.

Forty prompts in every run of the suite, the whole measure with --slow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from heddle.training.checker import check_the_checker
from heddle.training.evaluate import Score, ask, evaluate, paint_in_parts, score, score_negatives
from tests.demo.engine_painter import EnginePainter

CHECKPOINT = Path(__file__).parents[2] / "models" / "checkpoints" / "heddle-demo.safetensors"


@pytest.fixture(scope="module")
def painter() -> EnginePainter:
    return EnginePainter(CHECKPOINT)


def test_the_file_is_small_and_half_precision() -> None:
    assert CHECKPOINT.stat().st_size <= 40_000_000
    tensors = load_file(CHECKPOINT)
    assert {str(each.dtype) for name, each in tensors.items() if "position_ids" not in name} == {"torch.float16"}
    words = tensors["cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"]
    assert len(words) == 49408


def test_drawings_that_went_through_its_autoencoder_are_still_read_rightly(painter: EnginePainter) -> None:
    right = check_the_checker(100, 33, painter.code)
    assert min(right.thing, right.colour, right.place) >= 0.97  # one or two in a hundred; the whole measure says 98 %


@pytest.fixture(scope="module")
def forty(painter: EnginePainter) -> Score:
    questions = ask(40)
    prompts, seeds = [each.prompt for each in questions], [each.seed for each in questions]
    return score(questions, paint_in_parts(painter, prompts, [""] * 40, seeds))


def test_forty_prompts_show_the_thing_and_the_colour_that_they_name(forty: Score) -> None:
    # Looser than the whole measure by about one deviation of forty draws.
    assert forty.colour >= 0.92
    assert forty.thing >= 0.85


def test_forty_prompts_show_the_thing_where_they_say(forty: Score) -> None:
    assert forty.place >= 0.75


def test_a_colour_as_the_negative_gives_another_one(painter: EnginePainter) -> None:
    found, _ = score_negatives(painter, 12)
    assert found.asked >= 10
    assert found.changed >= 0.8


@pytest.mark.slow
def test_the_checker_is_right_on_drawings_fresh_and_coded(painter: EnginePainter) -> None:
    for through in (None, painter.code):
        right = check_the_checker(400, 31, through)
        assert min(right.thing, right.colour, right.place) >= 0.98


@pytest.fixture(scope="module")
def whole_measure(painter: EnginePainter) -> dict[str, Any]:
    return evaluate(painter, 200, 60)


@pytest.mark.slow
def test_two_hundred_prompts_show_thing_colour_and_place(whole_measure: dict[str, Any]) -> None:
    assert whole_measure["all"]["colour"] >= 0.95, whole_measure
    assert whole_measure["all"]["thing"] >= 0.90, whole_measure
    assert whole_measure["all"]["place"] >= 0.80, whole_measure
    assert whole_measure["negatives"]["changed"] >= 0.9, whole_measure
