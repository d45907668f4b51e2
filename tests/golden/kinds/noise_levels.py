"""a_ sets: noise schedules, parametrisations, and the schedulers that choose from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.samplers import noise_schedules as levels
from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.noise_schedules import NoiseSchedule
from heddle.samplers.predictions import Clean, CosmosRectified, Edm, Epsilon, Flow, Lcm, Prediction, Velocity
from heddle.samplers.schedules import sigmas_for
from heddle.samplers.sigma_tools import sigma_at
from tests.golden.checks import Check, NotCovered, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.kinds.sigma_nodes import sigmas_of_node
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

SCHEDULES: Mapping[str, Callable[[dict[str, Any]], NoiseSchedule]] = {
    "discrete": lambda p: _scaled_linear(p),
    "discrete_distilled": lambda p: _scaled_linear(p, stride=20),  # 50 of 1000, as the family's definition says
    "continuous_edm": lambda p: levels.ContinuousEdm(p["sigma_min"], p["sigma_max"]),
    "continuous_v": lambda p: levels.ContinuousV(p["sigma_min"], p["sigma_max"]),
    "cosmos_rflow": lambda p: levels.CosmosFlow(p["sigma_min"], p["sigma_max"]),
    "discrete_flow": lambda p: levels.FlowSchedule(p.get("shift", 1.0), p.get("multiplier", 1000)),
    "flux": lambda p: levels.FluxSchedule(p["shift"] if "width" not in p else _flux_mu(p)),
    "cascade": lambda p: levels.CascadeSchedule(p.get("shift", 1.0)),
}

PREDICTIONS: Mapping[str, Callable[[NoiseSchedule, float], Prediction]] = {
    "eps": Epsilon,
    "v": Velocity,
    "edm": Edm,
    "x0": Clean,
    "lcm": Lcm,
    "flow": lambda schedule, sigma_data: Flow(schedule),
    "cosmos_rflow": lambda schedule, sigma_data: CosmosRectified(schedule),
}

# Models that sets name without defining them, as the description of the sets does.
KNOWN_MODELS: Mapping[str, dict[str, Any]] = {
    "sd1_eps": {"family": "discrete", "parametrisation": "eps"},
    "sdxl_v_zsnr": {"family": "discrete", "parametrisation": "v", "parameters": {"zsnr": True}},
    "sd3_shift3": {"family": "discrete_flow", "parametrisation": "flow", "parameters": {"shift": 3.0}},
}
SHORT_NAMES = {"eps": "sd1_eps", "flow3": "sd3_shift3", "v_zsnr": "sdxl_v_zsnr"}


def prediction_of(inputs: Mapping[str, Any]) -> Prediction:
    """The parametrisation, with its schedule, that a `model.*` case describes."""
    family, kind = inputs["family"], inputs.get("parametrisation", "eps")
    parameters = inputs.get("parameters", {})
    if family not in SCHEDULES:
        raise NotCovered(f"noise schedule {family}")
    if kind not in PREDICTIONS:
        raise NotCovered(f"parametrisation {kind}")
    return PREDICTIONS[kind](SCHEDULES[family](parameters), parameters.get("sigma_data", 1.0))


def model_named(name: str, workshop: Workshop) -> Prediction:
    """A model by its name: as the set defines it, or as the sets' description does."""
    if name not in workshop.kept:
        case = workshop.golden.case(f"model.{name}")
        inputs = case.inputs if case else KNOWN_MODELS.get(SHORT_NAMES.get(name, name))
        if inputs is None:
            raise NotCovered(f"model {name}")
        workshop.kept[name] = prediction_of(inputs)
    return workshop.kept[name]


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    if "family" in inputs:
        yield from _check_model(case, workshop)
    elif inputs.get("node") == "SamplingPercentToSigma":
        yield from _check_percents(case, workshop)
    elif inputs.get("node") not in (None, "BasicScheduler"):
        got = sigmas_of_node(inputs, lambda name: model_named(name, workshop).schedule)
        yield from _check_sigmas(case, workshop, *got)
    elif "scheduler" in inputs and "model" in inputs:
        yield from _check_sigmas(case, workshop, _scheduled(inputs, workshop))
    else:
        raise NotCovered("cases of this form")


NOISE_LEVELS = Kind(names=("a_*",), but_not=("*a1111*",), check=check)


def _check_model(case: Case, workshop: Workshop) -> Iterator[Check]:
    prediction = prediction_of(case.inputs)
    schedule = prediction.schedule
    stored = {name: workshop.golden.tensors()[key] for name, key in case.tensors.items()}

    sigma_rtol, sigma_atol = _sigma_tolerance(workshop, prediction.is_flow)
    exact = case.inputs["family"].startswith("discrete") and not prediction.is_flow
    times = 0.0 if exact else tolerance(workshop.golden, "timestep", "rtol", 1e-5)
    percents = tolerance(workshop.golden, "percent_to_sigma", "rtol", 1e-5)

    def inside(name: str, got: Tensor, rtol: float = sigma_rtol, atol: float = sigma_atol) -> Iterator[Check]:
        if name in stored:
            yield Check(name, got.to(torch.float32), stored[name], rtol, atol)

    yield from inside("sigmas", schedule.sigmas)
    yield from inside("sigma_min", torch.tensor(schedule.sigma_min))
    yield from inside("sigma_max", torch.tensor(schedule.sigma_max))
    if "probe_sigma" in stored:
        yield from inside("timestep_of_probe", schedule.timestep(stored["probe_sigma"]), times, 0 if exact else 1e-7)
    if "probe_t" in stored:
        yield from inside("sigma_of_t", schedule.sigma(stored["probe_t"]))
    if "percent" in stored:
        got = [schedule.percent_to_sigma(percent) for percent in stored["percent"].tolist()]
        yield from inside("percent_to_sigma", torch.tensor(got), percents, 1e-7)
    if "formula_sigma" in stored:
        shape = next(case.shapes[name] for name in ("calculate_input", "calculate_denoised") if name in case.shapes)
        x, output, noise = (workshop.tensor(case.inputs[name], shape=shape) for name in ("x", "model_output", "noise"))
        sigma = stored["formula_sigma"].view(-1, *[1] * (x.ndim - 1))
        yield from inside("calculate_input", prediction.scale_input(sigma, x))
        yield from inside("calculate_denoised", prediction.denoised(sigma, output, x))
        yield from inside("noise_scaling", prediction.start(sigma, noise, x))
        yield from inside("noise_scaling_max", prediction.start(sigma, noise, x, True))
        yield from inside("inverse_noise_scaling", prediction.finish(sigma, x))


def _check_sigmas(case: Case, workshop: Workshop, *outputs: Tensor) -> Iterator[Check]:
    model = case.inputs.get("model")
    rtol, atol = _sigma_tolerance(workshop, bool(model) and model_named(model, workshop).is_flow)
    for got, (name, key) in zip(outputs, case.tensors.items(), strict=True):
        yield Check(name, got, workshop.golden.tensors()[key], rtol, atol)


def _check_percents(case: Case, workshop: Workshop) -> Iterator[Check]:
    rtol = tolerance(workshop.golden, "percent_to_sigma", "rtol", 1e-5)
    for result in case.values["results"]:
        schedule = model_named(result["model"], workshop).schedule
        got = sigma_at(schedule, result["sampling_percent"], result["return_actual_sigma"])
        yield Check(str(result), torch.tensor(got), torch.tensor(result["sigma"]), rtol, 1e-7)


def _scheduled(inputs: Mapping[str, Any], workshop: Workshop) -> Tensor:
    name, sampler = inputs["scheduler"], inputs.get("sampler", "euler")
    if name not in SCHEDULERS:
        raise NotCovered(f"scheduler {name}")
    if sampler not in SAMPLERS:
        raise NotCovered(f"sampler {sampler}")
    schedule = model_named(inputs["model"], workshop).schedule
    skips, denoise = SAMPLERS[sampler].skips_last_level, inputs.get("denoise", 1.0)
    return sigmas_for(SCHEDULERS[name], schedule, inputs["steps"], denoise, skip_last_level=skips)


def _sigma_tolerance(workshop: Workshop, is_flow: bool) -> tuple[float, float]:
    rtol = tolerance(workshop.golden, "sigma", "for flow models rtol" if is_flow else "rtol", 1e-5 if is_flow else 2e-5)
    return rtol, tolerance(workshop.golden, "sigma", "atol", 1e-6)


def _scaled_linear(parameters: dict[str, Any], stride: int = 1) -> NoiseSchedule:
    if parameters.get("beta_schedule", "linear") != "linear":
        raise NotCovered(f"beta schedule {parameters['beta_schedule']}")
    return levels.scaled_linear(
        parameters.get("linear_start", 0.00085),
        parameters.get("linear_end", 0.012),
        steps=parameters.get("timesteps", 1000),
        zero_terminal_snr=parameters.get("zsnr", False),
        stride=stride,
    )


def _flux_mu(parameters: dict[str, Any]) -> float:
    return levels.flux_mu(
        parameters["width"],
        parameters["height"],
        base_shift=parameters["base_shift"],
        max_shift=parameters["max_shift"],
    )
