"""d_esrgan sets: an upscaler alone and behind its node, and the same weights in the two newer layouts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from model_management.upscale_models import open_upscale_model
from model_management.upscaling import upscale
from model_management.weights import Weights
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

NEWER = ("esrgan_x4_new", "esrgan_x4_new_trunk")
ALIASES = "esrgan_x4.alias.json"


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    if "image" not in case.inputs:
        raise NotCovered("cases of this form")
    image = workshop.tensor(case.inputs["image"])
    model, weights = open_upscale_model(workshop.checkpoint), Weights(torch.device("cpu"))
    with weights.hold(model.computing_in(torch.float32)) as net:
        outputs = {"raw": net.net(image.movedim(-1, 1)), "upscaled": _upscaled(workshop.checkpoint, image)}
    atol = tolerance(workshop.golden, "network outputs", "<=", 2e-4)
    for name in case.tensors:
        yield from tensor_checks(case, workshop.golden, name, outputs[name], rtol=0, atol=atol, relative_to_max=True)
    for layout in NEWER:
        made = _upscaled(_in_layout(layout, workshop), image)
        yield Check(f"upscaled by {layout}", made, outputs["upscaled"], 0.0, 1e-6)


def _upscaled(path: Path, image: Tensor) -> Tensor:
    weights = Weights(torch.device("cpu"))
    return upscale(open_upscale_model(path), image, weights, lambda done, of: None, lambda note: None, lambda: None)


def _in_layout(layout: str, workshop: Workshop) -> Path:
    """The checkpoint's weights by other names, in a file of torch.save as the published ones are."""
    shapes, aliases = workshop.formats / f"{layout}.json", workshop.formats / ALIASES
    if not shapes.is_file() or not aliases.is_file():
        raise NotCovered(f"{layout} without its list of names")
    old, other_names = load_file(workshop.checkpoint), json.loads(aliases.read_text("utf-8"))
    path = workshop.folder("layouts") / f"{layout}.pth"
    names = json.loads(shapes.read_text("utf-8"))
    torch.save({"params_ema": {name: old[other_names.get(name, name)] for name in names}}, path)
    return path


UPSCALERS = Kind(names=("d_esrgan*",), check=check)
