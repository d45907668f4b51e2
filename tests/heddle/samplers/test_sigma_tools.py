"""Noise levels cut, turned, filled in; published ones spread; the web UI's menu."""

import math

import pytest
import torch

from heddle.samplers.a1111_schedules import SCHEDULE_TYPES, between_places, old_karras, places_of
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.published_levels import ALIGN_YOUR_STEPS, OPTIMAL_STEPS, spread_levels
from heddle.samplers.sigma_tools import (
    SPACINGS,
    extend_intermediate,
    flip_sigmas,
    set_first_sigma,
    sigma_at,
    split_at_step,
    split_by_denoise,
)

SD1 = scaled_linear(0.00085, 0.012)
SIGMAS = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
NONE, ONE = torch.zeros(0), torch.ones(1)


@pytest.mark.parametrize(("step", "high", "low"), [(0, 1, 5), (2, 3, 3), (4, 5, 1), (9, 5, 0)])
def test_a_split_at_a_step_meets_in_one_level(step: int, high: int, low: int) -> None:
    parts = split_at_step(SIGMAS, step)
    assert [part.tolist() for part in parts] == [SIGMAS[:high].tolist(), SIGMAS[5 - low :].tolist()]


@pytest.mark.parametrize(("denoise", "low"), [(0.0, 0), (0.4, 2), (0.5, 2), (1.0, 4)])
def test_a_split_by_denoise_gives_the_second_part_its_share_of_the_steps(denoise: float, low: int) -> None:
    parts = split_by_denoise(SIGMAS, denoise)
    assert [len(part) - 1 for part in parts] == [4 - low, low]
    assert float(parts[0][-1]) == float(parts[1][0])


def test_a_turned_list_does_not_begin_at_zero() -> None:
    assert flip_sigmas(SIGMAS).tolist() == pytest.approx([0.0001, 1, 2, 4, 8])
    assert flip_sigmas(SIGMAS[:2]).tolist() == [4, 8]
    assert SIGMAS[-1] == 0


def test_the_first_level_is_replaced_in_a_copy() -> None:
    assert set_first_sigma(SIGMAS, 100.0).tolist() == [100, 4, 2, 1, 0]
    assert SIGMAS[0] == 8


@pytest.mark.parametrize("spacing", SPACINGS)
def test_steps_between_two_limits_are_filled(spacing: str) -> None:
    filled = extend_intermediate(SIGMAS, 3, 4.0, 2.0, spacing)
    assert len(filled) == 5 + 2 * 2
    assert bool((filled.diff() < 0).all())
    assert filled[[0, 1, 4, 7, 8]].tolist() == SIGMAS.tolist()
    if spacing == "linear":
        assert filled[2:4].tolist() == pytest.approx([4 - 2 / 3, 4 - 4 / 3])
    assert extend_intermediate(SIGMAS, 1, -1, 0, spacing).tolist() == SIGMAS.tolist()
    assert len(extend_intermediate(SIGMAS, 2, -1, 0, spacing)) == 9


@pytest.mark.parametrize("sigmas", [NONE, ONE])
def test_lists_without_a_step_go_through_every_tool(sigmas: torch.Tensor) -> None:
    assert [len(part) for part in split_by_denoise(sigmas, 0.5)] == [len(sigmas)] * 2
    assert len(split_at_step(sigmas, 3)[0]) == len(sigmas)
    for changed in (
        flip_sigmas(sigmas),
        set_first_sigma(sigmas, 2.0),
        extend_intermediate(sigmas, 2, -1, 0, "linear"),
    ):
        assert len(changed) == len(sigmas)


def test_a_percentage_may_be_kept_within_the_table() -> None:
    assert sigma_at(SD1, 0.0) > 1e8
    assert sigma_at(SD1, 1.0) == 0
    assert sigma_at(SD1, 0.0, within_table=True) == SD1.sigma_max
    assert sigma_at(SD1, 1.0, within_table=True) == SD1.sigma_min
    assert sigma_at(SD1, 0.3, within_table=True) == sigma_at(SD1, 0.3)


@pytest.mark.parametrize("name", [*ALIGN_YOUR_STEPS, *OPTIMAL_STEPS])
def test_published_levels_spread_over_any_number_of_steps(name: str) -> None:
    levels = {**ALIGN_YOUR_STEPS, **OPTIMAL_STEPS}[name]
    own = len(levels) - 1
    assert spread_levels(levels, own).tolist() == pytest.approx([*levels[:-1], 0])
    for steps in (1, 3, own * 2, 57):
        sigmas = spread_levels(levels, steps)
        assert len(sigmas) == steps + 1
        assert bool((sigmas.diff() < 0).all())
    double = spread_levels(levels, own * 2)
    assert float(double[1]) == pytest.approx(math.sqrt(levels[0] * levels[1]), rel=1e-5)
    assert torch.equal(spread_levels(levels, 10, 0.5), spread_levels(levels, 10)[-6:])
    assert len(spread_levels(levels, 10, 0.0)) == 0


@pytest.mark.parametrize("steps", [1, 2, 5, 11, 40])
@pytest.mark.parametrize("name", SCHEDULE_TYPES)
def test_every_schedule_type_of_the_menu_falls(name: str, steps: int) -> None:
    for is_sdxl in (False, True):
        sigmas = SCHEDULE_TYPES[name](SD1, steps, is_sdxl=is_sdxl)
        assert bool((sigmas.diff() < 0).all())
        assert name == "DDIM" or len(sigmas) == steps + 1
        assert name == "KL Optimal" or float(sigmas[-1]) == 0


def test_places_in_a_table_and_back() -> None:
    levels = torch.tensor([14.0, 3.3, 0.5, 0.03])
    places = places_of(SD1.sigmas, levels)
    assert torch.allclose(between_places(SD1.sigmas, places), levels, rtol=1e-5)
    assert places_of(SD1.sigmas, SD1.sigmas[[0, 500, 999]]).tolist() == pytest.approx([0, 500, 999])
    assert places_of(SD1.sigmas, torch.tensor([1e-9, 1e9])).tolist() == [0, 999]
    assert float(old_karras(20)[0]) == pytest.approx(10)
