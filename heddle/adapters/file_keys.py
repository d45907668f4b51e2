"""The keys of an adapter file: which layer each speaks of, and what it says of it.

Trainers agree on what is stored and differ in words: each way of writing is brought to one word here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from heddle.graph.errors import WeightsError
from heddle.graph.said import say

#: Endings of keys in use, the one word for each. An ending is looked for in this order.
_ENDINGS: tuple[tuple[str, str], ...] = (
    # kohya's sd-scripts; diffusers' two older ways; transformers; PEFT, with an adapter's name in the middle or without
    (r"\.lora_up\.weight", "up"),
    (r"\.lora_down\.weight", "down"),
    (r"\.lora_mid\.weight", "mid"),
    (r"(?:_lora|\.lora|\.lora_linear_layer)\.up\.weight", "up"),
    (r"(?:_lora|\.lora|\.lora_linear_layer)\.down\.weight", "down"),
    (r"\.lora_B(?:\.\w+)?\.bias", "diff_b"),
    (r"\.lora_B(?:(?:\.\w+)?\.weight)?", "up"),
    (r"\.lora_A(?:(?:\.\w+)?\.weight)?", "down"),
    (r"\.lora_magnitude_vector(?:(?:\.\w+)?\.weight)?", "magnitude"),
    (r"\.(?:alpha|dora_scale|rescale|diff|diff_b|w_norm|b_norm|set_weight|reshape_weight)", ""),
    # LyCORIS
    (r"\.(?:hada_w[12]_[ab]|hada_t[12]|lokr_w[12]|lokr_w[12]_[ab]|lokr_t2|oft_blocks)", ""),
    (r"\.[ab][12]\.weight", ""),
    # Black Forest Labs' adapters for FLUX.1, which have norms of queries and keys whole, by the network's own names
    (r"(?<=_norm\.scale)", "set_weight"),
)
_WORDS = {"dora_scale": "magnitude"}
_ANY_ENDING = "|".join(f"(?P<e{number}>{ending})" for number, (ending, _word) in enumerate(_ENDINGS))
_PATTERN = re.compile(f"(?P<layer>.+?)(?:{_ANY_ENDING})")


@dataclass
class AdapterKeys:
    """What the keys of a file mean.

    layers: name of a layer, as the file writes it -> word -> key.
    strange: keys that end in no way known here, in the file's order.
    """

    layers: dict[str, dict[str, str]] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)


def sort_keys(keys: Iterable[str]) -> AdapterKeys:
    """Sort the keys of an adapter file by layer and word.

    Raises: WeightsError, if two keys say the same of one layer.
    """
    sorted_keys = AdapterKeys()
    for key in keys:
        match = _PATTERN.fullmatch(key)
        if match is None:
            sorted_keys.strange.append(key)
            continue
        number = next(i for i in range(len(_ENDINGS)) if match[f"e{i}"] is not None)
        ending = match[f"e{number}"].removeprefix(".").removesuffix(".weight")
        word = _ENDINGS[number][1] or _WORDS.get(ending, ending)
        words = sorted_keys.layers.setdefault(match["layer"], {})
        if word in words:
            raise WeightsError(
                say(
                    "{other} and {key} say the same of one layer, in two ways of writing; the file was "
                    "put together of two: use one of them",
                    other=words[word],
                    key=key,
                ),
                key=key,
            )
        words[word] = key
    return sorted_keys
