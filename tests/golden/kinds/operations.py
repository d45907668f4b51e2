"""g_ sets: nodes that only move numbers around, called by their id with the case's inputs.

A node is covered once it is in the catalogue. What a set writes down in another way than as the node's inputs has a
function of its own in `SPECIAL`, by the node's id, or by an input that only such cases have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.graph.dynamic import resolve_inputs
from heddle.graph.results import Shown
from model_management.families.known import FAMILIES
from model_management.families.sdxl import playground
from nodes.catalogue import built_in
from tests.golden.checks import Check, NotCovered, tolerance
from tests.golden.kinds.averages import check_average
from tests.golden.kinds.kind import Kind
from tests.golden.kinds.tiled_scales import check_tiles
from tests.golden.sets import Case
from tests.golden.workshop import Workshop
from tests.nodes.fake_context import FakeContext

#: What the sets call the latents of a family, and its name here.
FORMATS = {"SD15": "sd15", "SDXL": "sdxl", "SD_X4": "sd_upscaler", "SD3": "sd3", "Flux": "flux"}
SPACES = {
    "SDXL_Playground_2_5": playground.LATENT,
    **{word: family.latent for word, name in FORMATS.items() for family in FAMILIES if family.name == name},
}


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = dict(case.inputs)
    node_id = inputs.pop("node", None)
    special = next((SPECIAL[word] for word in (node_id, *inputs) if word in SPECIAL), None)
    if special is not None:
        yield from special(case, workshop)
        return
    registry = built_in()
    if node_id not in registry:
        raise NotCovered(f"node {node_id}" if node_id else f"a case of {', '.join(inputs)}")
    spec = registry[node_id]
    unknown = sorted(set(inputs) - set(resolve_inputs(spec, inputs)))
    if unknown or spec.call is None:
        raise NotCovered(f"{node_id} with {', '.join(unknown)}")
    values: dict[str, Any] = {name: _value(given) for name, given in inputs.items()}
    if spec.takes_context:
        values["ctx"] = FakeContext()
    answer = spec.call(**values)
    outputs = answer.values if isinstance(answer, Shown) else answer
    atol = case.values.get("atol", _atol(workshop, node_id, inputs))
    for name, key in case.tensors.items():
        yield Check(name, _found(outputs, name), workshop.golden.tensors()[key], 0.0, atol)
    for name, wanted in case.values.items():
        if name.startswith("out"):
            yield Check(name, _found(outputs, name), wanted)


def _found(outputs: Any, name: str) -> Any:
    """What the set calls `out0` (of a latent, its samples), `out0[1]` (of a list) or `out0.batch_index`."""
    place = re.fullmatch(r"out(\d+)(?:\[(\d+)\])?(?:\.(\w+))?", name)
    if place is None:
        raise NotCovered(f"output {name}")
    found = outputs[int(place[1])]
    found = found if place[2] is None else found[int(place[2])]
    if isinstance(found, dict):
        return found.get(place[3] or "samples")
    return found


def _check_format(case: Case, workshop: Workshop) -> Iterator[Check]:
    if (space := SPACES.get(case.inputs["format"])) is None:
        raise NotCovered(f"latents {case.inputs['format']}")
    latent = workshop.tensor(case.inputs["x"])
    for way, turn in (("process_in", space.inward), ("process_out", space.outward)):
        yield Check(way, turn(latent), workshop.golden.tensors()[case.tensors[way]], 0.0, _atol(workshop))


def _value(given: Any) -> Any:
    """What an input stands for: a seeded tensor in the set's own notation, a list of such, or itself."""
    if isinstance(given, list):
        return [_value(each) for each in given]
    if not isinstance(given, dict):
        return given
    if extra := set(given) - {"rand", "randn", "shape", "type", "then", "latent_extra"}:
        raise NotCovered(f"inputs with {', '.join(sorted(extra))}")
    word = "randn" if "randn" in given else "rand"
    drawn: Tensor = getattr(torch, word)(given["shape"], generator=torch.Generator("cpu").manual_seed(given[word]))
    if "then" in given:
        bound = re.fullmatch(r"\(x > ([\d.]+)\) as 0/1", given["then"])
        if bound is None:
            raise NotCovered(f"inputs with {given['then']!r}")
        drawn = (drawn > float(bound[1])).float()
    return {"samples": drawn, **given.get("latent_extra", {})} if given.get("type") == "LATENT" else drawn


def _atol(workshop: Workshop, node_id: str = "", inputs: Mapping[str, Any] | None = None) -> float:
    golden = workshop.golden
    words = [word for word in (node_id, *map(str, (inputs or {}).values())) if word]
    sentence = next((key for key in golden.tolerance if set(re.split(r", ?", key)) & set(words)), "default")
    return tolerance(golden, sentence, "atol", 1e-5)


SPECIAL: dict[str, Callable[[Case, Workshop], Iterator[Check]]] = {
    "format": _check_format,
    "ConditioningAverage": check_average,
    "tile_x": check_tiles,
}

OPERATIONS = Kind(names=("g_*",), check=check)
