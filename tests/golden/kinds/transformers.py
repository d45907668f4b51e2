"""d_flux_*, d_sd3_* ...: diffusion transformers of few blocks with synthetic weights, opened as files are."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from model_management.checkpoint import open_network
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

#: The sets' words for what a net takes beside latent and time -> its keywords.
WORDS = {"context": "context", "y": "vector", "guidance": "guidance"}


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = dict(case.inputs)
    x = workshop.tensor(inputs.pop("x"))
    timesteps = torch.tensor([inputs.pop("timestep_given_to_the_network")]).expand(len(x))
    inputs.pop("sigma", None)
    if (length := inputs.pop("num_tokens", None)) not in (None, workshop.tensor(inputs["context"]).shape[1]):
        raise NotCovered(f"a text of which {length} tokens are looked at")
    unknown = inputs.keys() - WORDS.keys()
    if unknown or set(case.tensors) != {"output"}:
        raise NotCovered(f"inputs {sorted(unknown)}, outputs {sorted(case.tensors)}")
    shown = {WORDS[word]: workshop.tensor(given) for word, given in inputs.items()}
    shown = {word: tensor.expand(len(x)) if tensor.ndim == 0 else tensor for word, tensor in shown.items()}

    if "model" not in workshop.kept:
        workshop.kept["model"] = open_network(workshop.checkpoint, FAMILIES)
        workshop.kept["weights"] = Weights(torch.device("cpu"))
    with workshop.kept["weights"].hold(workshop.kept["model"]) as net:
        output = net(x, timesteps, **shown)
    atol = case.values.get("atol", tolerance(workshop.golden, "network outputs", "<=", 2e-4))
    yield from tensor_checks(case, workshop.golden, "output", output, rtol=0, atol=atol, relative_to_max=True)


TRANSFORMERS = Kind(
    names=("d_flux_*", "d_sd3*", "d_chroma_*", "d_auraflow_*", "d_lumina2*"), but_not=("d_flux_ae",), check=check
)
