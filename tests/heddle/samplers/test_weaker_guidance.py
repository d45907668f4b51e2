"""Guidance by a network that is made weaker, with guesses that say which network made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from heddle.samplers.conditions import Call
from heddle.samplers.guidance_changes import adaptive_projected
from heddle.samplers.guiders import BeginChange, cfg, dual_cfg, perp_neg
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon
from heddle.samplers.weaker_guidance import away_from_weaker, self_attention_guidance, weaker_negative

PREDICTION = Epsilon(scaled_linear(0.00085, 0.012))
SIGMA = torch.tensor(2.0)
X = torch.randn(1, 4, 8, 16, generator=torch.Generator().manual_seed(3))
SAID = {
    name: torch.randn(1, 4, 8, 16, generator=torch.Generator().manual_seed(seed))
    for seed, name in enumerate(("positive", "negative", "middle", "empty"))
}
WEAK = "weak"


def weaken(call: Call, /) -> Call:
    return replace(call, hooks=WEAK)


class Guesses:
    """Half of what is said where the network is weakened; the kinds of all calls are noted."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], str]] = []
        self.seen_x: list[Tensor] = []
        self.looked: Tensor | None = None

    def __call__(self, x: Tensor, sigma: Tensor, names: Sequence[str], /, change=None) -> dict[str, Tensor]:
        call = Call({}, tuple(names), level=float(sigma), areas=(None,) * len(names))
        call = call if change is None else change(call)
        self.asked.append((tuple(names), call.kind))
        self.seen_x.append(x)
        if isinstance(call.hooks, tuple) and self.looked is not None:  # those of `watch`
            call.hooks[0](self.looked.repeat(len(names), 1))
        return {name: SAID[name] * (0.5 if call.hooks == WEAK else 1.0) for name in names}


def run(change: BeginChange, *more: BeginChange, scale: float = 3.0, sigma: Tensor = SIGMA) -> tuple[Tensor, Guesses]:
    guesses = Guesses()
    return cfg(guesses, scale, PREDICTION, [change, *more])(X, sigma), guesses


def plain(scale: float = 3.0) -> Tensor:
    return cfg(Guesses(), scale, PREDICTION)(X, SIGMA)


def test_the_way_from_the_weaker_guess_is_added() -> None:
    clean, guesses = run(away_from_weaker(weaken, 2.0, "other"))
    torch.testing.assert_close(clean, plain() + SAID["positive"] * 0.5 * 2)
    assert guesses.asked == [(("positive", "negative"), ""), (("positive",), "other")]


@pytest.mark.parametrize(("scale", "level"), [(0.0, 2.0), (2.0, 4.0), (2.0, 0.5)])
def test_no_call_is_made_where_nothing_would_be_added(scale: float, level: float) -> None:
    change = away_from_weaker(weaken, scale, "other", first_sigma=3.0, last_sigma=1.0)
    clean, guesses = run(change, sigma=torch.tensor(level))
    assert len(guesses.asked) == 1
    torch.testing.assert_close(clean, plain())


def test_wholly_rescaled_it_has_the_spread_of_the_positive() -> None:
    clean, _ = run(away_from_weaker(weaken, 2.0, "other", rescaled=1.0))
    torch.testing.assert_close(clean.std(), SAID["positive"].std())


def test_it_compares_with_what_the_network_said_whatever_else_changes_guidance() -> None:
    others = adaptive_projected(0.0, 1.0, 0.0)
    alone = cfg(Guesses(), 3.0, PREDICTION, [others])(X, SIGMA)
    clean, _ = run(others, away_from_weaker(weaken, 2.0, "other"))
    torch.testing.assert_close(clean, alone + SAID["positive"] * 0.5 * 2)


def test_guiders_with_more_sides_say_which_one_is_compared() -> None:
    change = away_from_weaker(weaken, 2.0, "other")
    dual, nested, perp = Guesses(), Guesses(), Guesses()
    dual_cfg(dual, 2.0, 3.0, PREDICTION, [change])(X, SIGMA)
    dual_cfg(nested, 2.0, 3.0, PREDICTION, [change], nested=True)(X, SIGMA)
    perp_neg(perp, 2.0, 1.0, PREDICTION, [change])(X, SIGMA)
    assert [each.asked[-1][0] for each in (dual, nested, perp)] == [("middle",), ("positive",), ("positive",)]


def test_the_negative_alone_may_be_made_weaker() -> None:
    clean, guesses = run(weaker_negative(weaken, "other", first_sigma=3.0, last_sigma=1.0))
    negative = SAID["negative"] * 0.5
    torch.testing.assert_close(clean, negative + (SAID["positive"] - negative) * 3)
    assert guesses.asked == [(("positive",), ""), (("negative",), "other")]
    change = weaker_negative(weaken, "other", first_sigma=3.0, last_sigma=1.0)
    assert run(change, sigma=torch.tensor(5.0))[1].asked == [(("positive", "negative"), "")]
    assert run(change, scale=1.0)[1].asked == [(("positive",), "")]


def watch(call: Call, see: Callable[[Tensor], None], /) -> Call:
    return replace(call, hooks=(see,))


def self_guided(looked: Tensor | None, scale: float = 0.5, blur: float = 2.0, cfg_scale: float = 3.0):
    guesses = Guesses()
    guesses.looked = looked
    return cfg(guesses, cfg_scale, PREDICTION, [self_attention_guidance(watch, scale, blur)])(X, SIGMA), guesses


def test_only_what_is_looked_at_is_blurred_in_the_picture_that_is_asked_about() -> None:
    looked = torch.zeros(1, 8)  # 2 rows of 4 tokens for 8 x 16 cells
    looked[0, 5] = 3.0
    clean, guesses = self_guided(looked)
    blurred = guesses.seen_x[1] - X + SAID["negative"]
    changed = (blurred - SAID["negative"]).abs().amax((0, 1)) > 1e-5
    assert changed[4:8, 4:8].all() and changed.sum() == 16
    # The network says the same of both, so what is added is the blurred negative less the negative.
    torch.testing.assert_close(clean, plain() + (blurred - SAID["negative"]) * 0.5)
    assert guesses.asked == [(("positive", "negative"), ""), (("negative",), "self-attention guidance")]


def test_a_blur_is_a_mean_and_one_of_no_width_leaves_the_picture() -> None:
    everywhere = torch.full((1, 8), 2.0)
    _, narrow = self_guided(everywhere, blur=0.0)
    torch.testing.assert_close(narrow.seen_x[1], X)
    _, wide = self_guided(everywhere, blur=10.0)
    blurred = wide.seen_x[1] - X + SAID["negative"]
    assert blurred.std() < 0.3 * SAID["negative"].std()


def test_the_negative_is_asked_for_also_without_guidance_and_nothing_is_done_where_nobody_looks() -> None:
    clean, guesses = self_guided(torch.full((1, 8), 2.0), cfg_scale=1.0)
    assert guesses.asked[0][0] == ("positive", "negative")
    assert not torch.allclose(clean, SAID["positive"])
    clean, guesses = self_guided(None)
    assert len(guesses.asked) == 1
    torch.testing.assert_close(clean, plain())


def test_where_a_call_is_left_out_what_was_seen_last_counts() -> None:
    guesses = Guesses()
    guesses.looked = torch.full((1, 8), 2.0)
    denoise = cfg(guesses, 3.0, PREDICTION, [self_attention_guidance(watch, 0.5, 2.0)])
    first = denoise(X, SIGMA)
    guesses.looked = None
    torch.testing.assert_close(denoise(X, SIGMA), first)
