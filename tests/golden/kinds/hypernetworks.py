"""e_hypernetwork sets: what a hypernetwork's file makes of keys and values."""

from __future__ import annotations

from collections.abc import Iterator

from heddle.adapters.hypernetwork import read_hypernetwork
from model_management.tensor_reading import read_torch_content
from tests.golden.checks import Check, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs, stored = case.inputs, workshop.golden.tensors()
    path = workshop.golden.path.parent / "hypernetworks" / inputs["file"]
    hypernetwork = read_hypernetwork(read_torch_content(path))
    given = workshop.tensor(inputs["k"]), workshop.tensor(inputs["v"])
    atol = tolerance(workshop.golden, "k, v", "atol", 1e-5)
    for name, got in zip("kv", hypernetwork.change(*given, inputs["strength"]), strict=True):
        yield Check(name, got, stored[case.tensors[name]], atol=atol)


HYPERNETWORKS = Kind(names=("e_hypernetwork*",), check=check)
