"""Sizes of the nets, read from names and shapes in a file's header, so that any width and depth of a layout loads."""

from __future__ import annotations

import re
from itertools import count, takewhile

from heddle.networks.clip_text import ClipTextConfig
from heddle.networks.control import ControlNetConfig
from heddle.networks.unet import UNetConfig
from heddle.networks.vae import VaeConfig
from model_management.header import Header


def unet_config(header: Header, prefix: str) -> UNetConfig:
    """The UNet below `prefix`: its input blocks are walked; a `op` among them ends a level.

    Raises: WeightsError, if a tensor is missing that a size is read from.
    """
    widths: list[int] = []
    blocks: list[int] = []
    depths: list[int] = []
    starts_level = True
    for index in count(1):
        stage = f"{prefix}input_blocks.{index}."
        if f"{stage}0.op.weight" in header:
            starts_level = True
            continue
        if f"{stage}0.in_layers.2.weight" not in header:
            break
        if starts_level:
            widths.append(header.shape(f"{stage}0.in_layers.2.weight")[0])
            blocks.append(0)
            depths.append(_count(header, f"{stage}1.transformer_blocks."))
            starts_level = False
        blocks[-1] += 1

    middle = f"{prefix}middle_block.1."
    return UNetConfig(
        widths=tuple(widths),
        blocks=tuple(blocks),
        depths=tuple(depths),
        middle_depth=_count(header, f"{middle}transformer_blocks."),
        context_width=header.shape(f"{middle}transformer_blocks.0.attn2.to_k.weight")[1],
        in_channels=header.shape(f"{prefix}input_blocks.0.0.weight")[1],
        out_channels=header.shape(f"{prefix}out.2.weight")[0] if f"{prefix}out.2.weight" in header else 4,
        time_width=header.shape(f"{prefix}time_embed.0.weight")[0],
        linear_projections=len(header.shape(f"{middle}proj_in.weight")) == 2,
    )


def control_config(header: Header, prefix: str) -> ControlNetConfig:
    """The control net below `prefix`: the UNet that it copies, and the layers that read the hint."""
    layers = (f"{prefix}input_hint_block.{number}.weight" for number in count(0, 2))
    *shapes, _last = [header.shape(name) for name in takewhile(header.__contains__, layers)]
    return ControlNetConfig(
        unet=unet_config(header, prefix),
        hint_channels=header.shape(f"{prefix}input_hint_block.0.weight")[1],
        hint_widths=tuple(shape[0] for shape in shapes),
    )


def vae_config(header: Header, prefix: str) -> VaeConfig:
    """The autoencoder below `prefix`."""
    levels = _count(header, f"{prefix}encoder.down.")
    return VaeConfig(
        widths=tuple(header.shape(f"{prefix}encoder.down.{level}.block.0.conv1.weight")[0] for level in range(levels)),
        blocks=_count(header, f"{prefix}encoder.down.0.block."),
        latent_channels=header.shape(f"{prefix}decoder.conv_in.weight")[1],
        image_channels=header.shape(f"{prefix}decoder.conv_out.weight")[0],
    )


def clip_text_config(header: Header, prefix: str) -> ClipTextConfig:
    """The text encoder below `prefix`."""
    vocabulary, width = header.shape(f"{prefix}text_model.embeddings.token_embedding.weight")
    return ClipTextConfig(
        width=width,
        layers=_count(header, f"{prefix}text_model.encoder.layers."),
        mlp_width=header.shape(f"{prefix}text_model.encoder.layers.0.mlp.fc1.weight")[0],
        vocabulary=vocabulary,
        positions=header.shape(f"{prefix}text_model.embeddings.position_embedding.weight")[0],
    )


def _count(header: Header, prefix: str) -> int:
    """How many numbers, from 0 on without a gap, stand behind the prefix in names."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    found = {int(match[1]) for match in map(pattern.match, header.tensors) if match}
    return next(number for number in count() if number not in found)
