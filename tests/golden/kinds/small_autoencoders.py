"""d_taesd sets: small autoencoders, used as any VAE is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from model_management.handles import Vae
from model_management.image_coding import decode_latent, encode_image
from model_management.small_vae import LATENTS, open_small_vae
from model_management.weights import Weights
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    vae, weights = _opened(workshop)
    outputs: dict[str, Tensor]
    if "latent" in inputs:
        latent = workshop.tensor(inputs["latent"])
        with weights.hold(vae) as net:
            outputs = {"raw": net.decode(latent), "image": decode_latent(vae, latent, weights)}
    elif "image" in inputs:
        outputs = {"latent": encode_image(vae, workshop.tensor(inputs["image"]), weights)}
    else:
        raise NotCovered("cases of this form")
    network = tolerance(workshop.golden, "network outputs", "<=", 2e-4)
    picture = tolerance(workshop.golden, "decoded images (0..1)", "atol", 2e-4)
    for name in case.tensors:
        atol = case.values.get("atol", picture if name == "image" else network)
        yield from tensor_checks(
            case, workshop.golden, name, outputs[name], rtol=0, atol=atol, relative_to_max=name != "image"
        )


SMALL_AUTOENCODERS = Kind(names=("d_tae*",), check=check)


def _opened(workshop: Workshop) -> tuple[Vae, Weights]:
    """The two files of the set under the names that they have among a person's."""
    if "vae" not in workshop.kept:
        folder = workshop.folder("models/vae_approx")
        name = ""
        for recipe in workshop.golden.about["checkpoints"]:
            half = Path(shlex.split(recipe["command"])[1]).stem
            name = half.rpartition("_")[0]
            link = folder / f"{half}.safetensors"
            link.unlink(missing_ok=True)
            link.hardlink_to(workshop.made(recipe))
        if name not in LATENTS:
            raise NotCovered(f"the small autoencoder {name}")
        folders = Folders.from_settings(Settings(base_directory=folder.parent.parent))
        workshop.kept["vae"] = open_small_vae(name, folders), Weights(torch.device("cpu"))
    return workshop.kept["vae"]
