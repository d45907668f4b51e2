"""What every sampler keeps to, whatever its method."""

from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import Cancelled, HeddleError, ShapeError
from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.mixing import MIXED
from heddle.samplers.noise import initial_noise, step_noise
from heddle.samplers.noise_schedules import FlowSchedule, scaled_linear
from heddle.samplers.predictions import Epsilon, Flow, Prediction, Velocity
from heddle.samplers.run import run_sampler
from heddle.samplers.steps.lcm import lcm_upscale
from tests.heddle.samplers.gaussian import log_levels, perfect_denoiser, perfect_flow_denoiser

ALL = list(SAMPLERS)
# These choose levels of their own, so that their steps are not the schedule's.
OWN_STEPS = {"dpm_fast", "dpm_adaptive"}
STEPPING = [name for name in ALL if name not in OWN_STEPS]

SD1 = scaled_linear(0.00085, 0.012)
MODELS: dict[str, Prediction] = {
    "eps": Epsilon(SD1),
    "v": Velocity(scaled_linear(0.00085, 0.012, zero_terminal_snr=True)),
    "flow": Flow(FlowSchedule(3.0)),
}


def test_the_menus_have_their_order() -> None:
    assert ALL[:4] == ["euler", "euler_cfg_pp", "euler_ancestral", "euler_ancestral_cfg_pp"]
    assert ALL[-3:] == ["ddim", "uni_pc", "uni_pc_bh2"]
    assert (len(ALL), len(SCHEDULERS)) == (44, 9)
    assert [name for name in ALL if SAMPLERS[name].name != name] == []


@pytest.mark.parametrize("name", ALL)
def test_a_last_step_to_zero_gives_the_clean_guess(name: str) -> None:
    x = torch.tensor([3.0, -1.0])
    got = SAMPLERS[name](perfect_denoiser, x, torch.tensor([2.0, 0.0]))
    assert torch.allclose(got, perfect_denoiser(x, torch.tensor(2.0)))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("sigmas", [[], [5.0], [5.0, 5.0], [0.0]])
def test_without_two_levels_nothing_happens(name: str, sigmas: list[float]) -> None:
    x = torch.ones(2)
    assert torch.equal(SAMPLERS[name](perfect_denoiser, x, torch.tensor(sigmas)), x)


LISTS: dict[str, list[float]] = {
    "one step": [0.9, 0.0],
    "one step that ends early": [0.9, 0.4],
    "two steps": [0.9, 0.4, 0.0],
    "three steps": [0.9, 0.6, 0.3, 0.0],
    "an end above 0": [0.9, 0.6, 0.4, 0.3, 0.25],
    "levels visited twice": [0.9, 0.9, 0.6, 0.6, 0.6, 0.3, 0.3, 0.0],
    "a leap": [0.9, 0.89, 0.0001, 0.0],
    "close levels": [0.5, 0.49999, 0.49998, 0.49997, 0.0],
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ALL)
def test_any_list_of_levels_leaves_numbers(name: str, model: str) -> None:
    prediction = MODELS[model]
    denoise = perfect_flow_denoiser if prediction.is_flow else perfect_denoiser
    latent, noise = (initial_noise(seed, (2, 4, 3, 5)).half() for seed in (1, 2))
    top = prediction.schedule.sigma_max
    lists = {**LISTS, "from the top": [top, 0.7, 0.4, 0.1, 0.0], "from the top in one step": [top, 0.0]}
    for what, levels in lists.items():
        got = run_sampler(
            SAMPLERS[name], denoise, prediction, torch.tensor(levels), latent, noise, step_noise=step_noise(3)
        )
        assert bool(got.isfinite().all()), what
        assert (got.dtype, got.shape) == (torch.float16, latent.shape)
        # A leap is more than a slope or a line through the last two guesses can bear.
        assert what in ("a leap", "from the top") or float(got.float().std()) < 4, what


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_sampler_takes_the_shortest_runs_of_every_scheduler(scheduler: str, steps: int) -> None:
    prediction = MODELS["eps"]
    latent = torch.zeros(1, 4, 2, 2)
    for name in ALL:
        sigmas = SCHEDULERS[scheduler](SD1, steps)
        noise = initial_noise(2, latent.shape)
        got = run_sampler(SAMPLERS[name], perfect_denoiser, prediction, sigmas, latent, noise, step_noise=step_noise(3))
        assert bool(got.isfinite().all()), name


@pytest.mark.parametrize(
    "name", ["euler", "ddim", "heun", "dpm_2", "dpmpp_2m", "lms", "uni_pc", "deis", "res_multistep"]
)
def test_a_run_up_the_levels_leads_back_to_its_start(name: str) -> None:
    """From a clean latent to its noise and down again."""
    sigmas, x = log_levels(200).float(), torch.tensor([0.3, -1.0])
    up = SAMPLERS[name](perfect_denoiser, x, sigmas.flip(0))
    assert float(up.abs().max()) > 5
    assert torch.allclose(SAMPLERS[name](perfect_denoiser, up, sigmas), x, rtol=0.02)


def test_a_sampler_with_steps_of_its_own_may_tell_of_more_than_the_levels() -> None:
    told: list[int] = []
    sigmas = torch.tensor([10.0, 10.0, 0.1])
    SAMPLERS["dpm_adaptive"](perfect_denoiser, torch.ones(1), sigmas, on_step=lambda step, x, clean: told.append(step))
    assert told[0] == 1
    assert len(told) > 3


def test_dpm_adaptive_says_that_it_goes_down_only() -> None:
    with pytest.raises(HeddleError, match="lower levels only"):
        SAMPLERS["dpm_adaptive"](perfect_denoiser, torch.ones(1), torch.tensor([1.0, 2.0]))


def test_dpm_adaptive_ends_where_the_guess_is_not_finite() -> None:
    with pytest.raises(HeddleError, match="not finite"):
        SAMPLERS["dpm_adaptive"](lambda x, sigma: x * float("nan"), torch.ones(1), torch.tensor([2.0, 1.0]))


@pytest.mark.parametrize("name", STEPPING)
def test_each_step_is_told_once_with_its_latent_and_guess(name: str) -> None:
    told: list[tuple[int, Tensor, Tensor]] = []
    sigmas = log_levels(5).float()
    x = torch.ones(3)
    SAMPLERS[name](perfect_denoiser, x, sigmas, on_step=lambda *step: told.append(step), **noise_for(name, x, sigmas))
    assert [step for step, _, _ in told] == [0, 1, 2, 3, 4]
    assert torch.equal(told[0][1], x)
    for (_, latent, clean), sigma in zip(told, sigmas, strict=False):
        assert torch.equal(clean, perfect_denoiser(latent, sigma))


def test_steps_of_no_length_are_counted_though_they_are_not_taken() -> None:
    told: list[int] = []
    sigmas = torch.tensor([4.0, 4.0, 2.0, 2.0, 2.0, 1.0, 0.0])
    SAMPLERS["euler"](perfect_denoiser, torch.ones(1), sigmas, on_step=lambda step, x, clean: told.append(step))
    assert told == [1, 4, 5]


@pytest.mark.parametrize("name", [name for name in ALL if name != "dpm_adaptive"])
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
    SAMPLERS[name](perfect_denoiser, x, sigmas, **noise_for(name, x, sigmas))
    assert torch.equal(x, before[0])
    assert torch.equal(sigmas, before[1])


def test_options_are_read_from_the_functions_and_bound() -> None:
    ancestral = SAMPLERS["euler_ancestral"]
    assert dict(ancestral.options) == {"eta": 1.0, "s_noise": 1.0}
    assert (ancestral.noise, ancestral.asks_for_mixing) == ("white", True)
    assert SAMPLERS["dpmpp_2m"].noise is None
    assert SAMPLERS["dpmpp_sde"].noise == "brownian"
    assert dict(ancestral.with_options(eta=0.5).options) == {"eta": 0.5, "s_noise": 1.0}
    assert ancestral.options["eta"] == 1.0
    with pytest.raises(HeddleError, match="euler_ancestral has no option solver_type; it has eta, s_noise"):
        ancestral.with_options(solver_type="heun")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("dpmpp_2m_sde", "solver_type"),
        ("seeds_2", "solver_type"),
        ("er_sde", "solver_type"),
        ("euler_cfg_pp", "version"),
    ],
)
def test_a_word_that_is_none_of_the_choices_is_refused(name: str, option: str) -> None:
    with pytest.raises(HeddleError, match=f"{option}: 'no'"):
        SAMPLERS[name].with_options(**{option: "no"})(perfect_denoiser, torch.ones(1), torch.tensor([2.0, 1.0]))


def noise_for(name: str, x: Tensor, sigmas: Tensor) -> dict[str, Any]:
    kind = SAMPLERS[name].noise
    return {"noise": step_noise(1).source(kind, x, sigmas)} if kind else {}


@pytest.mark.parametrize(
    ("steps", "sizes"),
    [(-1, [(4, 6), (5, 8), (6, 9), (6, 9)]), (1, [(4, 6), (6, 9), (6, 9), (6, 9)]), (0, [(4, 6)] * 4)],
)
def test_lcm_upscale_grows_by_equal_amounts_and_keeps_its_level(steps: int, sizes: list[tuple[int, int]]) -> None:
    seen: list[Tensor] = []

    def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
        seen.append(x / sigma)
        return torch.zeros_like(x)

    sampler = lcm_upscale.with_options(scale_ratio=1.5, scale_steps=steps)
    sigmas = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    noise = step_noise(1).source("white", torch.zeros(1, 4, 4, 6), sigmas)
    end = sampler(denoise, initial_noise(2, (1, 4, 4, 6)) * 8, sigmas, noise=noise)
    assert [tuple(x.shape[-2:]) for x in seen] == sizes
    assert tuple(end.shape[-2:]) == sizes[-1]
    assert all(0.75 < float(x.std()) < 1.25 for x in seen)


def test_what_grows_cannot_be_masked() -> None:
    latent = torch.ones(1, 4, 4, 4)
    sampler = lcm_upscale.with_options(scale_ratio=2.0)
    with pytest.raises(ShapeError, match="enlarged"):
        run_sampler(
            sampler, perfect_denoiser, MODELS["eps"], torch.tensor([3.0, 1.0, 0.0]), latent, latent,
            step_noise=step_noise(1), mask=torch.ones(4, 4),
        )  # fmt: skip


@pytest.mark.parametrize("levels", [[1.0, 0.0, 0.5, 0.0], [0.0, 1.0], [1.0, -1.0, 0.0]])
def test_levels_that_nothing_leads_on_from_are_refused(levels: list[float]) -> None:
    with pytest.raises(HeddleError, match="only the last one may be"):
        SAMPLERS["euler"](perfect_denoiser, torch.ones(1), torch.tensor(levels))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("level", [float("nan"), float("inf")])
def test_levels_that_are_no_numbers_are_refused(name: str, level: float) -> None:
    with pytest.raises(HeddleError, match=r"sigmas: .* a level that is no finite number"):
        SAMPLERS[name](perfect_denoiser, torch.ones(1), torch.tensor([level, 1.0, 0.0]))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("dpmpp_sde", {"r": 0.0}, "r: 0.0, but the second call of dpmpp_sde lies ahead"),
        ("dpm_adaptive", {"h_init": 0.0}, "h_init: 0.0, but the first try of dpm_adaptive has a length"),
        ("dpm_adaptive", {"dcoeff": 100.0}, "dpm_adaptive: no end .* set pcoeff, icoeff and dcoeff back"),
        ("dpmpp_2s_ancestral", {"eta": 100.0}, "eta: 100.0 adds more noise than a step of dpmpp_2s_ancestral"),
    ],
)
def test_options_that_no_step_can_be_taken_with_are_refused(name: str, options: dict[str, Any], words: str) -> None:
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    sigmas = torch.tensor([0.9, 0.6, 0.3, 0.0])
    made = SAMPLERS[name].with_options(**options)
    keywords: dict[str, Any] = {"noise": step_noise(1).source(made.noise, x, sigmas)} if made.noise else {}
    if made.asks_for_mixing:
        keywords["mixing"] = MIXED
    with pytest.raises(HeddleError, match=words):
        made(lambda x, sigma: (x * 3).sin(), x, sigmas, **keywords)
