"""d_gemma2_*, d_llama_* ...: language models of few layers with synthetic weights, as text encoders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from heddle.networks.causal_text import CausalText, CausalTextConfig, NearLayers
from model_management.checkpoint import stored_net
from model_management.family import NetPart
from model_management.header import Header, read_header
from tests.golden.checks import Check, NotCovered, tensor_checks, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.kinds.t5 import allowed_tokens
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

#: The sets' names of what can be asked for: the layer, and whether its output is normed.
ASKED = {"last": (-1, True), "second_last": (-2, False), "second_last_normed": (-2, True)}
#: Gemma 3 says its layers and places in words: these are what they mean.
GEMMA_3 = {
    "rope_theta": "10000 local / 1000000 global",
    "rope_scale": "1 local / 8 global",
    "sliding": "layers 0-4 local, 5 global (window 1024), repeating",
}


def config_of(told: Mapping[str, Any], header: Header) -> CausalTextConfig:
    """The net's sizes in the words of a set."""
    is_near = "sliding" in told
    if is_near and {name: told[name] for name in GEMMA_3} != GEMMA_3:
        raise NotCovered(f"layers {told['sliding']}, places {told['rope_theta']}, {told['rope_scale']}")
    return CausalTextConfig(
        width=told["hidden_size"],
        layers=told["num_hidden_layers"],
        heads=told["num_attention_heads"],
        kv_heads=told["num_key_value_heads"],
        head_width=told["head_dim"],
        mlp_width=told["intermediate_size"],
        vocabulary=told["vocab_size"],
        activation="gelu" if told["activation"] == "gelu tanh" else told["activation"],
        norm_eps=told["rms_norm_eps"],
        theta=1e6 if is_near else told["rope_theta"],
        places_per_token=1 / 8 if is_near else 1.0,
        has_qkv_bias=told.get("qkv_bias", False),
        has_qk_norm="model.layers.0.self_attn.q_norm.weight" in header,
        is_gemma="norms" in told,
        near=NearLayers(every=6, window=1024) if is_near else None,
    )


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    if unknown := case.tensors.keys() - ASKED.keys():
        raise NotCovered(f"outputs {sorted(unknown)}")
    if "net" not in workshop.kept:
        header = read_header(workshop.checkpoint)
        config = config_of(workshop.golden.about["config"], header)
        stored = stored_net("text", header, NetPart("", lambda *_: config, CausalText))
        workshop.kept["net"] = stored.load(torch.device("cpu"), torch.float32)
    tokens = torch.tensor(case.inputs["ids"])
    allowed = allowed_tokens(case.inputs["attention_mask"], tokens)
    atol = case.values.get("atol", tolerance(workshop.golden, "network outputs", "<=", 2e-4))
    for name in case.tensors:
        layer, with_norm = ASKED[name]
        states = workshop.kept["net"](tokens, layer=layer, with_norm=with_norm, allowed=allowed).states
        if allowed is not None:  # only the rows of the text are stored
            states = states[:, : int(allowed[0].sum())]
        yield from tensor_checks(case, workshop.golden, name, states, rtol=0, atol=atol, relative_to_max=True)


CAUSAL_TEXT = Kind(names=("d_gemma2_*", "d_gemma3_*", "d_llama_*", "d_qwen25_*"), check=check)
