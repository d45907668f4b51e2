"""How the guesses for several sides become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from heddle.samplers.guiders import GuidanceChange, GuidedStep, cfg, dual_cfg, perp_neg
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon

PREDICTION = Epsilon(scaled_linear(0.00085, 0.012))
X, SIGMA = torch.zeros(1, 4, 2, 2), torch.tensor(2.0)


class Guesses:
    """Sides whose guesses are given, and a note of which were asked for."""

    def __init__(self, **sides: float | Tensor) -> None:
        self.sides = sides
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, x: Tensor, sigma: Tensor, names: Sequence[str], /, change=None) -> dict[str, Tensor]:
        self.asked.append(tuple(names))
        return {name: torch.zeros_like(x) + self.sides[name] for name in names}


def test_guidance_goes_from_the_negative_through_the_positive() -> None:
    guesses = Guesses(positive=3.0, negative=1.0)
    assert cfg(guesses, 2.5, PREDICTION)(X, SIGMA).eq(1 + 2 * 2.5).all()
    assert guesses.asked == [("positive", "negative")]


def test_at_scale_one_the_negative_is_not_evaluated_unless_a_change_needs_it() -> None:
    guesses = Guesses(positive=3.0, negative=1.0)
    assert cfg(guesses, 1.0, PREDICTION)(X, SIGMA).eq(3).all()
    cfg(guesses, 1.0, PREDICTION, [lambda: GuidanceChange(needs_negative=True)])(X, SIGMA)
    assert guesses.asked == [("positive",), ("positive", "negative")]


def test_changes_come_in_order_and_the_last_formula_counts() -> None:
    seen: list[str] = []

    def before(name: str):
        def change(step: GuidedStep) -> GuidedStep:
            seen.append(name)
            return step

        return change

    changes = [
        lambda: GuidanceChange(before=before("one"), mix=lambda step: step.positive * 0),
        lambda: GuidanceChange(before=before("two"), mix=lambda step: step.positive * 10),
        lambda: GuidanceChange(after=lambda step, clean: clean + 1),
        lambda: GuidanceChange(rescale=lambda sigma, scale: scale * 2, after=lambda step, clean: clean * step.scale),
    ]
    assert cfg(Guesses(positive=3.0, negative=1.0), 2.0, PREDICTION, changes)(X, SIGMA).eq(31 * 4).all()
    assert seen == ["one", "two"]


def test_what_a_change_remembers_ends_with_its_run() -> None:
    def begin() -> GuidanceChange:
        calls: list[int] = []

        def after(step: GuidedStep, clean: Tensor) -> Tensor:
            calls.append(1)
            return clean + len(calls)

        return GuidanceChange(after=after)

    for _ in range(2):
        denoise = cfg(Guesses(positive=3.0, negative=1.0), 1.0, PREDICTION, [begin])
        assert [float(denoise(X, SIGMA)[0, 0, 0, 0]) for _ in range(2)] == [4, 5]


@pytest.mark.parametrize(
    ("scale", "middle_scale", "nested", "wanted", "sides"),
    [
        (2.0, 1.5, False, 1 + (4 - 1) * 1.5 + (6 - 4) * 2.0, 3),
        (2.0, 1.5, True, 1 + (8 - 1) * 1.5, 3),
        (1.3, 1.0, False, 4 + 2 * 1.3, 2),
        (1.0, 1.0, False, 6, 1),
        (1.0, 1.0, True, 6, 2),
    ],
)
def test_two_positives_have_a_scale_each_and_sides_without_effect_are_not_asked(
    scale: float, middle_scale: float, nested: bool, wanted: float, sides: int
) -> None:
    guesses = Guesses(positive=6.0, middle=4.0, negative=1.0)
    clean = dual_cfg(guesses, scale, middle_scale, PREDICTION, nested=nested)(X, SIGMA)
    assert torch.allclose(clean, torch.full_like(clean, wanted))
    assert len(guesses.asked[0]) == sides


def test_perp_neg_leaves_alone_what_the_positive_asks_for() -> None:
    wanted, unwanted = torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    wanted[:, 0], unwanted[:, 0], unwanted[:, 1] = 2.0, 5.0, 3.0
    clean = perp_neg(Guesses(positive=wanted, negative=unwanted, empty=0.0), 2.0, 1.0, PREDICTION)(X, SIGMA)
    assert clean[:, 0].eq(4).all()  # the shared direction is not weakened
    assert clean[:, 1].eq(-6).all()
    assert clean[:, 2:].eq(0).all()


def test_perp_neg_with_a_positive_that_asks_for_nothing_stays_finite() -> None:
    clean = perp_neg(Guesses(positive=0.0, negative=1.0, empty=0.0), 2.0, 1.0, PREDICTION)(X, SIGMA)
    assert clean.isfinite().all()


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_the_negatives_own_guess_is_given_where_it_is_asked_for(scale: float) -> None:
    guesses = Guesses(positive=6.0, middle=4.0, negative=1.0, empty=2.0)

    def shift(step: GuidedStep) -> GuidedStep:
        return step if step.negative is None else replace(step, negative=step.negative + 1)

    shifted = [lambda: GuidanceChange(before=shift)]
    for denoise, plain in (
        (cfg(guesses, scale, PREDICTION), 1.0),
        (cfg(guesses, scale, PREDICTION, shifted), 2.0),  # as guidance sees it
        (dual_cfg(guesses, scale, scale, PREDICTION), 1.0),
        (dual_cfg(guesses, scale, scale, PREDICTION, nested=True), 1.0),
        (perp_neg(guesses, scale, 1.0, PREDICTION), 2.0),
    ):
        both = denoise.both(X, SIGMA)
        assert torch.equal(both[1], torch.full_like(X, plain))
        assert plain == 2.0 or torch.equal(both[0], denoise(X, SIGMA))


def test_without_a_negative_both_guesses_are_the_same() -> None:
    clean, plain = cfg(Guesses(positive=3.0), 2.0, PREDICTION, negative=None).both(X, SIGMA)
    assert clean is plain
