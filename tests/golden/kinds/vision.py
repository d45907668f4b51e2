"""d_clip_vision sets: vision encoders, with what is done to an image before."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from model_management.vision import encode_for_vision, open_clip_vision, prepare
from model_management.weights import Weights
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    if not {"image", "crop"} <= inputs.keys():
        raise NotCovered("cases of this form")
    if "net" not in workshop.kept:
        workshop.kept["net"] = open_clip_vision(workshop.checkpoint)
        workshop.kept["weights"] = Weights(torch.device("cpu"))
    net, image, is_cropped = workshop.kept["net"], workshop.tensor(inputs["image"]), inputs["crop"] == "center"
    encoded = encode_for_vision(net, image, workshop.kept["weights"], is_cropped=is_cropped)
    outputs = {
        "preprocessed": prepare(image, net.config, is_cropped=is_cropped),
        "last_hidden_state": encoded.last_hidden_state,
        "penultimate": encoded.penultimate_hidden_states,
        "image_embeds": encoded.image_embeds,
    }
    atol = case.values.get("atol", tolerance(workshop.golden, "network outputs", "<=", 2e-4))
    for name in case.tensors:
        yield from tensor_checks(case, workshop.golden, name, outputs[name], rtol=0, atol=atol, relative_to_max=True)


VISION = Kind(names=("d_clip_vision*",), check=check)
