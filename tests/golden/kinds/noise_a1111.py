"""c_noise_a1111 sets: noise as A1111's web UI draws it, and the generator of CUDA devices."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heddle.samplers.noise_a1111 import ImageNoise, Variation
from heddle.samplers.noise_sources import STREAMS
from heddle.samplers.philox import Philox
from tests.golden.checks import Check, NotCovered
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

_SOURCES = {"CPU": STREAMS["a1111 cpu"], "NV": STREAMS["a1111 gpu"]}
_PHILOX_ATOL, _IMAGE_ATOL = 2e-6, 1e-5


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs, tensors = case.inputs, workshop.golden.tensors()
    if "calls" in inputs:
        stream = Philox(inputs["seed"])
        shapes = [
            [int(size) for size in re.findall(r"\d+", call)] for call in re.findall(r"randn\((.*?)\)", inputs["calls"])
        ]
        for name, shape in zip(sorted(case.tensors), shapes, strict=True):
            yield Check(name, stream.randn(shape), tensors[case.tensors[name]], atol=_PHILOX_ATOL)
        return
    if inputs.get("randn_source") not in _SOURCES:
        raise NotCovered(f"noise source {inputs.get('randn_source')}")
    variation = Variation(inputs["subseeds"], inputs["subseed_strength"]) if "subseeds" in inputs else None
    noise = ImageNoise(
        _SOURCES[inputs["randn_source"]],
        inputs["shape"],
        inputs["seeds"],
        variation=variation,
        made_at_px=(inputs.get("seed_resize_from_h", 0), inputs.get("seed_resize_from_w", 0)),
        step_seed_delta=inputs.get("ensd", 0),
    )
    yield Check("first", noise.first(), tensors[case.tensors["first"]], atol=_IMAGE_ATOL)
    for name in sorted(name for name in case.tensors if name.startswith("next")):
        yield Check(name, noise.next(), tensors[case.tensors[name]], atol=_IMAGE_ATOL)


NOISE_A1111 = Kind(names=("c_noise_a1111*",), check=check)
