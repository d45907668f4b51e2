"""Parametrisations: a network that knows the answer, asked through each of them, leads back to the picture."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heddle.samplers.noise_schedules import ContinuousEdm, CosmosFlow, FlowSchedule, scaled_linear
from heddle.samplers.predictions import Clean, CosmosRectified, Edm, Epsilon, Flow, Lcm, Prediction, Velocity

SD1 = scaled_linear(0.00085, 0.012)


def numbers(seed: int) -> Tensor:
    return torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(seed))


PICTURE, NOISE = numbers(1), numbers(2)


def velocity(sigma: float, sigma_data: float) -> Tensor:
    """How x turns with the angle between picture and noise, for x = picture + sigma * noise."""
    total = (sigma**2 + sigma_data**2) ** 0.5
    return (sigma_data * NOISE - sigma / sigma_data * PICTURE) / total


@pytest.mark.parametrize("sigma", [0.1, 0.9])
@pytest.mark.parametrize(
    ("prediction", "answer"),
    [
        (Epsilon(SD1), lambda sigma: NOISE),
        (Clean(SD1), lambda sigma: PICTURE),
        (Velocity(SD1), lambda sigma: velocity(sigma, 1.0)),
        (Edm(ContinuousEdm(0.002, 80), 0.5), lambda sigma: -velocity(sigma, 0.5)),
        (Flow(FlowSchedule(3.0)), lambda sigma: NOISE - PICTURE),
        (CosmosRectified(CosmosFlow(0.002, 80)), lambda sigma: NOISE - PICTURE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_right_output_gives_the_picture_back(
    prediction: Prediction, answer: Callable[[float], Tensor], sigma: float
) -> None:
    level = torch.tensor(sigma)
    x = prediction.start(level, NOISE, PICTURE)
    assert torch.allclose(prediction.denoised(level, answer(sigma), x), PICTURE, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.05, 1.0, 14.0])
def test_the_input_has_unit_variance_at_every_level(sigma: float) -> None:
    big = torch.Generator().manual_seed(3)
    picture, noise = torch.randn(2, 100_000, generator=big)
    level = torch.tensor(sigma)
    assert float(Epsilon(SD1).scale_input(level, picture + sigma * noise).std()) == pytest.approx(1, abs=0.01)
    assert float(Edm(SD1, 0.5).scale_input(level, 0.5 * picture + sigma * noise).std()) == pytest.approx(1, abs=0.01)


def test_a_start_at_the_top_has_the_variance_of_picture_and_noise_also_without_a_picture() -> None:
    empty, level = torch.zeros_like(NOISE), torch.tensor(2.0)
    assert torch.allclose(Epsilon(SD1).start(level, NOISE, empty, True), NOISE * 5**0.5)
    assert torch.allclose(Epsilon(SD1).start(level, NOISE, empty), NOISE * 2)


def test_a_flow_that_stops_early_goes_on_where_it_stopped() -> None:
    flow, level, x = Flow(FlowSchedule(3.0)), torch.tensor(0.4), numbers(5)
    handed_on = flow.finish(level, x)
    assert torch.allclose(flow.start(level, torch.zeros_like(x), handed_on), x, atol=1e-6)


def test_a_flow_that_stops_at_pure_noise_gives_numbers() -> None:
    assert torch.equal(Flow(FlowSchedule()).finish(torch.tensor(1.0), NOISE), NOISE)


def test_a_consistency_model_is_believed_at_high_levels_and_ignored_at_timestep_zero() -> None:
    lcm = Lcm(SD1)
    x = numbers(4)
    low, high = torch.tensor(SD1.sigma_min), torch.tensor(SD1.sigma_max)
    assert torch.equal(lcm.denoised(low, NOISE, x), x)
    assert torch.allclose(lcm.denoised(high, NOISE, x), Epsilon(SD1).denoised(high, NOISE, x), atol=1e-3)


def test_each_picture_of_a_batch_may_have_its_own_level() -> None:
    levels = torch.tensor([0.5, 3.0]).view(-1, 1, 1, 1)
    both = Velocity(SD1).denoised(levels, NOISE, PICTURE)
    for i, level in enumerate((0.5, 3.0)):
        alone = Velocity(SD1).denoised(torch.tensor(level), NOISE[i : i + 1], PICTURE[i : i + 1])
        assert torch.allclose(both[i : i + 1], alone)
