"""b2_ sets: the same denoiser behind the sampling nodes, where all noise comes from the node's seed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.guidance import cfg
from heddle.samplers.noise import initial_noise, step_noise
from heddle.samplers.run import run_sampler
from heddle.samplers.schedules import sigmas_for
from tests.golden.checks import Check, NotCovered, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.kinds.mixture import class_context, denoiser_of_classes
from tests.golden.kinds.noise_levels import model_named
from tests.golden.kinds.sampling import class_number
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

_NODES = ("KSampler", "SetLatentNoiseMask + KSampler")
_UNDERSTOOD = {
    "node", "seed", "steps", "cfg", "scheduler", "positive", "negative", "denoise", "sampler_name", "latent",
    "batch_index", "mask", "rule", "note",
}  # fmt: skip


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    if inputs.get("node") not in _NODES:
        raise NotCovered(f"node {inputs.get('node')}")
    others = set(inputs) - _UNDERSTOOD
    if others:
        raise NotCovered(f"input {', '.join(sorted(others))}")
    if inputs["sampler_name"] not in SAMPLERS:
        raise NotCovered(f"sampler {inputs['sampler_name']}")
    if inputs["scheduler"] not in SCHEDULERS:
        raise NotCovered(f"scheduler {inputs['scheduler']}")
    want = workshop.golden.tensors()[case.tensors["samples"]]
    latent = workshop.tensor(inputs["latent"], shape=want.shape)
    factor = re.search(r"scale factor ([\d.]+)", str(inputs["latent"]))
    prediction = model_named("sd1_eps", workshop)
    denoise = cfg(
        denoiser_of_classes(workshop, prediction.is_flow),
        class_context(class_number(inputs["positive"], 1)),
        class_context(class_number(inputs["negative"], 2)),
        inputs["cfg"],
    )
    sampler = SAMPLERS[inputs["sampler_name"]]
    sigmas = sigmas_for(
        SCHEDULERS[inputs["scheduler"]],
        prediction.schedule,
        inputs["steps"],
        inputs["denoise"],
        skip_last_level=sampler.skips_last_level,
    )
    samples = run_sampler(
        sampler,
        denoise,
        prediction,
        sigmas,
        latent,
        initial_noise(inputs["seed"], latent.shape, inputs.get("batch_index")),
        step_noise=step_noise(inputs["seed"]),
        mask=workshop.tensor(inputs["mask"]) if "mask" in inputs else None,
        scale=float(factor[1]) if factor else 1.0,
    )
    rtol = tolerance(workshop.golden, "samples", "rtol", 1e-4)
    yield Check("samples", samples, want, rtol, case.values.get("atol", 1e-4))


NODE_SAMPLING = Kind(names=("b2_*",), check=check)
