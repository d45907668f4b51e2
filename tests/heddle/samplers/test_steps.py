"""Samplers against mathematics: with normal data the perfect denoiser is known, and so is each sampler's order."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import Cancelled, HeddleError
from heddle.samplers.catalogue import SAMPLERS
from heddle.samplers.noise import white_noise
from tests.heddle.samplers.gaussian import (
    VARIANCE,
    end_of_path,
    log_levels,
    perfect_denoiser,
    perfect_flow_denoiser,
    variance_at_end,
)

ALL = sorted(SAMPLERS)


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("heun", 2), ("dpmpp_2m", 2)])
def test_twice_the_steps_divide_the_error_by_two_to_the_order(name: str, order: int) -> None:
    errors = []
    for steps in (100, 200, 400):
        got, exact = end_of_path(SAMPLERS[name], steps)
        errors.append(abs(got - exact))
    measured = [math.log2(before / after) for before, after in pairwise(errors)]
    assert measured == pytest.approx([order, order], abs=0.1)


def test_second_order_is_worth_its_second_call() -> None:
    euler, exact = end_of_path(SAMPLERS["euler"], 40)
    heun, _ = end_of_path(SAMPLERS["heun"], 20)  # as many calls
    assert abs(heun - exact) < abs(euler - exact) / 3


def test_euler_ancestral_without_fresh_noise_is_euler() -> None:
    sigmas, x = log_levels(7), torch.linspace(-2, 2, 5, dtype=torch.float64)
    ancestral = SAMPLERS["euler_ancestral"](perfect_denoiser, x, sigmas, eta=0.0)
    assert torch.allclose(ancestral, SAMPLERS["euler"](perfect_denoiser, x, sigmas), rtol=1e-12)


def test_euler_ancestral_ends_with_the_variance_of_the_data() -> None:
    errors = []
    for steps in (50, 100, 200):
        sigmas = log_levels(steps)
        wanted = VARIANCE + float(sigmas[-1]) ** 2
        got = variance_at_end(SAMPLERS["euler_ancestral"], perfect_denoiser, sigmas, VARIANCE + float(sigmas[0]) ** 2)
        errors.append(abs(got / wanted - 1))
    assert errors[-1] < 0.05
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.2)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_euler_ancestral_ends_with_the_variance_of_the_data_where_noise_is_mixed_in(eta: float) -> None:
    errors = []
    for steps in (50, 100, 200):
        sigmas = torch.linspace(0.999, 0.01, steps + 1, dtype=torch.float64)
        start, end = ((1 - sigma) ** 2 * VARIANCE + sigma**2 for sigma in (sigmas[0], sigmas[-1]))
        got = variance_at_end(
            SAMPLERS["euler_ancestral"], perfect_flow_denoiser, sigmas, float(start), eta=eta, flow=True
        )
        errors.append(abs(got / float(end) - 1))
    assert errors[-1] < 0.05
    assert errors[0] / errors[2] == pytest.approx(4, abs=1)


def test_one_step_of_euler_ancestral_leaves_pure_data_at_its_level() -> None:
    """With a denoiser that knows the picture, x stays at exactly the level that was asked for."""
    picture = 0.7
    sigma, sigma_next = torch.tensor([0.8, 0.5], dtype=torch.float64)
    for flow in (False, True):
        keep, keep_next = (1 - sigma, 1 - sigma_next) if flow else (1.0, 1.0)

        def step(noise_in_x: float, drawn: float, flow: bool = flow, keep: Tensor | float = keep) -> float:
            x = keep * picture + sigma * torch.tensor([noise_in_x], dtype=torch.float64)
            got = SAMPLERS["euler_ancestral"](
                lambda x, sigma: torch.full_like(x, picture),
                x,
                torch.stack([sigma, sigma_next]),
                noise=lambda a, b: torch.tensor([drawn], dtype=torch.float64),
                flow=flow,
            )
            return float(got)

        mean = step(0, 0)
        spread = math.hypot(step(1, 0) - mean, step(0, 1) - mean)
        assert mean == pytest.approx(float(keep_next * picture))
        assert spread == pytest.approx(float(sigma_next))


@pytest.mark.parametrize("name", ["euler", "heun"])
def test_churn_raises_the_level_and_keeps_the_distribution(name: str) -> None:
    churn = {"s_churn": 8.0, "s_tmin": 0.1, "s_tmax": 5.0}
    errors = []
    for steps in (50, 100, 200):
        sigmas = log_levels(steps)
        start = VARIANCE + float(sigmas[0]) ** 2
        # A churned step is one call of the sampler with two levels, so the share per step is given for one step.
        options = {**churn, "s_churn": churn["s_churn"] / steps}
        got = variance_at_end(SAMPLERS[name], perfect_denoiser, sigmas, start, **options)
        errors.append(abs(got / (VARIANCE + float(sigmas[-1]) ** 2) - 1))
    assert errors[2] < 0.06
    assert errors[2] < errors[1] < errors[0]


def test_churn_above_and_below_its_limits_draws_nothing() -> None:
    drawn: list[float] = []

    def noise(sigma: Tensor, raised: Tensor) -> Tensor:
        drawn.append(float(sigma))
        return torch.zeros(1)

    sigmas = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    SAMPLERS["euler"](perfect_denoiser, torch.ones(1), sigmas, noise=noise, s_churn=1.0, s_tmin=2.0, s_tmax=4.0)
    assert drawn == [4.0, 2.0]


@pytest.mark.parametrize("name", ALL)
def test_a_last_step_to_zero_gives_the_clean_guess(name: str) -> None:
    x = torch.tensor([3.0, -1.0])
    got = SAMPLERS[name](perfect_denoiser, x, torch.tensor([2.0, 0.0]))
    assert torch.allclose(got, perfect_denoiser(x, torch.tensor(2.0)))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("sigmas", [[], [5.0]])
def test_without_two_levels_nothing_happens(name: str, sigmas: list[float]) -> None:
    x = torch.ones(2)
    assert torch.equal(SAMPLERS[name](perfect_denoiser, x, torch.tensor(sigmas)), x)


@pytest.mark.parametrize("name", ALL)
def test_a_level_that_is_visited_twice_leaves_numbers(name: str) -> None:
    sigmas = torch.tensor([5.0, 2.0, 2.0, 2.0, 1.0, 0.0])
    got = SAMPLERS[name](perfect_denoiser, torch.ones(3), sigmas, **noise_for(name))
    assert bool(got.isfinite().all())


@pytest.mark.parametrize("name", ALL)
def test_each_step_is_told_once_with_its_latent_and_guess(name: str) -> None:
    told: list[tuple[int, Tensor, Tensor]] = []
    sigmas = log_levels(5).float()
    x = torch.ones(3)
    SAMPLERS[name](perfect_denoiser, x, sigmas, on_step=lambda *step: told.append(step), **noise_for(name))
    assert [step for step, _, _ in told] == [0, 1, 2, 3, 4]
    assert torch.equal(told[0][1], x)
    for (_, latent, clean), sigma in zip(told, sigmas, strict=False):
        assert torch.equal(clean, perfect_denoiser(latent, sigma))


@pytest.mark.parametrize("name", ALL)
def test_what_is_raised_between_steps_ends_the_run(name: str) -> None:
    calls: list[float] = []

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        calls.append(float(sigma))
        return x

    def stop(step: int, x: Tensor, clean: Tensor) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        SAMPLERS[name](denoise, torch.ones(1), torch.tensor([3.0, 2.0, 1.0]), on_step=stop)
    assert calls == [3.0]


@pytest.mark.parametrize("name", ALL)
def test_the_start_is_not_changed_in_place(name: str) -> None:
    x, sigmas = torch.ones(3), log_levels(4).float()
    before = (x.clone(), sigmas.clone())
    SAMPLERS[name](perfect_denoiser, x, sigmas, **noise_for(name))
    assert torch.equal(x, before[0])
    assert torch.equal(sigmas, before[1])


def test_a_random_sampler_without_noise_says_so() -> None:
    with pytest.raises(HeddleError, match="no source"):
        SAMPLERS["euler_ancestral"](perfect_denoiser, torch.ones(1), torch.tensor([2.0, 1.0]))


def test_options_are_read_from_the_functions() -> None:
    assert dict(SAMPLERS["euler_ancestral"].options) == {"eta": 1.0, "s_noise": 1.0}
    assert SAMPLERS["euler_ancestral"].asks_for_flow
    assert not SAMPLERS["dpmpp_2m"].draws_noise


def noise_for(name: str) -> dict[str, Any]:
    return {"noise": white_noise(1, torch.ones(3))} if SAMPLERS[name].draws_noise else {}
