"""Noise schedules: the maps between levels, timesteps and percentages, in every family."""

import math

import pytest
import torch

from heddle.samplers.noise_schedules import (
    CascadeSchedule,
    ContinuousEdm,
    ContinuousV,
    CosmosFlow,
    FlowSchedule,
    FluxSchedule,
    NoiseSchedule,
    flux_mu,
    scaled_linear,
)

SD1 = scaled_linear(0.00085, 0.012)
ALL: dict[str, NoiseSchedule] = {
    "discrete": SD1,
    "zero snr": scaled_linear(0.00085, 0.012, zero_terminal_snr=True),
    "distilled": scaled_linear(0.00085, 0.012, stride=20),
    "edm": ContinuousEdm(0.002, 120.0),
    "v": ContinuousV(0.03, 500.0),
    "cosmos": CosmosFlow(0.002, 80.0),
    "flow": FlowSchedule(3.0),
    "flux": FluxSchedule(1.15),
    "cascade": CascadeSchedule(2.0),
}


@pytest.mark.parametrize("name", ALL)
def test_a_table_rises_and_has_its_ends(name: str) -> None:
    schedule = ALL[name]
    assert schedule.sigmas.dtype == torch.float32
    assert bool((schedule.sigmas.diff() >= 0).all())
    assert (schedule.sigma_min, schedule.sigma_max) == (float(schedule.sigmas[0]), float(schedule.sigmas[-1]))


@pytest.mark.parametrize("name", ["discrete", "zero snr", "distilled", "edm", "v", "cosmos"])
def test_a_timestep_leads_back_to_its_level(name: str) -> None:
    schedule = ALL[name]
    levels = schedule.sigmas[:: len(schedule.sigmas) // 10]
    assert torch.allclose(schedule.sigma(schedule.timestep(levels)), levels, rtol=2e-3)


@pytest.mark.parametrize("name", ALL)
def test_more_percent_is_less_noise(name: str) -> None:
    levels = [ALL[name].percent_to_sigma(percent / 20) for percent in range(21)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == 0
    assert levels[0] >= ALL[name].sigma_max * (1 - 1e-6)


def test_a_discrete_timestep_is_the_nearest_entry_by_log_level() -> None:
    between = (SD1.sigmas[500].log() * 0.6 + SD1.sigmas[501].log() * 0.4).exp()
    assert int(SD1.timestep(between)) == 500
    assert SD1.timestep(torch.tensor([1e-9, 1e9])).tolist() == [0, 999]
    assert SD1.timestep(torch.ones(2, 3)).shape == (2, 3)


def test_half_a_timestep_is_half_way_between_log_levels() -> None:
    half = SD1.sigma(torch.tensor(500.5))
    assert torch.allclose(half, (SD1.sigmas[500] * SD1.sigmas[501]).sqrt())
    assert SD1.sigma(torch.tensor([-5.0, 5000.0])).tolist() == pytest.approx([SD1.sigma_min, SD1.sigma_max])


def test_zero_snr_moves_the_noisy_end_and_keeps_the_clean_one() -> None:
    moved = ALL["zero snr"]
    assert moved.sigma_max == pytest.approx(4518.76, rel=1e-5)
    assert moved.sigma_min == pytest.approx(SD1.sigma_min, rel=1e-6)


def test_a_distilled_network_knows_every_twentieth_timestep() -> None:
    known = ALL["distilled"].timestep(ALL["distilled"].sigmas)
    assert known.tolist() == list(range(19, 1000, 20))


def test_a_flow_without_shift_is_its_time() -> None:
    plain = FlowSchedule(1.0)
    assert torch.allclose(plain.sigma(torch.tensor([250.0, 1000.0])), torch.tensor([0.25, 1.0]))
    assert plain.percent_to_sigma(0.25) == pytest.approx(0.75)


def test_flux_and_flow_shift_alike() -> None:
    u = torch.linspace(0.01, 1, 50)
    assert torch.allclose(FluxSchedule(math.log(3)).sigma(u), FlowSchedule(3.0, 1.0).sigma(u), rtol=1e-5)


def test_flux_shifts_more_for_more_pixels() -> None:
    assert flux_mu(256, 256) == pytest.approx(0.5)
    assert flux_mu(1024, 1024) == pytest.approx(1.15)
    assert flux_mu(512, 512) < flux_mu(768, 1344)


def test_a_table_is_not_computed_before_it_is_asked_for() -> None:
    assert vars(CascadeSchedule(2.0)) == {"shift": 2.0, "offset": 0.008, "steps": 10000}
