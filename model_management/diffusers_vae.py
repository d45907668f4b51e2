"""Picture autoencoders as diffusers writes them: its names, and which of ours they stand for.

Source: the names in published files of both layouts.
"""

from __future__ import annotations

import re

from model_management.header import Header
from model_management.places import Place

_SAME = re.compile(r"(?:(?:encoder|decoder)\.conv_(?:in|out)|quant_conv|post_quant_conv)\.(?:weight|bias)")
_OUT = re.compile(r"(?P<half>encoder|decoder)\.conv_norm_out\.(?P<kind>weight|bias)")
_MIDDLE = re.compile(r"(?P<half>encoder|decoder)\.mid_block\.(?P<module>resnets\.\d|attentions\.0)\.(?P<rest>.*)")
_LEVEL = re.compile(
    r"(?P<half>encoder\.down|decoder\.up)_blocks\.(?P<level>\d+)\."
    r"(?P<module>resnets\.\d+|downsamplers\.0|upsamplers\.0)\.(?P<rest>.*)"
)
_MIDDLE_MODULES = {"resnets.0": "block_1", "resnets.1": "block_2", "attentions.0": "attn_1"}
#: Of attention, in newer files and in older ones.
_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
    "query": "q",
    "key": "k",
    "value": "v",
    "proj_attn": "proj_out",
}


def is_diffusers_vae(header: Header) -> bool:
    return "encoder.down_blocks.0.resnets.0.conv1.weight" in header


def names_in_diffusers(header: Header) -> dict[str, str]:
    """Our name of each of the autoencoder's tensors, and what the file calls it. Other tensors are left out."""
    levels = [int(found["level"]) for found in map(_LEVEL.fullmatch, header.tensors) if found and "up" in found["half"]]
    deepest = max(levels, default=0)  # on the way up diffusers counts from the coarsest, we from the finest
    pairs = ((_our_name(key, deepest), key) for key in header.tensors)
    return {ours: key for ours, key in pairs if ours is not None}


def places_in_diffusers(header: Header) -> dict[str, Place]:
    """Where each of the autoencoder's tensors lies.

    Its attention is of convolutions of one pixel here, of linear layers in newer files.
    """
    return {
        ours: Place(key, is_flat=".mid.attn_1." in ours and len(header.shape(key)) == 2)
        for ours, key in names_in_diffusers(header).items()
    }


def _our_name(key: str, deepest: int) -> str | None:
    if _SAME.fullmatch(key):
        return key
    if out := _OUT.fullmatch(key):
        return f"{out['half']}.norm_out.{out['kind']}"
    if middle := _MIDDLE.fullmatch(key):
        module = _MIDDLE_MODULES.get(middle["module"])
        inner, _, kind = middle["rest"].rpartition(".")
        if module == "attn_1":
            inner = _ATTENTION.get(inner, "")
        return f"{middle['half']}.mid.{module}.{inner}.{kind}" if module and inner else None
    if level := _LEVEL.fullmatch(key):
        number = int(level["level"]) if level["half"] == "encoder.down" else deepest - int(level["level"])
        module, _, block = level["module"].partition(".")
        rest = level["rest"].replace("conv_shortcut.", "nin_shortcut.")
        inner = f"block.{block}" if module == "resnets" else module.removesuffix("rs")
        return f"{level['half']}.{number}.{inner}.{rest}"
    return None
