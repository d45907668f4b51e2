"""e_adapters sets: what an adapter's tensors make of a weight, and merges of two weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from heddle.adapters.changes import Change
from heddle.adapters.file_keys import sort_keys
from heddle.adapters.merging import Added, Mixed, Subtracted
from heddle.adapters.reading import read_changes
from heddle.adapters.targets import Target, change_target
from tests.golden.checks import Check, NotCovered, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

ROTATING_ATOL = 1e-4  # "OFT/BOFT: atol 1e-4 because of the matrix inverse"


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    stored = workshop.golden.tensors()
    tensors = {name: stored[key] for name, key in case.tensors.items()}
    rtol = tolerance(workshop.golden, "patched", "rtol", 1e-4)
    atol = tolerance(workshop.golden, "patched", "atol", 2e-5)
    if "merged" in tensors:
        yield Check("merged", _merge(case.inputs, tensors), tensors["merged"], rtol, atol)
    elif "patched" in tensors:
        weight = tensors["base"]
        for number, strength in enumerate(case.inputs["strengths"]):
            weight = _changes(tensors, f"lora{number}.", case.inputs["prefix"]).weight.apply(weight, strength)
        yield Check("patched", weight, tensors["patched"], rtol, atol)
    else:
        yield from _one_adapter(case, tensors, rtol, atol)


def _one_adapter(case: Case, tensors: Mapping[str, Tensor], rtol: float, atol: float) -> Iterator[Check]:
    changes = _changes(tensors, "lora.", case.inputs["prefix"])
    part = case.inputs.get("offset")
    rows = None if part is None else (part["start"], part["start"] + part["length"])
    is_rotating = any(name.endswith(".oft_blocks") for name in tensors)
    for strength in case.inputs["strengths"]:
        if is_rotating and strength != 1:
            continue  # the reference applies the strength twice there; not binding
        atol = ROTATING_ATOL if is_rotating else atol
        for word, base, change in (("patched", "base", changes.weight), ("patched_bias", "base_bias", changes.bias)):
            want = tensors.get(f"{word}@{strength}")
            if want is not None and change is not None:
                got = change_target(Target("x", rows), change, tensors[base], strength)
                yield Check(f"{word}@{strength}", got, want, rtol, atol)


def _changes(tensors: Mapping[str, Tensor], start: str, layer: str) -> Any:
    file = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
    keys = sort_keys(file)
    words = {word: file[key] for word, key in keys.layers[layer].items()}
    shape = words.pop("reshape_weight", None)
    return read_changes(words, None if shape is None else tuple(shape.tolist()))


def _merge(inputs: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Tensor:
    first, second = tensors["model1"], tensors["model2"]
    change: Change
    if "ratio" in inputs:
        change = Mixed(second, inputs["ratio"])
    elif "ModelMergeSubtract" in inputs.get("note", ""):
        change = Subtracted(second)
    elif "ModelMergeAdd" in inputs.get("note", ""):
        change = Added(second)
    else:
        raise NotCovered(f"a merge of another kind: {inputs.get('note')}")
    return change.apply(first, 1.0)


ADAPTERS = Kind(names=("e_adapters*",), check=check)
