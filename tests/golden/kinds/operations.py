"""g_ sets: nodes that only move numbers around, called by their id with the case's inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from heddle.graph.results import Shown
from model_management.families.known import FAMILIES
from model_management.families.sdxl import playground
from nodes.catalogue import built_in
from tests.golden.checks import Check, NotCovered, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop
from tests.nodes.fake_context import FakeContext

#: What the sets call the latents of a family, and its name here.
FORMATS = {"SD15": "sd15", "SDXL": "sdxl", "SD3": "sd3", "Flux": "flux"}
SPACES = {
    "SDXL_Playground_2_5": playground.LATENT,
    **{word: family.latent for word, name in FORMATS.items() for family in FAMILIES if family.name == name},
}


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = dict(case.inputs)
    if "format" in inputs:
        yield from _check_format(case, workshop)
        return
    node_id = inputs.pop("node", None)
    registry = built_in()
    if node_id not in registry:
        raise NotCovered(f"node {node_id}")
    spec = registry[node_id]
    unknown = sorted(set(inputs) - {each.name for each in spec.inputs})
    if unknown or spec.call is None:
        raise NotCovered(f"{node_id} with {', '.join(unknown)}")
    values: dict[str, Any] = {name: _value(given) for name, given in inputs.items()}
    if spec.takes_context:
        values["ctx"] = FakeContext()
    answer = spec.call(**values)
    outputs = answer.values if isinstance(answer, Shown) else answer
    for name, key in case.tensors.items():
        place = re.fullmatch(r"out(\d+)", name)
        if place is None:
            raise NotCovered(f"output {name}")
        got = outputs[int(place[1])]
        got = got["samples"] if isinstance(got, dict) else got
        yield Check(name, got, workshop.golden.tensors()[key], 0.0, case.values.get("atol", _atol(workshop, inputs)))


def _check_format(case: Case, workshop: Workshop) -> Iterator[Check]:
    if (space := SPACES.get(case.inputs["format"])) is None:
        raise NotCovered(f"latents {case.inputs['format']}")
    latent = workshop.tensor(case.inputs["x"])
    for way, turn in (("process_in", space.inward), ("process_out", space.outward)):
        yield Check(way, turn(latent), workshop.golden.tensors()[case.tensors[way]], 0.0, _atol(workshop, {}))


def _value(given: Any) -> Any:
    """What an input stands for: a seeded tensor in the set's own notation, or itself."""
    if not isinstance(given, dict):
        return given
    if extra := set(given) - {"rand", "randn", "shape", "type"}:
        raise NotCovered(f"inputs with {', '.join(sorted(extra))}")
    word = "randn" if "randn" in given else "rand"
    drawn: Tensor = getattr(torch, word)(given["shape"], generator=torch.Generator("cpu").manual_seed(given[word]))
    return {"samples": drawn} if given.get("type") == "LATENT" else drawn


def _atol(workshop: Workshop, inputs: dict[str, Any]) -> float:
    golden = workshop.golden
    method = inputs.get("upscale_method")
    sentence = next((key for key in golden.tolerance if method and method in key), "default")
    return tolerance(golden, sentence, "atol", 1e-5)


OPERATIONS = Kind(names=("g_*",), check=check)
