"""Steps that are not computed because the input has hardly moved."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from heddle.samplers.conditions import Area, Call, Condition, Network, condition_sides, denoiser_of
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon
from heddle.samplers.reuse import Reuse, reuse_guesses, reuse_outputs
from heddle.samplers.sampler import AskedFor
from heddle.samplers.schedules import karras

PREDICTION = Epsilon(scaled_linear(0.00085, 0.012))
SIGMAS = karras(PREDICTION.schedule, 20)
EVERYWHERE = (1e9, 0.0)


class Net:
    """Says 2 x, and notes what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, tuple[str, ...]]] = []

    def __call__(self, x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        self.calls.append((call.level, call.sides))
        return x * 2


def condition(seed: int, tokens: int = 3, area: Area | None = None) -> Condition:
    return Condition({"context": torch.full((1, tokens, 2), float(seed))}, area=area, may_repeat_text=False)


def walk(network: Network, sides: dict[str, list[Condition]], levels: Tensor, step: float = 0.05) -> list[Tensor]:
    """The guesses of a run whose input grows a little from level to level."""
    guess = condition_sides(denoiser_of(network, PREDICTION), sides)
    x = torch.ones(1, 4, 16, 16)
    return [guess(x * (1 + step * number), level, list(sides))["positive"] for number, level in enumerate(levels)]


def test_a_network_is_called_less_often_the_more_change_is_allowed() -> None:
    counts = []
    for threshold in (0.0, 0.1, 3.0):
        net = Net()
        walk(reuse_outputs(net, Reuse(threshold, *EVERYWHERE)), {"positive": [condition(1)]}, SIGMAS[:-1])
        counts.append(len(net.calls))
    assert counts[0] == 20 > counts[1] > counts[2] > 2


def test_what_is_used_again_is_what_the_network_added_to_its_input() -> None:
    kept, net = {}, Net()
    network = reuse_outputs(net, Reuse(3.0, *EVERYWHERE))
    one = condition(1)
    for number, level in enumerate((3.0, 2.9, 2.8)):
        x = torch.full((1, 4, 8, 8), 1 + number / 100)
        kept[level] = network(x, torch.zeros(1), Call({}, ("positive",), level=level, areas=(None,), conditions=(one,)))
    assert [level for level, _ in net.calls] == [3.0, 2.9]
    torch.testing.assert_close(kept[2.8], torch.full((1, 4, 8, 8), 1.02 + 1.01))


def test_the_expected_change_is_the_rate_times_what_the_input_has_moved_and_adds_up() -> None:
    told: list[str] = []
    net = Net()
    network = reuse_outputs(net, Reuse(0.05, *EVERYWHERE, told.append))
    one = condition(1)
    for number, level in enumerate((5.0, 4.0, 3.0, 2.0, 1.0)):
        x = torch.full((1, 4, 8, 8), 1 + 0.02 * number)
        network(x, torch.zeros(1), Call({}, ("positive",), level=level, areas=(None,), conditions=(one,)))
    # The output changes by 2 for a change by 1 and has the size 2.04 at level 4: 0.02 more makes 0.0196, then 0.0392.
    assert [line.split(":")[1].split(",")[0].strip() for line in told] == ["used again", "computed", "used again"]
    assert "0.020 of 0.05" in told[0] and "0.059 of 0.05" in told[1]


def test_nothing_is_left_out_before_and_after_its_levels() -> None:
    net = Net()
    first, last = float(SIGMAS[5]), float(SIGMAS[12])
    walk(reuse_outputs(net, Reuse(3.0, first, last)), {"positive": [condition(1)]}, SIGMAS[:-1])
    left_out = {float(level) for level in SIGMAS[:-1]} - {level for level, _ in net.calls}
    assert left_out and all(last < level < first for level in left_out)


def test_conditions_that_run_apart_are_left_out_together() -> None:
    net = Net()
    sides = {"positive": [condition(1), condition(2, tokens=5)], "negative": [condition(3, tokens=7)]}
    walk(reuse_outputs(net, Reuse(0.1, *EVERYWHERE)), sides, SIGMAS[:-1])
    per_level = [sum(level == each for each, _ in net.calls) for level in SIGMAS[:-1].tolist()]
    assert set(per_level) == {0, 3}


def test_a_condition_that_was_never_computed_is_not_left_out() -> None:
    net = Net()
    late = Condition(condition(2, tokens=5).inputs, first_sigma=1.0, may_repeat_text=False)
    sides = {"positive": [condition(1), late]}
    walk(reuse_outputs(net, Reuse(3.0, *EVERYWHERE)), sides, SIGMAS[:-1])
    first_late = next(float(level) for level in SIGMAS if level <= 1.0)
    assert first_late in [level for level, _ in net.calls]


def test_a_condition_that_takes_the_place_of_another_decides_from_then_on() -> None:
    net, change = Net(), float(SIGMAS[10])
    early = Condition(condition(1).inputs, last_sigma=change + 1e-3)
    later = Condition(condition(2).inputs, first_sigma=change)
    walk(reuse_outputs(net, Reuse(3.0, *EVERYWHERE)), {"positive": [early, later]}, SIGMAS[:-1])
    called = [level for level, _ in net.calls]
    assert called[:2] == SIGMAS[:2].tolist() and called[-2:] != SIGMAS[-3:-1].tolist()
    assert SIGMAS[10:12].tolist() == [level for level in called if level <= change][:2]
    assert len(called) < 8


def test_calls_of_another_kind_keep_their_own_outputs() -> None:
    one, said = condition(1), []

    def network(x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        said.append(call.kind)
        return x + (10 if call.kind else 1)

    cached = reuse_outputs(network, Reuse(3.0, *EVERYWHERE))
    for number, level in enumerate((3.0, 2.0, 1.0)):
        x = torch.full((1, 4, 8, 8), 1 + number / 10)
        for kind, added in (("", 1), ("other", 10)):
            call = Call({}, ("positive",), level=level, areas=(None,), conditions=(one,), kind=kind)
            assert cached(x, torch.zeros(1), call).sub(x).allclose(torch.tensor(float(added)))
    assert said == ["", "other"] * 2


def test_each_run_begins_with_nothing_kept() -> None:
    for _ in range(2):
        net = Net()
        walk(reuse_outputs(net, Reuse(3.0, *EVERYWHERE)), {"positive": [condition(1)]}, SIGMAS[:3])
        assert len(net.calls) == 2


@pytest.mark.parametrize("needs_plain", [False, True])
def test_a_whole_guess_is_used_again_with_the_negatives(needs_plain: bool) -> None:
    asked: list[float] = []

    def ask(x: Tensor, sigma: Tensor, plain: bool) -> tuple[Tensor, Tensor]:
        asked.append(float(sigma))
        return x * 2, x * 3

    denoise = reuse_guesses(AskedFor(ask), Reuse(3.0, *EVERYWHERE))
    assert isinstance(denoise, AskedFor)
    for number, level in enumerate(SIGMAS[:4]):
        x = torch.full((1, 4, 8, 8), 1 + number / 100)
        clean, plain = denoise.ask(x, level, needs_plain)
        reused = min(number, 1) / 100 + 1
        torch.testing.assert_close(clean, x + reused)
        torch.testing.assert_close(plain, x + reused * (2 if needs_plain else 1))
    assert len(asked) == 2


def test_a_guess_without_the_negatives_does_not_stand_for_one_with_it() -> None:
    asked: list[bool] = []

    def ask(x: Tensor, sigma: Tensor, plain: bool) -> tuple[Tensor, Tensor]:
        asked.append(plain)
        return x * 2, x * 3

    denoise = reuse_guesses(AskedFor(ask), Reuse(3.0, *EVERYWHERE))
    assert isinstance(denoise, AskedFor)
    for number, needs_plain in enumerate((False, False, True)):
        denoise.ask(torch.full((1, 4, 8, 8), 1 + number / 100), SIGMAS[number], needs_plain)
    assert asked == [False, False, True]
