"""d_ sets of Stable Diffusion 1, 2 and XL: nets with synthetic weights, loaded the way every file is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.samplers.conditions import Call
from model_management.checkpoint import open_checkpoint, open_network
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.family import RunFacts
from model_management.handles import Model
from model_management.header import read_header
from model_management.image_coding import decode_latent, encode_image
from model_management.text_encoding import encode_text
from model_management.weights import Weights
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    compute = next((known for key, known in _FORMS.items() if key in inputs), None)
    if compute is None:
        raise NotCovered("cases of this form")
    if "checkpoint" not in workshop.kept:
        workshop.kept["checkpoint"] = _open(workshop.checkpoint)
        workshop.kept["weights"] = Weights(torch.device("cpu"))
    with torch.inference_mode():
        outputs = compute(inputs, workshop, workshop.kept["checkpoint"], workshop.kept["weights"])
    for name, got in outputs.items():
        if name not in case.tensors:
            continue
        if name == "image":
            atol = tolerance(workshop.golden, "decoded images (0..1)", "atol", 2e-4)
            yield from tensor_checks(case, workshop.golden, name, got, rtol=0, atol=case.values.get("atol", atol))
        else:
            atol = tolerance(workshop.golden, "network outputs", "<=", 2e-4)
            yield from tensor_checks(
                case, workshop.golden, name, got, rtol=0, atol=case.values.get("atol", atol), relative_to_max=True
            )
    for name in case.tensors.keys() - outputs.keys():
        raise NotCovered(f"output {name}")


STABLE_DIFFUSION = Kind(names=("d_sd15*", "d_sd2*", "d_sdxl*"), check=check)


class _Opened(NamedTuple):
    model: Model
    clip: Any = None
    vae: Any = None


def _open(path: Path) -> _Opened:
    """A full checkpoint, or the network alone."""
    if read_header(path).has_prefix("model.diffusion_model."):
        return _Opened(*open_checkpoint(path, FAMILIES))
    return _Opened(open_network(path, FAMILIES))


def _raw(inputs: dict[str, Any], workshop: Workshop, opened: _Opened, weights: Weights) -> dict[str, Tensor]:
    x, context = workshop.tensor(inputs["x"]), workshop.tensor(inputs["context"])
    more = {"vector": workshop.tensor(inputs["y"])} if "y" in inputs else {}
    with weights.hold(opened.model) as net:
        return {"output": net(x, torch.tensor(inputs["timesteps"]), context, **more).float()}


def _denoised(inputs: dict[str, Any], workshop: Workshop, opened: _Opened, weights: Weights) -> dict[str, Tensor]:
    x, context = workshop.tensor(inputs["x"]), workshop.tensor(inputs["context"])
    with weights.hold(opened.model) as net:
        denoise = denoiser_for(opened.model, net)
        return {"denoised": denoise(x, torch.tensor(inputs["sigma"], dtype=torch.float32), Call({"context": context}))}


def _encoded_text(inputs: dict[str, Any], workshop: Workshop, opened: _Opened, weights: Weights) -> dict[str, Tensor]:
    layer = inputs.get("clip_last_layer")
    clip = opened.clip.with_last_layer(layer) if isinstance(layer, int) else opened.clip
    chunks = {
        name: [list(zip(*chunk, strict=True)) for chunk in zip(tokens, inputs["weights"][name], strict=True)]
        for name, tokens in inputs["tokens"].items()
    }
    states, pooled = encode_text(clip, chunks, weights)
    return {"cond": states, "pooled": pooled}


def _vector(inputs: dict[str, Any], workshop: Workshop, opened: _Opened, weights: Weights) -> dict[str, Tensor]:
    more = {**inputs, "pooled_output": workshop.tensor(inputs["pooled"])}
    nothing = torch.zeros(1, 4, 8, 8)
    facts = RunFacts((1, 4, 8, 8), nothing, nothing)
    return {"y": opened.model.family.read_entry(torch.zeros(1, 77, 8), more, facts)["vector"]}


def _encoded_image(inputs: dict[str, Any], workshop: Workshop, opened: _Opened, weights: Weights) -> dict[str, Tensor]:
    return {"latent": encode_image(opened.vae, workshop.tensor(inputs["image"]), weights)}


def _decoded(inputs: dict[str, Any], workshop: Workshop, opened: _Opened, weights: Weights) -> dict[str, Tensor]:
    latent = workshop.tensor(inputs["latent"])
    with weights.hold(opened.vae) as net:
        raw = net.decode(latent).float()
    return {"raw": raw, "image": decode_latent(opened.vae, latent, weights)}


# What a case asks for, told by an input that only this form has; a decoding case names its image too, so it comes
# first.
_FORMS = {
    "timesteps": _raw,
    "sigma": _denoised,
    "tokens": _encoded_text,
    "pooled": _vector,
    "latent": _decoded,
    "image": _encoded_image,
}
