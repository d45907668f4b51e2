"""Sizes of the diffusion transformers, read from names and shapes in a file's header, as in `net_sizes.py`."""

from __future__ import annotations

import math

from heddle.networks.flux import SIDE, FluxConfig
from heddle.networks.mmdit import MmditConfig
from model_management.header import Header
from model_management.net_sizes import count_numbered


def flux_config(header: Header, prefix: str) -> FluxConfig:
    """The FLUX.1 transformer below `prefix`."""
    width, patch_in = header.shape(f"{prefix}img_in.weight")
    block = f"{prefix}double_blocks.0."
    return FluxConfig(
        width=width,
        head_width=header.shape(f"{block}img_attn.norm.query_norm.scale")[0],
        mlp_width=header.shape(f"{block}img_mlp.0.weight")[0],
        double_blocks=count_numbered(header, f"{prefix}double_blocks."),
        single_blocks=count_numbered(header, f"{prefix}single_blocks."),
        context_width=header.shape(f"{prefix}txt_in.weight")[1],
        vector_width=header.shape(f"{prefix}vector_in.in_layer.weight")[1],
        in_channels=patch_in // SIDE**2,
        out_channels=header.shape(f"{prefix}final_layer.linear.weight")[0] // SIDE**2,
        has_guidance=f"{prefix}guidance_in.in_layer.weight" in header,
    )


def mmdit_config(header: Header, prefix: str) -> MmditConfig:
    """The Stable Diffusion 3 transformer below `prefix`."""
    width, in_channels, side, _side = header.shape(f"{prefix}x_embedder.proj.weight")
    first = f"{prefix}joint_blocks.0.x_block."
    blocks = range(count_numbered(header, f"{prefix}joint_blocks."))
    return MmditConfig(
        width=width,
        mlp_width=header.shape(f"{first}mlp.fc1.weight")[0],
        second_attention=tuple(f"{prefix}joint_blocks.{block}.x_block.attn2.qkv.weight" in header for block in blocks),
        context_width=header.shape(f"{prefix}context_embedder.weight")[1],
        vector_width=header.shape(f"{prefix}y_embedder.mlp.0.weight")[1],
        places=math.isqrt(header.shape(f"{prefix}pos_embed")[1]),
        in_channels=in_channels,
        out_channels=header.shape(f"{prefix}final_layer.linear.weight")[0] // side**2,
        side=side,
        has_qk_norm=f"{first}attn.ln_q.weight" in header,
    )
