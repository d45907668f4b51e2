"""d_flux_*, d_sd3_* ...: diffusion transformers of few blocks with synthetic weights, each read from its own header."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from heddle.networks.flux import Flux
from heddle.networks.mmdit import Mmdit
from model_management.checkpoint import stored_net
from model_management.family import NetPart
from model_management.header import read_header
from model_management.signs import has
from model_management.transformer_sizes import flux_config, mmdit_config
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

#: Which net a file holds, told by a tensor that only it has.
NETS = (
    ("double_blocks.0.img_mod.lin.weight", NetPart("", flux_config, Flux)),
    ("joint_blocks.0.x_block.attn.qkv.weight", NetPart("", mmdit_config, Mmdit)),
)

#: The sets' words for what a net takes beside latent and time -> its keywords.
WORDS = {"context": "context", "y": "vector", "guidance": "guidance"}


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = dict(case.inputs)
    x = workshop.tensor(inputs.pop("x"))
    timesteps = torch.tensor([inputs.pop("timestep_given_to_the_network")]).expand(len(x))
    inputs.pop("sigma", None)
    unknown = inputs.keys() - WORDS.keys()
    if unknown or set(case.tensors) != {"output"}:
        raise NotCovered(f"inputs {sorted(unknown)}, outputs {sorted(case.tensors)}")
    shown = {WORDS[word]: workshop.tensor(given) for word, given in inputs.items()}
    shown = {word: tensor.expand(len(x)) if tensor.ndim == 0 else tensor for word, tensor in shown.items()}

    if "net" not in workshop.kept:
        header = read_header(workshop.checkpoint)
        part = next((part for name, part in NETS if has(name)(header)), None)
        if part is None:
            raise NotCovered("nets of this layout")
        workshop.kept["net"] = stored_net("network", header, part).load(torch.device("cpu"), torch.float32)
    output = workshop.kept["net"](x, timesteps, **shown)
    atol = case.values.get("atol", tolerance(workshop.golden, "network outputs", "<=", 2e-4))
    yield from tensor_checks(case, workshop.golden, "output", output, rtol=0, atol=atol, relative_to_max=True)


TRANSFORMERS = Kind(names=("d_flux_*", "d_sd3*"), but_not=("d_flux_ae",), check=check)
