"""b_ sets: what samplers make of a latent, with a denoiser that is known exactly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.conditions import condition_sides
from heddle.samplers.guiders import cfg
from heddle.samplers.noise import SeededSteps, initial_noise
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
    options = inputs.get("options") or _settings(inputs.get("settings", ""))
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
        sampler.with_options(**options),
        denoise,
        prediction,
        stored["sigmas"] if "sigmas" in stored else _scheduled(inputs, prediction),
        latent,
        noise,
        step_noise=_step_noise(inputs),
        mask=mask,
        on_step=lambda step, x, clean: steps.append((x, clean)),
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
    steps, denoise = inputs["steps"], inputs.get("denoise", 1.0)
    skips = SAMPLERS[inputs["sampler"]].skips_last_level
    return sigmas_for(scheduler, prediction.schedule, steps, denoise, skip_last_level=skips)


def _settings(text: str) -> dict[str, Any]:
    """`Some node: name 0.5, word 'one', flag true (remark)` as options."""
    found = re.findall(r"(\w+) (?:'([^']*)'|(true|false|[\d.]+))", text.partition(":")[2].partition("(")[0])
    return {name: word or json.loads(value) for name, word, value in found}


def _step_noise(inputs: dict[str, Any]) -> SeededSteps:
    """The seeds of a run: churn's is written in a sentence of its own."""
    seed = inputs["step_noise_seed"]
    churn = re.search(r"manual_seed\((\d+)\)", inputs.get("churn_noise", ""))
    white = int(churn[1]) if churn and inputs.get("options", {}).get("s_churn") else seed
    return SeededSteps(white=white, brownian=seed, kept=seed + 1)
