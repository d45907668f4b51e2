"""Curves of noise levels, each by what it is even in."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.samplers import curves
from heddle.samplers.curves import (
    exponential_sigmas,
    flux2_sigmas,
    karras_sigmas,
    kl_optimal_sigmas,
    laplace_sigmas,
    linear_quadratic_sigmas,
    ltxv_sigmas,
    polyexponential_sigmas,
    vp_sigmas,
)

LOW, HIGH = 0.03, 14.6
ALL: dict[str, Callable[[int], Tensor]] = {
    "karras": lambda steps: karras_sigmas(steps, LOW, HIGH),
    "exponential": lambda steps: exponential_sigmas(steps, LOW, HIGH),
    "polyexponential": lambda steps: polyexponential_sigmas(steps, LOW, HIGH, 0.7),
    "kl_optimal": lambda steps: kl_optimal_sigmas(steps, LOW, HIGH),
    "vp": vp_sigmas,
    "linear_quadratic": lambda steps: linear_quadratic_sigmas(steps, HIGH),
    "ltxv": ltxv_sigmas,
    "flux2": lambda steps: flux2_sigmas(steps, 1024, 1024),
}


@pytest.mark.parametrize("steps", [1, 2, 3, 20])
@pytest.mark.parametrize("name", ALL)
def test_a_curve_falls_to_zero_in_as_many_steps(name: str, steps: int) -> None:
    sigmas = ALL[name](steps)
    assert (sigmas.shape, sigmas.dtype) == ((steps + 1,), torch.float32)
    assert bool((sigmas.diff() < 0).all())
    assert float(sigmas[-1]) == 0
    assert bool(sigmas.isfinite().all())


@pytest.mark.parametrize("name", ALL)
def test_no_steps_are_refused(name: str) -> None:
    with pytest.raises(HeddleError, match="at least 1"):
        ALL[name](0)


@pytest.mark.parametrize(
    ("sigmas", "straighten"),
    [
        (karras_sigmas(9, LOW, HIGH, rho=3.0), lambda sigma: sigma ** (1 / 3)),
        (exponential_sigmas(9, LOW, HIGH), torch.log),
        (polyexponential_sigmas(9, LOW, HIGH, 2.0), lambda sigma: (sigma.log() - math.log(LOW)).clamp(min=0).sqrt()),
        (kl_optimal_sigmas(9, LOW, HIGH), torch.atan),
    ],
    ids=["karras", "exponential", "polyexponential", "kl_optimal"],
)
def test_a_curve_is_even_in_what_it_says(sigmas: Tensor, straighten: Callable[[Tensor], Tensor]) -> None:
    even = straighten(sigmas[:-1].double()).diff()
    assert torch.allclose(even, even.mean().expand(8), rtol=2e-3)
    assert float(sigmas[0]) == pytest.approx(HIGH)
    assert float(sigmas[-2]) == pytest.approx(LOW, rel=1e-5)


def test_vp_levels_have_the_variance_of_their_process() -> None:
    sigma = float(vp_sigmas(5, 19.9, 0.1, 1e-3)[0])
    kept = math.exp(-(19.9 / 2 + 0.1))  # of the picture's variance, at time 1
    assert sigma == pytest.approx(math.sqrt((1 - kept) / kept), rel=1e-5)


def test_laplace_levels_lie_around_their_middle_and_end_above_zero() -> None:
    sigmas = laplace_sigmas(11, LOW, HIGH, mu=0.0, beta=0.5)
    assert sigmas.shape == (11,)
    assert float(sigmas[5]) == pytest.approx(1, rel=1e-3)  # the median is e^mu
    assert torch.allclose(sigmas[6:10].log(), -sigmas[1:5].flip(0).log(), atol=1e-4)
    assert float(sigmas[0]) == pytest.approx(HIGH)
    assert float(laplace_sigmas(11, LOW, HIGH, mu=9.0)[0]) == pytest.approx(HIGH)


def test_linear_quadratic_clears_its_share_evenly_and_bends_without_a_kink() -> None:
    cleared = (1 - linear_quadratic_sigmas(40, 1.0).double()).diff()
    assert torch.allclose(cleared[:20], torch.tensor(0.025 / 20, dtype=torch.float64), rtol=1e-3)
    bends = cleared[20:].diff()
    assert torch.allclose(bends, bends.mean().expand(19), rtol=1e-3)
    assert float(cleared[20]) - float(cleared[19]) == pytest.approx(float(bends[0]) / 2, rel=1e-2)


def test_ltxv_shifts_by_size_and_stretches_to_its_last_level() -> None:
    plain = ltxv_sigmas(10, cells=1024, max_shift=2.05, base_shift=0.95, stretch=False)
    grow = math.exp(0.95)
    assert float(plain[5]) == pytest.approx(grow / (grow + 1), rel=1e-5)  # time 1/2
    assert float(ltxv_sigmas(10, cells=4096, stretch=False)[5]) > float(plain[5])
    stretched = ltxv_sigmas(10, terminal=0.25)
    assert float(stretched[-2]) == pytest.approx(0.25)
    assert float(stretched[0]) == pytest.approx(1)


def test_flux2_lines_meet_at_ten_and_two_hundred_steps() -> None:
    def mu(steps: int) -> float:
        sigma, t = float(flux2_sigmas(steps, 1024, 1024).double()[1]), 1 - 1 / steps
        return math.log(sigma / (1 - sigma) * (1 - t) / t)

    assert mu(10) == pytest.approx(8.73809524e-05 * 4096 + 1.89833333, rel=1e-4)
    assert mu(200) == pytest.approx(0.00016927 * 4096 + 0.45666666, rel=1e-2)


def test_levels_whose_logarithm_has_no_end_are_refused() -> None:
    for curve in (curves.exponential_sigmas, curves.polyexponential_sigmas):
        with pytest.raises(HeddleError, match="both must be above 0"):
            curve(5, 0.0, 1.0)
    with pytest.raises(HeddleError, match="set it above 0"):
        karras_sigmas(5, LOW, HIGH, rho=0.0)
