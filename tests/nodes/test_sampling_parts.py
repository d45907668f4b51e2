"""Nodes that choose noise levels and samplers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from heddle.graph.errors import GraphError, HeddleError
from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.sampler import Sampler
from heddle.samplers.schedules import sigmas_for
from heddle.samplers.steps.lcm import lcm_upscale
from nodes.catalogue import built_in
from nodes.sampling import samplers, schedulers, sigmas

SD1 = scaled_linear(0.00085, 0.012)
MODEL: Any = SimpleNamespace(predicts=SimpleNamespace(schedule=SD1))


def answer_of(node_id: str, **inputs: Any) -> Any:
    """What a node gives with its own defaults, and the first word of each choice."""
    spec = built_in()[node_id]
    assert spec.call is not None
    for each in spec.inputs:
        if each.type == "MODEL":
            inputs.setdefault(each.name, MODEL)
        elif each.type == "LATENT":
            inputs.setdefault(each.name, {"samples": torch.zeros(1, 128, 3, 16, 24)})
        elif each.type == "COMBO":
            inputs.setdefault(each.name, each.options["options"][0])
        else:
            inputs.setdefault(each.name, each.options.get("default", False))
    return spec.call(**inputs)[0]


SCHEDULER_NODES = [id for id, spec in built_in().items() if spec.category == schedulers.CATEGORY]
SAMPLER_NODES = [id for id, spec in built_in().items() if any(each.type == "SAMPLER" for each in spec.outputs)]


@pytest.mark.parametrize("node_id", SCHEDULER_NODES)
def test_a_scheduler_gives_falling_levels(node_id: str) -> None:
    levels = answer_of(node_id)
    assert levels.dtype == torch.float32
    assert bool((levels.diff() < 0).all())
    assert len(levels) > 1
    assert node_id == "LaplaceScheduler" or float(levels[-1]) == 0


@pytest.mark.parametrize("node_id", SAMPLER_NODES)
def test_a_sampler_node_with_its_defaults_gives_the_sampler_of_the_menu(node_id: str) -> None:
    made = answer_of(node_id)
    assert isinstance(made, Sampler)
    assert made == (lcm_upscale if made.name == "lcm_upscale" else SAMPLERS[made.name])


def test_there_are_nodes_of_both_kinds() -> None:
    assert len(SCHEDULER_NODES) >= 11
    assert len(SAMPLER_NODES) >= 15


def test_basic_scheduler_is_what_ksampler_takes_but_for_the_level_that_some_samplers_skip() -> None:
    levels = schedulers.basic(MODEL, "karras", 12, 0.5)
    assert torch.equal(levels, sigmas_for(SCHEDULERS["karras"], SD1, 12, 0.5))


def test_options_reach_the_sampler() -> None:
    assert samplers.euler_ancestral(0.3, 0.9).options == {"eta": 0.3, "s_noise": 0.9}
    assert samplers.dpmpp_2m("heun", 0.5, 1.0, "cpu").options["solver_type"] == "heun"
    solver = samplers.sa_solver(MODEL, 0.6, 0.1, 0.9, 1.0, 2, 3, True, False)
    assert solver.options["use_pece"] is True
    assert (solver.options["sde_start_percent"], solver.options["predictor_order"]) == (0.1, 2)


@pytest.mark.parametrize(
    ("text", "levels"),
    [("1, 0.5", [1, 0.5]), ("14.6; 7.\n1e-1 .05 0", [14.6, 7, 0.1, 0.05, 0]), ("", [])],
)
def test_levels_are_read_whatever_stands_between_them(text: str, levels: list[float]) -> None:
    assert sigmas.manual(text).tolist() == pytest.approx(levels)


@pytest.mark.parametrize("text", ["1, -0.5", "1e999"])
def test_what_is_no_level_is_refused(text: str) -> None:
    with pytest.raises(GraphError, match="0 or above"):
        sigmas.manual(text)


def test_numbers_without_a_schedule_say_so() -> None:
    for node_id, inputs in (("ExponentialScheduler", {"sigma_min": 0.0}), ("BetaSamplingScheduler", {"alpha": 0.0})):
        with pytest.raises(HeddleError, match="above 0"):
            answer_of(node_id, **inputs)


def test_percentages_and_parts_of_a_run_are_the_librarys() -> None:
    assert sigmas.percent_to_sigma(MODEL, 1.0, True) == SD1.sigma_min
    high, low = sigmas.split(torch.tensor([3.0, 2.0, 0.0]), 1)
    assert (high.tolist(), low.tolist()) == ([3, 2], [2, 0])
    assert sigmas.flip(low).tolist() == pytest.approx([0.0001, 2])


def test_the_shift_of_ltxv_grows_with_the_cells_of_a_latent() -> None:
    small, usual, large = (
        schedulers.ltxv(10, 2.05, 0.95, False, 0.1, latent=latent)
        for latent in ({"samples": torch.zeros(1, 128, 1, 32, 32)}, None, {"samples": torch.zeros(1, 128, 9, 32, 32)})
    )
    assert float(small[5]) < float(usual[5]) < float(large[5])
