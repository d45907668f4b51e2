"""A run from latent to latent: starts, ends, scale, mask, noise."""

from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.samplers.catalogue import SAMPLERS
from heddle.samplers.conditions import Area, Call, Condition, condition_sides, denoiser_of
from heddle.samplers.fitting import fit_mask
from heddle.samplers.guiders import cfg
from heddle.samplers.keeping import masked
from heddle.samplers.mixing import ADDED, MIXED
from heddle.samplers.noise import SeededSteps, initial_noise, step_noise, white_noise
from heddle.samplers.noise_schedules import FlowSchedule, scaled_linear
from heddle.samplers.predictions import Epsilon, Flow
from heddle.samplers.run import run_sampler
from heddle.samplers.schedules import normal

EPS, FLOW = Epsilon(scaled_linear(0.00085, 0.012)), Flow(FlowSchedule(3.0))
EULER = SAMPLERS["euler"]
SHAPE = (1, 4, 4, 4)
LATENT = initial_noise(7, SHAPE)
NOISE = initial_noise(8, SHAPE)


def towards(value: float):
    return lambda x, sigma: torch.full_like(x, value)


def started(sigmas: list[float], prediction: Epsilon | Flow = EPS, latent: Tensor = LATENT, **keywords: Any) -> Tensor:
    """The first noisy latent of a run."""
    seen: list[Tensor] = []

    def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
        seen.append(x)
        return x

    run_sampler(EULER, denoise, prediction, torch.tensor(sigmas), latent, NOISE, **keywords)
    return seen[0]


def test_without_levels_the_latent_comes_back() -> None:
    assert run_sampler(EULER, towards(0), EPS, torch.zeros(0), LATENT, NOISE) is LATENT


def test_a_run_in_the_middle_starts_from_the_latent_and_one_at_the_top_from_all_the_variance() -> None:
    top = EPS.schedule.sigma_max
    assert torch.allclose(started([3.0, 0.0]), LATENT + 3 * NOISE)
    assert torch.allclose(started([top, 0.0]), LATENT + (1 + top**2) ** 0.5 * NOISE)
    assert torch.allclose(started([top * (1 - 1e-6), 0.0]), LATENT + (1 + top**2) ** 0.5 * NOISE)
    assert torch.allclose(started([0.6, 0.0], FLOW), 0.6 * NOISE + 0.4 * LATENT)


def test_latents_are_scaled_in_and_out() -> None:
    assert torch.allclose(started([3.0, 0.0], scale=0.5, shift=0.1), (LATENT - 0.1) * 0.5 + 3 * NOISE)
    got = run_sampler(EULER, towards(4), EPS, torch.tensor([3.0, 0.0]), LATENT, NOISE, scale=0.5, shift=0.1)
    assert torch.allclose(got, torch.full(SHAPE, 4 / 0.5 + 0.1))


def test_an_empty_latent_is_not_shifted() -> None:
    empty = torch.zeros(SHAPE)
    assert torch.allclose(started([3.0, 0.0], latent=empty, scale=0.5, shift=0.1), 3 * NOISE)


@pytest.mark.parametrize("prediction", [EPS, FLOW], ids=["eps", "flow"])
# The others draw noise, remember their last step, or look at where the run began or ends.
@pytest.mark.parametrize("name", ["euler", "ddim", "heun", "dpm_2", "exp_heun_2_x0"])
def test_a_run_in_two_parts_ends_where_a_whole_one_does(name: str, prediction: Epsilon | Flow) -> None:
    sigmas = torch.tensor([0.9, 0.6, 0.3, 0.1, 0.0])

    def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
        return x * 0.5 / (1 + sigma)

    whole = run_sampler(SAMPLERS[name], denoise, prediction, sigmas, LATENT, NOISE)
    half = run_sampler(SAMPLERS[name], denoise, prediction, sigmas[:3], LATENT, NOISE)
    rest = run_sampler(SAMPLERS[name], denoise, prediction, sigmas[2:], half, torch.zeros(SHAPE))
    assert torch.allclose(rest, whole, atol=1e-5)


def test_what_the_mask_keeps_comes_back_untouched() -> None:
    mask = torch.zeros(8, 8)
    mask[:, 4:] = 1
    got = run_sampler(EULER, towards(4), EPS, torch.tensor([3.0, 1.0, 0.0]), LATENT, NOISE, mask=mask, scale=0.5)
    assert torch.equal(got[..., :1], LATENT[..., :1])
    assert torch.allclose(got[..., 3:], torch.full((1, 4, 4, 1), 8.0))


@pytest.mark.parametrize("name", ["heun", "dpmpp_2m_sde", "lms", "ddim"])
@pytest.mark.parametrize("prediction", [EPS, FLOW])
def test_what_the_mask_keeps_comes_back_to_the_bit(name: str, prediction: Epsilon | Flow) -> None:
    latent, noise = (torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    mask = torch.zeros(2, 1, 4, 4)
    mask[1, :, 2:] = 0.5
    sigmas = normal(prediction.schedule, 5)
    steps = SeededSteps(white=5, brownian=6, kept=7)
    given = (SAMPLERS[name], towards(1), prediction, sigmas, latent, noise)
    got = run_sampler(*given, mask=mask, scale=0.18215, step_noise=steps)
    assert torch.equal(got[mask.expand_as(got) == 0], latent[mask.expand_as(got) == 0])
    assert not got[1, :, 2:].isclose(latent[1, :, 2:]).any()


def test_one_level_alone_only_adds_noise() -> None:
    got = run_sampler(EULER, towards(0), EPS, torch.tensor([2.0]), LATENT, NOISE)
    assert torch.allclose(got, LATENT + 2 * NOISE)


def test_a_flow_that_starts_and_stops_at_the_top_gives_numbers() -> None:
    got = run_sampler(EULER, towards(0), FLOW, torch.tensor([1.0]), LATENT, NOISE)
    assert bool(got.isfinite().all())


def test_a_flow_adds_its_noise_by_its_own_rule() -> None:
    sampler = SAMPLERS["euler_ancestral"]

    def run(prediction: Epsilon | Flow) -> Tensor:
        levels = torch.tensor([0.9, 0.5])
        return run_sampler(sampler, towards(0), prediction, levels, LATENT, NOISE, step_noise=step_noise(3))

    x = sampler(towards(0), FLOW.start(torch.tensor(0.9), NOISE, LATENT), torch.tensor([0.9, 0.5]),
                noise=white_noise(4, LATENT), mixing=MIXED)  # fmt: skip
    assert torch.allclose(run(FLOW), x / 0.5)
    assert not torch.allclose(run(FLOW), run(EPS))


@pytest.mark.parametrize("prediction", [EPS, FLOW], ids=["eps", "flow"])
@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_levels_on_the_cpu_go_with_a_latent_on_another_device(name: str, prediction: Epsilon | Flow) -> None:
    """The meta device stands for a GPU: it refuses to mix with the CPU as a GPU does."""
    if name == "dpm_adaptive":
        return  # it asks the device for an error, and there is none to be had
    x = torch.zeros(SHAPE, device="meta")
    sigmas = torch.tensor([0.9, 0.5, 0.2, 0.0])
    mask = torch.ones(1, 4, 4)
    whole = Condition({"context": torch.zeros(1, 77, 8)}, mask=mask)
    part = Condition({"context": torch.zeros(1, 77, 8)}, area=Area(2, 2, 1, 1))
    guess = condition_sides(
        denoiser_of(lambda x, t, call: x, prediction), {"positive": [whole, part], "negative": [whole]}
    )
    denoiser = cfg(guess, 2.0, prediction)
    denoiser = masked(denoiser, fit_mask(torch.ones(8, 8), x), x, x, prediction, sigmas)
    kind = SAMPLERS[name].noise
    keywords: dict[str, Any] = {"noise": step_noise(1).source(kind, x, sigmas)} if kind else {}
    if SAMPLERS[name].asks_for_mixing:
        keywords["mixing"] = MIXED if prediction.is_flow else ADDED
    start = prediction.start(sigmas[0], x, x, True)
    got = prediction.finish(sigmas[-1], SAMPLERS[name](denoiser, start, sigmas, **keywords))
    assert (got.device.type, got.dtype, got.shape) == ("meta", torch.float32, SHAPE)


def test_options_reach_the_sampler() -> None:
    sampler, sigmas = SAMPLERS["euler_ancestral"], torch.tensor([3.0, 1.0, 0.5])
    quiet = run_sampler(sampler.with_options(eta=0.0), towards(0), EPS, sigmas, LATENT, NOISE)
    assert torch.allclose(quiet, run_sampler(EULER, towards(0), EPS, sigmas, LATENT, NOISE))


def test_a_half_precision_latent_is_sampled_in_single_precision_and_comes_back_as_it_was() -> None:
    seen: list[Tensor] = []

    def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
        seen.append(x)
        return x * 0

    got = run_sampler(EULER, denoise, EPS, torch.tensor([3.0, 1.0, 0.0]), LATENT.half(), NOISE.half())
    assert [x.dtype for x in seen] == [torch.float32] * 2
    assert got.dtype == torch.float16


def test_a_run_gives_a_sampler_the_noise_that_it_asks_for() -> None:
    noise, sigmas = SeededSteps(white=5, brownian=6, kept=7), torch.tensor([3.0, 1.0, 0.5])

    def run(name: str, source: SeededSteps) -> Tensor:
        return run_sampler(SAMPLERS[name], towards(0), EPS, sigmas, LATENT, NOISE, step_noise=source)

    white, path = run("euler_ancestral", noise), run("dpmpp_2m_sde", noise)
    for other in (SeededSteps(5, 60, 70), SeededSteps(50, 6, 70)):
        assert torch.equal(run("euler_ancestral", other), white) == (other.white == 5)
        assert torch.equal(run("dpmpp_2m_sde", other), path) == (other.brownian == 6)


def test_under_a_mask_ddim_alone_takes_noise_of_its_own_for_what_is_kept() -> None:
    mask, noise = torch.zeros(4, 4), SeededSteps(white=5, brownian=6, kept=7)

    def first_kept(name: str) -> Tensor:
        seen: list[Tensor] = []

        def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
            seen.append(x)
            return x

        sigmas = torch.tensor([3.0, 1.0, 0.0])
        run_sampler(SAMPLERS[name], denoise, EPS, sigmas, LATENT, NOISE, step_noise=noise, mask=mask)
        return seen[0]

    assert torch.allclose(first_kept("euler"), LATENT + 3 * NOISE)
    assert torch.allclose(first_kept("ddim"), LATENT + 3 * initial_noise(7, SHAPE))


def test_cfg_pp_takes_its_noise_from_the_negative_and_the_picture_from_both() -> None:
    """One step: the guided guess, plus what the negative calls noise, at the next level."""
    sigma, sigma_next = torch.tensor([2.0, 0.5])

    def denoise(x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        return call.inputs["context"].view(-1, 1, 1, 1).expand_as(x)

    sides = {"positive": [Condition({"context": torch.full((1, 1, 1), 4.0)})]}
    sides["negative"] = [Condition({"context": torch.ones(1, 1, 1)})]
    for scale in (1.0, 3.0):
        guided = cfg(condition_sides(denoise, sides), scale, EPS)
        got = SAMPLERS["euler_cfg_pp"](guided, LATENT, torch.stack([sigma, sigma_next]))
        assert torch.allclose(got, 1 + 3 * scale + (LATENT - 1) / sigma * sigma_next)


@pytest.mark.parametrize("name", ["euler", "euler_cfg_pp", "dpmpp_2m_cfg_pp"])
def test_without_a_negative_cfg_pp_is_the_plain_method(name: str) -> None:
    sigmas = torch.tensor([3.0, 1.0, 0.4, 0.0])

    def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
        return x / (1 + sigma)

    got = run_sampler(SAMPLERS[name], denoise, EPS, sigmas, LATENT, NOISE)
    plain = run_sampler(SAMPLERS[name.removesuffix("_cfg_pp")], denoise, EPS, sigmas, LATENT, NOISE)
    assert torch.allclose(got, plain, atol=1e-5)
