"""Samplers that add noise on their way: what comes out must be spread as the data is, whatever was drawn."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.samplers.catalogue import SAMPLERS
from heddle.samplers.mixing import ADDED, MIXED
from tests.heddle.samplers.gaussian import PERFECT, log_levels, perfect_denoiser, variance_at, variance_at_end

BOTH = ["euler_ancestral", "euler_ancestral_cfg_pp", "exp_heun_2_x0_sde", "dpm_2_ancestral", "dpmpp_2s_ancestral",
        "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde", "er_sde", "seeds_2", "seeds_3", "sa_solver",
        "sa_solver_pece"]  # fmt: skip
# These add noise to a flow too, which makes it another latent; dpmpp_2s_ancestral_cfg_pp is no solver of either, see
# there; and consistency models are not asked to keep a distribution.
ADDED_ONLY = ["ddpm", "res_multistep_ancestral", "res_multistep_ancestral_cfg_pp", "dpm_fast"]
CHURNING = ["euler", "heun", "heunpp2", "dpm_2"]


def errors(name: str, is_flow: bool, **options: Any) -> list[float]:
    found = []
    for steps in (50, 100, 200):
        sigmas = torch.linspace(0.99, 0.02, steps + 1, dtype=torch.float64) if is_flow else log_levels(steps)
        got = variance_at_end(SAMPLERS[name].with_options(**options), sigmas, is_flow)
        found.append(abs(got / variance_at(sigmas[-1], PERFECT[is_flow][0]) - 1))
    return found


@pytest.mark.parametrize(
    ("name", "is_flow"), [(name, False) for name in BOTH + ADDED_ONLY] + [(name, True) for name in BOTH]
)
def test_the_end_has_the_variance_of_the_data(name: str, is_flow: bool) -> None:
    options = {"eta": 1.0} if name == "dpm_fast" else {}
    coarse, middle, fine = errors(name, is_flow, **options)
    assert fine < 0.04
    assert fine < 2e-3 or fine < middle * 0.6 < coarse * 0.4


@pytest.mark.parametrize("is_flow", [False, True], ids=["added", "mixed"])
@pytest.mark.parametrize("eta", [0.0, 0.5])
@pytest.mark.parametrize(
    "name", ["euler_ancestral", "dpm_2_ancestral", "dpmpp_2s_ancestral", "dpmpp_2m_sde", "seeds_2"]
)
def test_also_with_less_fresh_noise(name: str, eta: float, is_flow: bool) -> None:
    assert errors(name, is_flow, eta=eta)[-1] < 0.04


@pytest.mark.parametrize("name", CHURNING)
def test_churn_raises_the_level_and_keeps_the_distribution(name: str) -> None:
    found = errors(name, False, s_churn=4.0, s_tmin=0.1, s_tmax=5.0)
    assert found[2] < 0.05
    assert found[2] < found[1] < found[0]


def test_churn_above_and_below_its_limits_draws_nothing() -> None:
    drawn: list[float] = []

    def noise(sigma: Tensor, raised: Tensor) -> Tensor:
        drawn.append(float(sigma))
        return torch.zeros(1)

    sigmas = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    SAMPLERS["euler"](perfect_denoiser, torch.ones(1), sigmas, noise=noise, s_churn=1.0, s_tmin=2.0, s_tmax=4.0)
    assert drawn == [4.0, 2.0]


@pytest.mark.parametrize(
    ("name", "is_flow"), [(name, is_flow) for name in [*BOTH, "lcm"] for is_flow in (False, True)] + [("ddpm", False)]
)
def test_one_step_leaves_pure_data_at_its_level(name: str, is_flow: bool) -> None:
    """With a denoiser that knows the picture, x stays at exactly the level that was asked for."""
    sampler, mixing = SAMPLERS[name], MIXED if is_flow else ADDED
    picture, (sigma, sigma_next) = 0.7, torch.tensor([0.8, 0.5], dtype=torch.float64)
    keywords: dict[str, Any] = {"mixing": mixing} if sampler.asks_for_mixing else {}
    asked: list[float] = []

    def step(noise_in_x: float, drawn_at: int | None) -> float:
        calls: list[tuple[float, float]] = []

        def noise(start: Tensor, end: Tensor, /) -> Tensor:
            calls.append((float(start), float(end)))
            return torch.tensor([float(len(calls) - 1 == drawn_at)], dtype=torch.float64)

        x = mixing.alpha(float(sigma)) * picture + sigma * torch.tensor([noise_in_x], dtype=torch.float64)
        sigmas = torch.stack([sigma, sigma_next])
        end = sampler(lambda x, sigma: torch.full_like(x, picture), x, sigmas, noise=noise, **keywords)
        asked[:] = [float(len(calls))]
        return float(end)

    mean = step(0, None)
    spread = [step(1, None) - mean, *(step(0, call) - mean for call in range(int(asked[0])))]
    assert mean == pytest.approx(mixing.alpha(float(sigma_next)) * picture)
    assert math.hypot(*spread) == pytest.approx(float(sigma_next))


@pytest.mark.parametrize("name", sorted(name for name, one in SAMPLERS.items() if "eta" in one.options))
def test_without_fresh_noise_no_source_is_asked_for(name: str) -> None:
    options: dict[str, Any] = {"eta": 0.0}
    if name == "er_sde":
        options["solver_type"] = "Reverse-time SDE"
    end = SAMPLERS[name].with_options(**options)(perfect_denoiser, torch.ones(2), log_levels(6).float())
    assert bool(end.isfinite().all())


def test_euler_ancestral_without_fresh_noise_is_euler() -> None:
    sigmas, x = log_levels(7), torch.linspace(-2, 2, 5, dtype=torch.float64)
    ancestral = SAMPLERS["euler_ancestral"](perfect_denoiser, x, sigmas, eta=0.0)
    assert torch.allclose(ancestral, SAMPLERS["euler"](perfect_denoiser, x, sigmas), rtol=1e-12)


def test_a_random_sampler_without_noise_says_so() -> None:
    for name in ("euler_ancestral", "dpmpp_2m_sde", "lcm", "seeds_3"):
        with pytest.raises(HeddleError, match="no source"):
            SAMPLERS[name](perfect_denoiser, torch.ones(1), torch.tensor([2.0, 1.0]))


def test_lcm_changes_its_noise_from_first_to_last_and_cuts_it() -> None:
    sigmas = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    added: list[float] = []

    def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
        added.append(float(x) / float(sigma))
        return torch.zeros_like(x)

    sampler = SAMPLERS["lcm"].with_options(s_noise=1.0, s_noise_end=0.5, noise_clip_std=2.0)
    sampler(denoise, torch.zeros(1), sigmas, noise=lambda sigma, sigma_next: torch.full((1,), 3.0))
    assert added[1:] == pytest.approx([2.0, 1.5, 1.0])
