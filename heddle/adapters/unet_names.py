"""The layers of a UNet under diffusers' names, which many trainers use whatever file they trained on.

diffusers counts residual blocks and attentions within a level, single files count stages through all levels. Both are
walked side by side, so any depth and width is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_TOP = {
    "time_embed.0": ("time_embedding.linear_1",),
    "time_embed.2": ("time_embedding.linear_2",),
    "label_emb.0.0": ("class_embedding.linear_1", "add_embedding.linear_1"),
    "label_emb.0.2": ("class_embedding.linear_2", "add_embedding.linear_2"),
    "input_blocks.0.0": ("conv_in",),
    "out.0": ("conv_norm_out",),
    "out.2": ("conv_out",),
}
_RESIDUAL = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}


def diffusers_names(layers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a layer's name in diffusers and its own.

    Args:
        layers: names below `model.diffusion_model.`, without `.weight`.
    """
    layers = list(layers)
    for layer in layers:
        for name in _TOP.get(layer, ()):
            yield name, layer
    places = dict(_places(layers))
    for layer in layers:
        slot, part = _split(layer)
        if slot in places:
            place, parts = places[slot]
            yield from ((f"{place}{name}", layer) for name in _part_names(parts.get(part, part)))


def _split(layer: str) -> tuple[str, str]:
    """The place in the list of stages, and what stands in it."""
    match = re.match(r"((?:input_blocks|output_blocks)\.\d+\.\d+|middle_block\.\d+)\.(.+)", layer)
    return (match[1], match[2]) if match else ("", layer)


def _part_names(part: str) -> Iterator[str]:
    yield part
    # As attention processors were saved, which held the layers once, the last without its place in a list.
    if re.search(r"\.attn\d\.to_", part):
        yield part.replace(".to_", ".processor.to_").removesuffix(".0")


def _places(layers: list[str]) -> Iterator[tuple[str, tuple[str, dict[str, str]]]]:
    """Each slot of a stage with its name in diffusers and the names of its parts there that differ."""
    slots: dict[str, set[str]] = {}
    for layer in layers:
        slot, part = _split(layer)
        if slot:
            slots.setdefault(slot, set()).add(part)
    level, residual, attention = 0, 0, 0
    last_side = ""
    for slot in sorted(slots, key=lambda slot: [int(word) if word.isdigit() else word for word in slot.split(".")]):
        side = slot.split("_")[0]
        if side != last_side:
            level, residual, attention, last_side = 0, 0, 0, side
        block = {"input": f"down_blocks.{level}", "output": f"up_blocks.{level}", "middle": "mid_block"}[side]
        parts = slots[slot]
        if "in_layers.0" in parts:
            yield slot, (f"{block}.resnets.{residual}.", _RESIDUAL)
            residual += 1
        elif "op" in parts or "conv" in parts:
            name = f"{block}.{'downsamplers' if 'op' in parts else 'upsamplers'}.0."
            yield slot, (name, {"op": "conv"})
            level, residual, attention = level + 1, 0, 0
        elif "proj_in" in parts:
            yield slot, (f"{block}.attentions.{attention}.", {})
            attention += 1
