"""d_flux_ae: an image autoencoder alone with synthetic weights, opened as a file in the VAE folder is."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from model_management.checkpoint import open_vae
from model_management.image_coding import decode_latent, encode_image
from model_management.weights import Weights
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    if "vae" not in workshop.kept:
        workshop.kept["vae"] = open_vae(workshop.checkpoint)
        workshop.kept["weights"] = Weights(torch.device("cpu"))
    vae, weights = workshop.kept["vae"], workshop.kept["weights"]
    if "latent" in inputs:  # a decoding case says of its image how it is made
        latent = workshop.tensor(inputs["latent"])
        with weights.hold(vae) as net:
            raw = net.decode(latent).float()
        outputs = {"raw": raw, "image": decode_latent(vae, latent, weights)}
    else:
        outputs = {"latent": encode_image(vae, workshop.tensor(inputs["image"]), weights)}
    for name in case.tensors:
        if name not in outputs:
            raise NotCovered(f"output {name}")
        word, mark = ("decoded images (0..1)", "atol") if name == "image" else ("network outputs", "<=")
        atol = case.values.get("atol", tolerance(workshop.golden, word, mark, 2e-4))
        yield from tensor_checks(
            case, workshop.golden, name, outputs[name], rtol=0, atol=atol, relative_to_max=name != "image"
        )


AUTOENCODER = Kind(names=("d_flux_ae",), check=check)
