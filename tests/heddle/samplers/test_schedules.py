"""Schedulers: the levels of a run."""

import pytest
import torch

from heddle.graph.errors import HeddleError
from heddle.samplers.catalogue import SCHEDULERS
from heddle.samplers.curves import karras_sigmas
from heddle.samplers.noise_schedules import ContinuousEdm, FlowSchedule, scaled_linear
from heddle.samplers.schedules import beta, part_of, sigmas_for, turbo

SCHEDULES = {"sd1": scaled_linear(0.00085, 0.012), "edm": ContinuousEdm(0.002, 80.0), "flow": FlowSchedule(3.0)}


@pytest.mark.parametrize("steps", [1, 2, 20])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", [name for name in SCHEDULERS if name != "ddim_uniform"])
def test_levels_fall_from_the_top_to_zero(name: str, schedule: str, steps: int) -> None:
    sigmas = SCHEDULERS[name](SCHEDULES[schedule], steps)
    assert sigmas.shape == (steps + 1,)
    assert sigmas.dtype == torch.float32
    assert bool((sigmas.diff() < 0).all())
    assert float(sigmas[0]) == pytest.approx(SCHEDULES[schedule].sigma_max, rel=1e-3)
    assert float(sigmas[-1]) == 0


def test_normal_ends_at_the_cleanest_level_and_sgm_uniform_above_it() -> None:
    sd1 = SCHEDULES["sd1"]
    assert float(SCHEDULERS["normal"](sd1, 10)[-2]) == pytest.approx(sd1.sigma_min, rel=1e-5)
    assert float(SCHEDULERS["sgm_uniform"](sd1, 10)[-2]) > sd1.sigma_min * 5


def test_simple_takes_entries_of_the_table() -> None:
    sd1 = SCHEDULES["sd1"]
    assert SCHEDULERS["simple"](sd1, 3).tolist() == [float(sd1.sigmas[i]) for i in (-1, -334, -667)] + [0.0]


def test_karras_is_even_in_its_root() -> None:
    roots = karras_sigmas(9, 0.03, 14.6, rho=3.0)[:-1].double() ** (1 / 3)
    assert torch.allclose(roots.diff(), roots.diff().mean().expand(8), rtol=1e-4)


def test_part_of_the_way_is_the_end_of_a_longer_schedule() -> None:
    sd1, normal = SCHEDULES["sd1"], SCHEDULERS["normal"]
    assert torch.equal(sigmas_for(normal, sd1, 20, 0.3), normal(sd1, 66)[-21:])  # int(20 / 0.3) = 66
    assert torch.equal(sigmas_for(normal, sd1, 20, 1.0), normal(sd1, 20))
    assert torch.equal(sigmas_for(normal, sd1, 20, 0.99999), normal(sd1, 20))
    assert sigmas_for(normal, sd1, 20, 0.0).shape == (0,)


def test_parts_of_a_run_meet_at_one_level() -> None:
    whole = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    for first, last, to_clean, levels in (
        (0, None, False, [8, 4, 2, 1, 0]),
        (0, 2, False, [8, 4, 2]),
        (2, None, False, [2, 1, 0]),
        (2, 10_000, True, [2, 1, 0]),
        (0, 2, True, [8, 4, 0]),
        (1, 3, False, [4, 2, 1]),
        (4, None, False, []),
        (3, 2, False, []),
        (0, 0, False, []),
    ):
        assert part_of(whole, first, last, to_clean).tolist() == levels
    assert whole.tolist() == [8, 4, 2, 1, 0]


def test_a_sliver_of_the_way_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(HeddleError, match="set denoise to 0"):
        sigmas_for(SCHEDULERS["karras"], SCHEDULES["sd1"], 20, 1e-9)


def test_more_steps_than_the_table_has_entries_visit_entries_twice() -> None:
    sigmas = SCHEDULERS["simple"](SCHEDULES["sd1"], 2500)
    assert bool((sigmas.diff() <= 0).all())
    assert len(sigmas.unique()) == 1001


def test_no_steps_are_refused() -> None:
    for scheduler in SCHEDULERS.values():
        with pytest.raises(HeddleError, match="at least 1"):
            scheduler(SCHEDULES["sd1"], 0)


def test_a_table_that_ends_at_zero_is_not_ended_twice() -> None:
    class ToZero(FlowSchedule):
        @property
        def sigma_min(self) -> float:
            return 0.0

    sigmas = SCHEDULERS["normal"](ToZero(1.0), 4)
    assert sigmas.tolist() == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0])


@pytest.mark.parametrize(("steps", "got"), [(1, 1), (2, 2), (20, 20), (30, 31), (600, 999)])
def test_ddim_uniform_strides_from_the_second_entry_however_many_steps_that_are(steps: int, got: int) -> None:
    sd1 = SCHEDULES["sd1"]
    sigmas = SCHEDULERS["ddim_uniform"](sd1, steps)
    assert len(sigmas) == got + 1
    assert float(sigmas[-1]) == 0
    assert float(sigmas[-2]) == float(sd1.sigmas[1])
    assert bool((sigmas.diff() < 0).all())


def test_beta_takes_quantiles_and_no_entry_twice() -> None:
    sd1 = SCHEDULES["sd1"]
    even = beta(sd1, 10, 1.0, 1.0)  # the uniform distribution
    assert even[:-1].tolist() == [float(sd1.sigmas[round(999 * (1 - i / 10))]) for i in range(10)]
    ends = beta(sd1, 10, 0.3, 0.3)
    assert float(ends[1]) > float(even[1]) > float(beta(sd1, 10, 3.0, 3.0)[1])
    assert len(beta(sd1, 2000)) < 1002
    with pytest.raises(HeddleError, match="both above 0"):
        beta(sd1, 10, 0.0, 1.0)


def test_a_schedule_without_its_last_level_has_as_many_steps_and_leaps_to_zero() -> None:
    sd1, normal = SCHEDULES["sd1"], SCHEDULERS["normal"]
    whole = normal(sd1, 11)
    assert sigmas_for(normal, sd1, 10, skip_last_level=True).tolist() == [*whole[:-2].tolist(), 0.0]
    part = sigmas_for(normal, sd1, 10, 0.5, skip_last_level=True)
    assert part.tolist() == [*normal(sd1, 21)[-12:-2].tolist(), 0.0]


def test_turbo_visits_tenths() -> None:
    sd1 = SCHEDULES["sd1"]
    assert turbo(sd1, 1).tolist() == [pytest.approx(sd1.sigma_max), 0]
    assert turbo(sd1, 4)[:-1].tolist() == pytest.approx([float(sd1.sigmas[t]) for t in (999, 899, 799, 699)])
    assert turbo(sd1, 10, 0.3)[:-1].tolist() == pytest.approx([float(sd1.sigmas[t]) for t in (299, 199, 99)])
    assert turbo(sd1, 3, 0.0).tolist() == [0]
