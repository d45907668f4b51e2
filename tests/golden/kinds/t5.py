"""d_t5_*, d_umt5_*: T5 encoders of few layers with synthetic weights."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from heddle.networks.t5 import T5
from model_management.checkpoint import stored_net
from model_management.family import NetPart
from model_management.header import read_header
from model_management.transformer_sizes import t5_config
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    if set(case.tensors) != {"output"}:
        raise NotCovered(f"outputs {sorted(case.tensors)}")
    if "net" not in workshop.kept:
        stored = stored_net("text", read_header(workshop.checkpoint), NetPart("", t5_config, T5))
        workshop.kept["net"] = stored.load(torch.device("cpu"), torch.float32)
    tokens = torch.tensor(case.inputs["ids"])
    output = workshop.kept["net"](tokens, allowed=allowed_tokens(case.inputs["attention_mask"], tokens)).states
    atol = case.values.get("atol", tolerance(workshop.golden, "network outputs", "<=", 2e-4))
    yield from tensor_checks(case, workshop.golden, "output", output, rtol=0, atol=atol, relative_to_max=True)


def allowed_tokens(words: str, tokens: Tensor) -> Tensor | None:
    """`none`, or `1 for the first N, 0 for the rest`, and perhaps a remark."""
    if words == "none":
        return None
    first = re.fullmatch(r"1 for the first (\d+), 0 for the rest(;.*)?", words)
    if first is None:
        raise NotCovered(f"the attention mask {words!r}")
    return (torch.arange(tokens.shape[1]) < int(first[1])).expand(tokens.shape)


T5_ENCODERS = Kind(names=("d_t5_*", "d_umt5_*"), check=check)
