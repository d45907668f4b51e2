"""Weights of 8 bits with a scale beside them, found by names; and quantised forms that are known but not read.

Two spellings of one form are published: `NAME.scale_weight` in files with a tensor `scaled_fp8`, and
`NAME.weight_scale` in files that say the form of each layer, in a tensor `NAME.comfy_quant` or in their metadata.
Source: the headers of published files, and the description of quantised checkpoints that ComfyUI publishes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from heddle.graph.said import say
from model_management.stored_tensors import NamedEntry, Stamp, TensorEntry, refuse

_SCALES = (".scale_weight", ".weight_scale")
_SAYS_FORM = ".comfy_quant"
_SAYS_FORMS = "_quantization_metadata"
_WEIGHT = ".weight"

#: Forms that are read, and the type of their numbers; files may call it one of bytes.
_FORMS = {"float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2"}
_BYTES = ("U8", "I8")

#: How names end in quantised files of other kinds, and what these are called.
_NOT_READ = {
    ".quant_state.bitsandbytes__nf4": "nf4 of bitsandbytes",
    ".quant_state.bitsandbytes__fp4": "fp4 of bitsandbytes",
    ".SCB": "int8 of bitsandbytes",
    ".weight_scale_2": "nvfp4",
    ".weight_scale_inv": "fp8 with a scale for each block",
    ".wscales": "int4 of SVDQuant",
    ".qweight": "int4 of GPTQ or AWQ",
}
_NEXT_STEP = say("choose the file in fp8, fp16, bf16 or GGUF")


def with_scales(
    stamp: Stamp,
    tensors: Mapping[str, TensorEntry],
    metadata: Mapping[str, str],
    read_bytes: Callable[[TensorEntry], bytes],
) -> dict[str, TensorEntry]:
    """The tensors, each weight that has a scale with it.

    Args:
        read_bytes: reads a small tensor.
    Raises: WeightsError, naming the form, if the file's weights are in one that is not read here.
    """
    for key in tensors:
        if key.endswith(tuple(_NOT_READ)):
            _refuse_form(stamp, next(form for ending, form in _NOT_READ.items() if key.endswith(ending)), key)
    forms = dict(_said_forms(stamp, tensors, metadata, read_bytes))
    scaled = dict(tensors)
    for layer, form in forms.items():
        if not isinstance(form, str) or form not in _FORMS:
            _refuse_form(stamp, str(form)[:100], layer)
        weight = tensors.get(f"{layer}{_WEIGHT}")
        if weight is not None and weight.dtype in _BYTES:
            scaled[f"{layer}{_WEIGHT}"] = replace(weight, dtype=_FORMS[form])
    for key, entry in tensors.items():
        name = f"{key.rpartition('.')[0]}{_WEIGHT}"
        if not key.endswith(_SCALES) or name not in scaled:
            continue
        weight = scaled[name]
        rows = weight.shape[:1]
        if entry.shape not in ((), (1,), (1, 1), rows, (*rows, 1)):
            _refuse_form(stamp, f"{weight.dtype} with scales of shape {list(entry.shape)}", key)
        scaled[name] = replace(weight, scale=NamedEntry(key, entry))
    return scaled


def _said_forms(
    stamp: Stamp,
    tensors: Mapping[str, TensorEntry],
    metadata: Mapping[str, str],
    read_bytes: Callable[[TensorEntry], bytes],
) -> Iterator[tuple[str, object]]:
    """Layers and the forms that the file says they have."""
    if _SAYS_FORMS in metadata:
        layers = _parsed(stamp, metadata[_SAYS_FORMS], _SAYS_FORMS).get("layers")
        if not isinstance(layers, dict):
            refuse(stamp, say("damaged: its {key} lists no layers", key=_SAYS_FORMS))
        for layer, said in layers.items():
            yield layer, said.get("format") if isinstance(said, dict) else said
    for key, entry in tensors.items():
        if key.endswith(_SAYS_FORM):
            yield key.removesuffix(_SAYS_FORM), _parsed(stamp, read_bytes(entry), key).get("format")


def _parsed(stamp: Stamp, text: str | bytes, key: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        refuse(stamp, say("damaged: {key}, which says how weights are quantised, is no JSON table", key=key), key)
    return content


def _refuse_form(stamp: Stamp, form: str, key: str) -> NoReturn:
    refuse(stamp, say("quantised as {form} ({key}), which is not read here", form=form, key=key), key, _NEXT_STEP)
