"""b_ sets: what samplers make of a latent, with a denoiser that is known exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.conditions import condition_sides
from heddle.samplers.guiders import cfg
from heddle.samplers.noise import initial_noise, white_noise
from heddle.samplers.predictions import Prediction
from heddle.samplers.run import run_sampler
from heddle.samplers.schedules import sigmas_for
from tests.golden.checks import Check, NotCovered, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.kinds.mixture import class_condition, denoiser_of_classes, mixture_named
from tests.golden.kinds.noise_levels import model_named
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    if "sampler" in case.inputs:
        yield from _check_run(case, workshop)
    elif "classes" in case.inputs:
        yield from _check_denoiser(case, workshop)
    else:
        raise NotCovered("cases of this form")


SAMPLING = Kind(names=("b_*",), check=check)


def class_number(text: Any, default: int) -> int:
    """`class 3` as 3."""
    if text is None:
        return default
    found = re.fullmatch(r"class (\d+)", str(text))
    if found is None:
        raise NotCovered(f"condition {text!r}")
    return int(found[1])


def _check_denoiser(case: Case, workshop: Workshop) -> Iterator[Check]:
    """The test's own denoiser: if this is wrong, nothing is said about samplers."""
    inputs = case.inputs
    sigma = torch.tensor(inputs["sigma"], dtype=torch.float32)
    want = workshop.golden.tensors()[case.tensors["denoised"]]
    x = workshop.tensor(inputs["x"], shape=want.shape, sigma=inputs["sigma"])
    is_flow = model_named(inputs["model"], workshop).is_flow
    by_item = [
        mixture_named(number, workshop).clean(x[i : i + 1], sigma, is_flow)
        for i, number in enumerate(inputs["classes"])
    ]
    yield Check("denoised", torch.cat(by_item), want, 1e-4, case.values.get("atol", 1e-4))


def _check_run(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    sampler = SAMPLERS.get(inputs["sampler"])
    if sampler is None:
        raise NotCovered(f"sampler {inputs['sampler']}")
    options = inputs.get("options", {})
    unknown = set(options) - set(sampler.options)
    if unknown:
        raise NotCovered(f"{sampler.name}'s option {', '.join(sorted(unknown))}")
    stored = {name: workshop.golden.tensors()[key] for name, key in case.tensors.items()}
    prediction = model_named(inputs["model"], workshop)
    shape = stored["final"].shape
    latent = workshop.tensor(inputs["latent"], shape=shape)
    noise = (
        workshop.tensor("tensor noise") if "noise_seed" not in inputs else initial_noise(inputs["noise_seed"], shape)
    )
    mask = workshop.tensor(inputs["noise_mask"]) if "noise_mask" in inputs else None
    positive, negative = class_number(inputs.get("positive"), 1), class_number(inputs.get("negative"), 2)
    guess = condition_sides(
        denoiser_of_classes(workshop, prediction.is_flow),
        {"positive": [class_condition(positive)], "negative": [class_condition(negative)]},
    )
    denoise = cfg(guess, inputs.get("cfg", 1.0), prediction)
    steps: list[tuple[Tensor, Tensor]] = []
    final = run_sampler(
        sampler,
        denoise,
        prediction,
        stored["sigmas"] if "sigmas" in stored else _scheduled(inputs, prediction),
        latent,
        noise,
        step_noise=white_noise(_noise_seed(inputs), latent),
        mask=mask,
        on_step=lambda step, x, clean: steps.append((x, clean)),
        options=options,
    )
    rtol, atol = tolerance(workshop.golden, "final", "rtol", 1e-4), case.values.get("atol", 1e-4)
    yield Check("final", final, stored["final"], rtol, atol)
    for name, part in (("x_steps", 0), ("denoised_steps", 1)):
        if name in stored:
            join = torch.cat if stored[name].ndim == final.ndim else torch.stack
            yield Check(name, join([step[part] for step in steps]), stored[name], rtol, atol)


def _scheduled(inputs: dict[str, Any], prediction: Prediction) -> Tensor:
    if inputs["scheduler"] not in SCHEDULERS:
        raise NotCovered(f"scheduler {inputs['scheduler']}")
    scheduler = SCHEDULERS[inputs["scheduler"]]
    return sigmas_for(scheduler, prediction.schedule, inputs["steps"], inputs.get("denoise", 1.0))


def _noise_seed(inputs: dict[str, Any]) -> int:
    """Which seed the noise between steps is drawn from: churn's is written in a sentence of its own."""
    if inputs.get("options", {}).get("s_churn"):
        seed = re.search(r"manual_seed\((\d+)\)", inputs.get("churn_noise", ""))
        if seed:
            return int(seed[1])
    return inputs["step_noise_seed"]
