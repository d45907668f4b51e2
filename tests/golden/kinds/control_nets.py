"""d_controlnet sets: what a control net adds, before any strength."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from model_management.control_files import open_control_net
from model_management.weights import Weights
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    if "hint" not in inputs:
        raise NotCovered("cases of this form")
    if "net" not in workshop.kept:
        workshop.kept["net"] = open_control_net(workshop.checkpoint)
        workshop.kept["weights"] = Weights(torch.device("cpu"))
    x, hint, context = (workshop.tensor(inputs[name]) for name in ("x", "hint", "context"))
    with workshop.kept["weights"].hold(workshop.kept["net"]) as net:
        added = net(x, torch.tensor(inputs["timesteps"]), context, guide=net.read_hint(hint))
    outputs = {f"out{number:02}": skip for number, skip in enumerate(added.skips)} | {"middle0": added.middle}
    yield Check("outputs", sorted(outputs), sorted(case.tensors))
    atol = case.values.get("atol", tolerance(workshop.golden, "network outputs", "<=", 2e-4))
    for name, got in outputs.items():
        yield from tensor_checks(case, workshop.golden, name, got.float(), rtol=0, atol=atol, relative_to_max=True)


CONTROL_NETS = Kind(names=("d_controlnet*",), check=check)
