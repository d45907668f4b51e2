"""Sizes of the nets, read from names and shapes in a file's header, so that any width and depth of a layout loads."""

from __future__ import annotations

import re
from itertools import count

from heddle.networks.clip_text import ClipTextConfig
from heddle.networks.t5 import T5Config
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
            depths.append(count_numbered(header, f"{stage}1.transformer_blocks."))
            starts_level = False
        blocks[-1] += 1

    middle = f"{prefix}middle_block.1."
    return UNetConfig(
        widths=tuple(widths),
        blocks=tuple(blocks),
        depths=tuple(depths),
        middle_depth=count_numbered(header, f"{middle}transformer_blocks."),
        context_width=header.shape(f"{middle}transformer_blocks.0.attn2.to_k.weight")[1],
        in_channels=header.shape(f"{prefix}input_blocks.0.0.weight")[1],
        out_channels=header.shape(f"{prefix}out.2.weight")[0],
        time_width=header.shape(f"{prefix}time_embed.0.weight")[0],
        linear_projections=len(header.shape(f"{middle}proj_in.weight")) == 2,
    )


def vae_config(header: Header, prefix: str) -> VaeConfig:
    """The autoencoder below `prefix`."""
    levels = count_numbered(header, f"{prefix}encoder.down.")
    return VaeConfig(
        widths=tuple(header.shape(f"{prefix}encoder.down.{level}.block.0.conv1.weight")[0] for level in range(levels)),
        blocks=count_numbered(header, f"{prefix}encoder.down.0.block."),
        latent_channels=header.shape(f"{prefix}decoder.conv_in.weight")[1],
        image_channels=header.shape(f"{prefix}decoder.conv_out.weight")[0],
        has_quant=any(f"{prefix}{name}.weight" in header for name in ("quant_conv", "post_quant_conv")),
    )


def clip_text_config(header: Header, prefix: str) -> ClipTextConfig:
    """The text encoder below `prefix`."""
    vocabulary, width = header.shape(f"{prefix}text_model.embeddings.token_embedding.weight")
    return ClipTextConfig(
        width=width,
        layers=count_numbered(header, f"{prefix}text_model.encoder.layers."),
        mlp_width=header.shape(f"{prefix}text_model.encoder.layers.0.mlp.fc1.weight")[0],
        vocabulary=vocabulary,
        positions=header.shape(f"{prefix}text_model.embeddings.position_embedding.weight")[0],
    )


def t5_config(header: Header, prefix: str) -> T5Config:
    """The T5 encoder below `prefix`."""
    vocabulary, width = header.shape(f"{prefix}shared.weight")
    blocks = f"{prefix}encoder.block."
    attention, mlp = f"{blocks}0.layer.0.SelfAttention.", f"{blocks}0.layer.1.DenseReluDense."
    buckets, heads = header.shape(f"{attention}relative_attention_bias.weight")
    return T5Config(
        width=width,
        layers=count_numbered(header, blocks),
        heads=heads,
        inner_width=header.shape(f"{attention}q.weight")[0],
        mlp_width=header.shape(f"{mlp}wo.weight")[1],
        vocabulary=vocabulary,
        buckets=buckets,
        has_gate=f"{mlp}wi_0.weight" in header,
        bias_in_each_layer=f"{blocks}1.layer.0.SelfAttention.relative_attention_bias.weight" in header,
    )


def count_numbered(header: Header, prefix: str) -> int:
    """How many numbers, from 0 on without a gap, stand behind the prefix in names."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    found = {int(match[1]) for match in map(pattern.match, header.tensors) if match}
    return next(number for number in count() if number not in found)
