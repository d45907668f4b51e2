"""UNets as diffusers writes them: its names, and which of ours they stand for.

Source: the names in published files of both layouts.
"""

from __future__ import annotations

import re

from model_management.header import Header

_MODULES = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "class_embedding.linear_1": "label_emb.0.0",
    "class_embedding.linear_2": "label_emb.0.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "class_embedding": "label_emb",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
_RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_PART = re.compile(
    r"(?P<level>(?:down|up)_blocks\.\d+)\.(?P<kind>resnets|attentions|downsamplers|upsamplers)"
    r"\.(?P<number>\d+)\.(?P<rest>.*)"
)
_MIDDLE = re.compile(r"(?P<module>mid_block\.(?:resnets|attentions)\.\d+)\.(?P<rest>.*)")


def is_diffusers_unet(header: Header) -> bool:
    return "conv_in.weight" in header and "time_embedding.linear_1.weight" in header


def names_in_diffusers(header: Header) -> dict[str, str]:
    """Our name of each of the UNet's tensors, and what the file calls it. Other tensors are left out."""
    stages = _stages(header)
    with_attention = {
        f"{found['level']}.{found['number']}" for found in _parts(header) if found["kind"] == "attentions"
    }
    names: dict[str, str] = {}
    for key in header.tensors:
        ours = _our_name(key, stages, with_attention)
        if ours is not None:
            names[ours] = key
    return names


def _parts(header: Header) -> list[re.Match[str]]:
    return [found for found in map(_PART.fullmatch, header.tensors) if found]


def _stages(header: Header) -> dict[str, str]:
    """For each residual block and each step between levels, `down_blocks.0.1` or `down_blocks.0.step`, our stage.

    Ours are counted through all levels, on the way down with the steps between.
    """
    blocks: dict[str, int] = {}
    steps: set[str] = set()
    for found in _parts(header):
        level, number = found["level"], int(found["number"])
        if found["kind"] == "resnets":
            blocks[level] = max(blocks.get(level, 0), number + 1)
        elif found["kind"] == "downsamplers":
            steps.add(level)
    stages: dict[str, str] = {}
    for way, ours, count in (("down", "input_blocks", 1), ("up", "output_blocks", 0)):
        levels = (level for level in blocks if level.startswith(way))
        for level in sorted(levels, key=lambda level: int(level.rpartition(".")[2])):
            for number in range(blocks[level]):
                stages[f"{level}.{number}"] = f"{ours}.{count}"
                count += 1
            if level in steps:
                stages[f"{level}.step"] = f"{ours}.{count}"
                count += 1
            elif way == "up":
                stages[f"{level}.step"] = f"{ours}.{count - 1}"  # stands behind the level's last block
    return stages


def _our_name(key: str, stages: dict[str, str], with_attention: set[str]) -> str | None:
    if middle := _MIDDLE.fullmatch(key):
        rest = _in_residual(middle["rest"]) if "resnets" in middle["module"] else middle["rest"]
        return f"{_MODULES[middle['module']]}.{rest}" if middle["module"] in _MODULES else None
    if part := _PART.fullmatch(key):
        return _part_name(part, stages, with_attention)
    module, _, kind = key.rpartition(".")
    return f"{_MODULES[module]}.{kind}" if module in _MODULES else None


def _part_name(part: re.Match[str], stages: dict[str, str], with_attention: set[str]) -> str | None:
    level, kind, number, rest = part["level"], part["kind"], part["number"], part["rest"]
    block = f"{level}.step" if kind in ("downsamplers", "upsamplers") else f"{level}.{number}"
    if block not in stages:
        return None
    stage = stages[block]
    match kind:
        case "resnets":
            return f"{stage}.0.{_in_residual(rest)}"
        case "attentions":
            return f"{stage}.1.{rest}"
        case "downsamplers":
            return f"{stage}.0.op.{rest.removeprefix('conv.')}"
        case _:
            # Behind the block that has the same stage, and behind its attention, if it has that.
            before = next(each for each, own in stages.items() if own == stage)
            return f"{stage}.{2 if before in with_attention else 1}.{rest}"


def _in_residual(rest: str) -> str:
    module, _, kind = rest.partition(".")
    return f"{_RESIDUAL.get(module, module)}.{kind}"
