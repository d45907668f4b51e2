"""The header of a GGUF file: its tensors, by the names that other files have for them.

Files of diffusion networks keep the published names, without a prefix. Where a tensor's rows do not fill whole blocks,
they store it in another shape and say its own (`comfy.gguf.orig_shape.NAME`). Files of T5 have llama.cpp's names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.numerics.number_blocks import BLOCK_KINDS
from heddle.prompts.gguf_file import GgufTensor, read_gguf
from model_management.stored_tensors import BITS, Header, Stamp, TensorEntry, refuse

#: Kinds by ggml's numbers (enum ggml_type).
_KINDS = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
_OWN_SHAPE = "comfy.gguf.orig_shape."

_T5_BLOCK = re.compile(r"enc\.blk\.(?P<number>\d+)\.(?P<part>\w+)\.weight")
_T5_PARTS = {
    "attn_q": "layer.0.SelfAttention.q",
    "attn_k": "layer.0.SelfAttention.k",
    "attn_v": "layer.0.SelfAttention.v",
    "attn_o": "layer.0.SelfAttention.o",
    "attn_rel_b": "layer.0.SelfAttention.relative_attention_bias",
    "attn_norm": "layer.0.layer_norm",
    "ffn_gate": "layer.1.DenseReluDense.wi_0",
    "ffn_up": "layer.1.DenseReluDense.wi_1",
    "ffn_down": "layer.1.DenseReluDense.wo",
    "ffn_norm": "layer.1.layer_norm",
}
_T5_ELSEWHERE = {"token_embd.weight": "shared.weight", "enc.output_norm.weight": "encoder.final_layer_norm.weight"}
_OF_T5, _GATE_OF_T5 = "enc.blk.0.attn_q.weight", "enc.blk.0.ffn_gate.weight"


def read_gguf_header(stamp: Stamp) -> Header:
    """Names, shapes and places of a GGUF file's tensors; none of its weights.

    Raises: WeightsError, for a file that is damaged or cut short, or has numbers of a kind that is not read here.
    """
    try:
        content = read_gguf(stamp.path, lambda name: not name.startswith("tokenizer."))
    except FileProblem as problem:
        refuse(stamp, say("damaged, or no GGUF file: {why}", why=problem.__cause__))
    if not content.tensors:
        refuse(stamp, say("a GGUF file without a tensor"), next_step=say("choose another"))
    tensors: dict[str, TensorEntry] = {}
    for tensor in content.tensors:
        if tensor.name in tensors:
            refuse(stamp, say("damaged: its header names {name} twice", name=tensor.name), tensor.name)
        tensors[tensor.name] = _entry(stamp, tensor, content.entries)
    _check_places(stamp, tensors)
    if _OF_T5 in tensors:
        has_gate = _GATE_OF_T5 in tensors
        tensors = {_t5_name(name, has_gate): entry for name, entry in tensors.items()}
    metadata = {name: value for name, value in content.entries.items() if isinstance(value, str)}
    return Header(stamp, tensors, metadata, "gguf")


def _entry(stamp: Stamp, tensor: GgufTensor, entries: Mapping[str, Any]) -> TensorEntry:
    name, kind = tensor.name, _KINDS.get(tensor.kind, f"number {tensor.kind}")
    if kind in BLOCK_KINDS:
        count, size = BLOCK_KINDS[kind].count, BLOCK_KINDS[kind].size
    elif kind in BITS:
        count, size = 1, BITS[kind] // 8
    else:
        refuse(
            stamp,
            say("quantised as {kind} ({name}), which is not read here", kind=kind, name=name),
            name,
            say("choose another quantisation"),
        )
    numbers = math.prod(tensor.shape)
    if numbers % count or (tensor.shape and tensor.shape[-1] % count):
        refuse(
            stamp,
            say(
                "damaged: {name} has shape {shape}, which {kind} cannot have",
                name=name,
                shape=list(tensor.shape),
                kind=kind,
            ),
            name,
        )
    shape = entries.get(f"{_OWN_SHAPE}{name}", tensor.shape)
    if not isinstance(shape, tuple | list) or any(type(dim) is not int or dim < 0 for dim in shape):
        refuse(stamp, say("damaged: the shape that it says {name} has is none", name=name), name)
    if math.prod(shape) != numbers:
        refuse(
            stamp,
            say(
                "damaged: {name} has {numbers:,} numbers, which do not make {shape}",
                name=name,
                numbers=numbers,
                shape=list(shape),
            ),
            name,
        )
    return TensorEntry(kind, tuple(shape), tensor.begin, tensor.begin + numbers // count * size)


def _check_places(stamp: Stamp, tensors: Mapping[str, TensorEntry]) -> None:
    reached = 0
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin < reached:
            refuse(
                stamp,
                say(
                    "damaged: {name} begins at byte {begin:,} and overlaps the one before it",
                    name=name,
                    begin=entry.begin,
                ),
                name,
            )
        reached = entry.end
    if reached > stamp.size_bytes:
        refuse(
            stamp,
            say(
                "cut short: it has {size:,} bytes, but its tensors end at {reached:,}",
                size=stamp.size_bytes,
                reached=reached,
            ),
        )


def _t5_name(name: str, has_gate: bool) -> str:
    found = _T5_BLOCK.fullmatch(name)
    if found is None or found["part"] not in _T5_PARTS:
        return _T5_ELSEWHERE.get(name, name)
    part = "layer.1.DenseReluDense.wi" if found["part"] == "ffn_up" and not has_gate else _T5_PARTS[found["part"]]
    return f"encoder.block.{found['number']}.{part}.weight"
