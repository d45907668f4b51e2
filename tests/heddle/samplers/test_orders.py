"""Samplers without fresh noise against the exact path: how fast the error falls, and what is integrated exactly."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from heddle.samplers.catalogue import SAMPLERS
from heddle.samplers.sampler import Sampler
from heddle.samplers.steps.adams import _vp_time
from heddle.samplers.steps.exponential import phi
from tests.heddle.samplers.gaussian import end_of_path, log_levels, perfect_denoiser

# Many-step methods begin with a step of first order, so that over the whole run none has more than the second.
FIRST = ["euler", "ddim", "heunpp2", "gradient_estimation", "euler_ancestral", "euler_cfg_pp", "euler_ancestral_cfg_pp",
         "gradient_estimation_cfg_pp"]  # fmt: skip
SECOND = ["heun", "exp_heun_2_x0", "dpm_2", "dpm_2_ancestral", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_2m",
          "dpmpp_2m_cfg_pp", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "res_multistep", "res_multistep_cfg_pp", "seeds_2",
          "uni_pc", "uni_pc_bh2"]  # fmt: skip
AT_LEAST_SECOND = ["lms", "ipndm", "ipndm_v", "deis", "dpmpp_3m_sde"]


def quiet(name: str) -> Sampler:
    """The sampler with no fresh noise."""
    options: dict[str, Any] = {"eta": 0.0} if "eta" in SAMPLERS[name].options else {}
    if name == "er_sde":
        options["solver_type"] = "ODE"
    return SAMPLERS[name].with_options(**options)


def levels_for(steps: int, is_flow: bool) -> Tensor:
    return torch.linspace(0.99, 0.02, steps + 1, dtype=torch.float64) if is_flow else log_levels(steps)


def measured_orders(sampler: Sampler, steps: list[int], is_flow: bool) -> list[float]:
    errors = []
    for count in steps:
        got, exact = end_of_path(sampler, levels_for(count, is_flow), is_flow)
        errors.append(abs(got - exact))
    return [math.log2(before / after) for before, after in pairwise(errors)]


@pytest.mark.parametrize("is_flow", [False, True], ids=["added", "mixed"])
@pytest.mark.parametrize(("name", "order"), [(name, 1) for name in FIRST] + [(name, 2) for name in SECOND])
def test_twice_the_steps_divide_the_error_by_two_to_the_order(name: str, order: int, is_flow: bool) -> None:
    measured = measured_orders(quiet(name), [100, 200, 400], is_flow)
    assert measured == pytest.approx([order, order], abs=0.15)


@pytest.mark.parametrize("name", AT_LEAST_SECOND)
def test_methods_that_look_further_back_have_at_least_second_order(name: str) -> None:
    assert min(measured_orders(quiet(name), [50, 100, 200], False)) > 1.9


@pytest.mark.parametrize(("name", "order"), [("seeds_3", 3), ("sa_solver", 4), ("sa_solver_pece", 4)])
def test_methods_that_begin_well_keep_their_order(name: str, order: int) -> None:
    assert measured_orders(quiet(name), [25, 50, 100], False) == pytest.approx([order, order], abs=0.4)


@pytest.mark.parametrize("name", ["dpm_fast", "er_sde"])
@pytest.mark.parametrize("is_flow", [False, True], ids=["added", "mixed"])
def test_dpm_fast_and_er_sde_come_close_in_fifty_calls(name: str, is_flow: bool) -> None:
    got, exact = end_of_path(quiet(name), levels_for(50, is_flow), is_flow)
    assert got == pytest.approx(exact, abs=2e-4)


@pytest.mark.parametrize("order", [2, 3])
def test_dpm_adaptive_keeps_the_error_that_it_is_given(order: int) -> None:
    errors: list[float] = []
    calls: list[int] = []
    for rtol in (1e-1, 1e-2, 1e-3):
        counted: list[float] = []
        sampler = SAMPLERS["dpm_adaptive"].with_options(order=order, rtol=rtol, atol=1e-6)
        got, exact = end_of_path(sampler, log_levels(1), on_step=lambda *step: counted.append(1))  # noqa: B023
        errors.append(abs(got / exact - 1))
        calls.append(len(counted))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02
    assert calls[0] < calls[1] < calls[2]


def test_second_order_is_worth_its_second_call() -> None:
    euler, exact = end_of_path(SAMPLERS["euler"], log_levels(40))
    heun, _ = end_of_path(SAMPLERS["heun"], log_levels(20))  # as many calls
    assert abs(heun - exact) < abs(euler - exact) / 3


def visited(sampler: Sampler, denoise: Callable[[Tensor, Tensor], Tensor], sigmas: Tensor) -> list[float]:
    """x at every level that a run starts a step from, and where it ends."""
    seen: list[float] = []
    x = torch.ones(1, dtype=torch.float64)
    end = sampler(denoise, x, sigmas, on_step=lambda step, x, clean: seen.append(float(x)))
    return [*seen, float(end)]


def integral(function: Callable[[float], float], start: float, end: float) -> float:
    points, shares = np.polynomial.legendre.leggauss(40)
    return (
        sum(
            share * function(start + (end - start) * (1 + point) / 2)
            for point, share in zip(points, shares, strict=True)
        )
        * (end - start)
        / 2
    )


@pytest.mark.parametrize(
    ("name", "along", "degree", "is_even"),
    [
        ("lms", lambda sigma: sigma, 3, False),
        ("ipndm", lambda sigma: sigma, 3, True),
        ("ipndm_v", lambda sigma: sigma, 2, True),  # see the sampler: uneven steps have other weights
        ("deis", _vp_time, 2, False),
        ("gradient_estimation", lambda sigma: sigma, 0, False),
    ],
)
def test_slopes_that_are_polynomials_are_integrated_exactly(
    name: str, along: Callable[[float], float], degree: int, is_even: bool
) -> None:
    sigmas = torch.linspace(5, 1, 9, dtype=torch.float64) if is_even else log_levels(8, 5.0, 1.0)

    def slope(sigma: float) -> float:
        return sum((-1) ** k * (k + 1) * along(sigma) ** k for k in range(degree + 1))

    path = visited(SAMPLERS[name], lambda x, sigma: x - sigma * slope(float(sigma)), sigmas)
    for i in range(degree, 8):  # before, there are too few slopes
        exact = integral(slope, float(sigmas[i]), float(sigmas[i + 1]))
        assert path[i + 1] - path[i] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("sampler", "degree"),
    [
        (quiet("dpmpp_2m"), 0),
        (quiet("dpmpp_2s_ancestral"), 0),
        (quiet("dpmpp_2m_sde_heun"), 1),
        (quiet("dpmpp_3m_sde"), 1),  # the bend of the guess is counted half
        (quiet("res_multistep"), 1),
        (quiet("exp_heun_2_x0"), 1),
        (quiet("seeds_2").with_options(solver_type="phi_2", r=0.3), 1),
        (quiet("seeds_3"), 1),
        (quiet("sa_solver").with_options(corrector_order=0), 2),
        (quiet("sa_solver").with_options(predictor_order=4, corrector_order=0), 3),
        (SAMPLERS["uni_pc"], 2),
        (SAMPLERS["uni_pc_bh2"], 2),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_guesses_that_are_polynomials_of_the_log_level_are_integrated_exactly(sampler: Sampler, degree: int) -> None:
    steps = 9
    sigmas = torch.tensor([(1 + 0.7 * i) ** -1.3 for i in range(steps + 1)], dtype=torch.float64)

    def clean(time: float) -> float:
        return sum((k + 1) * (time / 2) ** k for k in range(degree + 1))

    path = visited(sampler, lambda x, sigma: torch.full_like(x, clean(-math.log(sigma))), sigmas)
    first, last = degree, steps
    if sampler.name.startswith("uni_pc"):  # predicts with order 2 by half a weight, and its orders fall again
        first, last = 3, steps - 2
    for i in range(first, last):
        start, end = -math.log(sigmas[i]), -math.log(sigmas[i + 1])
        flowed = integral(lambda time: clean(time) * math.exp(time - end), start, end)  # noqa: B023
        assert path[i + 1] == pytest.approx(path[i] * math.exp(start - end) + flowed, rel=1e-9)


@pytest.mark.parametrize(("name", "order"), [("lms", 4), ("ipndm", 4), ("ipndm_v", 4), ("deis", 3)])
def test_order_one_is_euler(name: str, order: int) -> None:
    x, sigmas = torch.ones(1, dtype=torch.float64), log_levels(6)
    option = "order" if name == "lms" else "max_order"
    assert SAMPLERS[name].options[option] == order
    options: dict[str, Any] = {option: 1}
    first = SAMPLERS[name].with_options(**options)(perfect_denoiser, x, sigmas)
    assert torch.allclose(first, SAMPLERS["euler"](perfect_denoiser, x, sigmas), rtol=1e-12)


@pytest.mark.parametrize("z", [-30.0, -3.0, -1.0000001, -0.9999999, -1e-4, 1e-9, 2.0])
def test_phi_functions_are_the_integrals_that_define_them(z: float) -> None:
    for k in (1, 2, 3, 6):
        factorial = math.factorial(k - 1)
        exact = integral(lambda u: math.exp(z * (1 - u)) * u ** (k - 1) / factorial, 0, 1)  # noqa: B023
        assert phi(k, z) == pytest.approx(exact, rel=1e-11)


def test_heunpp2_weighs_slopes_by_their_share_of_the_first_level() -> None:
    sigmas = torch.tensor([8.0, 4.0, 2.0, 0.0], dtype=torch.float64)
    slope = {8.0: 1.0, 4.0: 10.0, 2.0: 100.0}
    path = visited(SAMPLERS["heunpp2"], lambda x, sigma: x - sigma * slope[float(sigma)], sigmas)
    assert path[1] - path[0] == pytest.approx(-4 * (1 + (10 - 1) * 4 / 24 + (100 - 1) * 2 / 24))
    assert path[2] - path[1] == pytest.approx(-2 * (10 + (100 - 10) * 2 / 16))
    assert path[3] - path[2] == pytest.approx(-2 * 100)
