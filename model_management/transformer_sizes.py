"""Sizes of diffusion transformers and their text encoders, read from a header as in `net_sizes.py`."""

from __future__ import annotations

import math

from heddle.networks.auraflow import SIDE as AURAFLOW_SIDE
from heddle.networks.auraflow import AuraFlowConfig
from heddle.networks.causal_text import CausalTextConfig, NearLayers
from heddle.networks.chroma import ChromaConfig
from heddle.networks.flux import SIDE, FluxConfig
from heddle.networks.lumina import SIDE as LUMINA_SIDE
from heddle.networks.lumina import LuminaConfig
from heddle.networks.mmdit import MmditConfig
from heddle.networks.t5 import T5Config
from model_management.header import Header

#: What no tensor of Gemma 2 tells: a head's width, its near layers and the cap of its scores. Source: Gemma Team 2024,
#: arXiv:2408.00118, table 1 and section 2.
GEMMA_2_HEAD = 256
GEMMA_2_NEAR = NearLayers(every=2, window=4096)
GEMMA_2_SCORE_CAP = 30.0


def flux_config(header: Header, prefix: str) -> FluxConfig:
    """The FLUX.1 transformer below `prefix`."""
    width, patch_in = header.shape(f"{prefix}img_in.weight")
    block, out = f"{prefix}double_blocks.0.", f"{prefix}final_layer.linear.weight"
    return FluxConfig(
        width=width,
        head_width=header.shape(f"{block}img_attn.norm.query_norm.scale")[0],
        mlp_width=header.shape(f"{block}img_mlp.0.weight")[0],
        double_blocks=header.numbered(f"{prefix}double_blocks."),
        single_blocks=header.numbered(f"{prefix}single_blocks."),
        context_width=header.shape(f"{prefix}txt_in.weight")[1],
        vector_width=header.shape(f"{prefix}vector_in.in_layer.weight")[1],
        in_channels=patch_in // SIDE**2,
        out_channels=(header.shape(out)[0] if out in header else patch_in) // SIDE**2,  # a control net has none
        has_guidance=f"{prefix}guidance_in.in_layer.weight" in header,
    )


def chroma_config(header: Header, prefix: str) -> ChromaConfig:
    """The Chroma transformer below `prefix`."""
    width, patch_in = header.shape(f"{prefix}img_in.weight")
    block, asking = f"{prefix}double_blocks.0.", f"{prefix}distilled_guidance_layer."
    return ChromaConfig(
        width=width,
        head_width=header.shape(f"{block}img_attn.norm.query_norm.scale")[0],
        mlp_width=header.shape(f"{block}img_mlp.0.weight")[0],
        double_blocks=header.numbered(f"{prefix}double_blocks."),
        single_blocks=header.numbered(f"{prefix}single_blocks."),
        context_width=header.shape(f"{prefix}txt_in.weight")[1],
        in_channels=patch_in // SIDE**2,
        out_channels=header.shape(f"{prefix}final_layer.linear.weight")[0] // SIDE**2,
        asking_width=header.shape(f"{asking}in_proj.weight")[0],
        asking_layers=header.numbered(f"{asking}layers."),
    )


def auraflow_config(header: Header, prefix: str) -> AuraFlowConfig:
    """The AuraFlow transformer below `prefix`."""
    width, patch_in = header.shape(f"{prefix}init_x_linear.weight")
    return AuraFlowConfig(
        width=width,
        mlp_width=header.shape(f"{prefix}double_layers.0.mlpX.c_fc1.weight")[0],
        double_blocks=header.numbered(f"{prefix}double_layers."),
        single_blocks=header.numbered(f"{prefix}single_layers."),
        context_width=header.shape(f"{prefix}cond_seq_linear.weight")[1],
        places=math.isqrt(header.shape(f"{prefix}positional_encoding")[1]),
        registers=header.shape(f"{prefix}register_tokens")[1],
        in_channels=patch_in // AURAFLOW_SIDE**2,
        out_channels=header.shape(f"{prefix}final_linear.weight")[0] // AURAFLOW_SIDE**2,
    )


def lumina_config(header: Header, prefix: str) -> LuminaConfig:
    """The Lumina Image 2 transformer below `prefix`."""
    width, patch_in = header.shape(f"{prefix}x_embedder.weight")
    first = f"{prefix}layers.0."
    head_width = header.shape(f"{first}attention.q_norm.weight")[0]
    heads = header.shape(f"{first}attention.out.weight")[1] // head_width
    return LuminaConfig(
        width=width,
        head_width=head_width,
        heads=heads,
        kv_heads=(header.shape(f"{first}attention.qkv.weight")[0] // head_width - heads) // 2,
        mlp_width=header.shape(f"{first}feed_forward.w1.weight")[0],
        refiners=header.numbered(f"{prefix}noise_refiner."),
        layers=header.numbered(f"{prefix}layers."),
        context_width=header.shape(f"{prefix}cap_embedder.1.weight")[1],
        time_width=header.shape(f"{prefix}t_embedder.mlp.0.weight")[0],
        in_channels=patch_in // LUMINA_SIDE**2,
        out_channels=header.shape(f"{prefix}final_layer.linear.weight")[0] // LUMINA_SIDE**2,
    )


def mmdit_config(header: Header, prefix: str) -> MmditConfig:
    """The Stable Diffusion 3 transformer below `prefix`."""
    width, in_channels, side, _side = header.shape(f"{prefix}x_embedder.proj.weight")
    first, out = f"{prefix}joint_blocks.0.x_block.", f"{prefix}final_layer.linear.weight"
    blocks = range(header.numbered(f"{prefix}joint_blocks."))
    return MmditConfig(
        width=width,
        mlp_width=header.shape(f"{first}mlp.fc1.weight")[0],
        second_attention=tuple(f"{prefix}joint_blocks.{block}.x_block.attn2.qkv.weight" in header for block in blocks),
        context_width=header.shape(f"{prefix}context_embedder.weight")[1],
        vector_width=header.shape(f"{prefix}y_embedder.mlp.0.weight")[1],
        places=math.isqrt(header.shape(f"{prefix}pos_embed")[1]),
        in_channels=in_channels,
        out_channels=header.shape(out)[0] // side**2 if out in header else in_channels,  # a control net has none
        side=side,
        has_qk_norm=f"{first}attn.ln_q.weight" in header,
    )


def t5_config(header: Header, prefix: str) -> T5Config:
    """The T5 encoder below `prefix`."""
    vocabulary, width = header.shape(f"{prefix}shared.weight")
    blocks = f"{prefix}encoder.block."
    attention, mlp = f"{blocks}0.layer.0.SelfAttention.", f"{blocks}0.layer.1.DenseReluDense."
    buckets, heads = header.shape(f"{attention}relative_attention_bias.weight")
    return T5Config(
        width=width,
        layers=header.numbered(blocks),
        heads=heads,
        inner_width=header.shape(f"{attention}q.weight")[0],
        mlp_width=header.shape(f"{mlp}wo.weight")[1],
        vocabulary=vocabulary,
        buckets=buckets,
        has_gate=f"{mlp}wi_0.weight" in header,
        bias_in_each_layer=f"{blocks}1.layer.0.SelfAttention.relative_attention_bias.weight" in header,
    )


def gemma2_config(header: Header, prefix: str) -> CausalTextConfig:
    """The Gemma 2 language model below `prefix`."""
    vocabulary, width = header.shape(f"{prefix}model.embed_tokens.weight")
    first = f"{prefix}model.layers.0."
    return CausalTextConfig(
        width=width,
        layers=header.numbered(f"{prefix}model.layers."),
        heads=header.shape(f"{first}self_attn.q_proj.weight")[0] // GEMMA_2_HEAD,
        kv_heads=header.shape(f"{first}self_attn.k_proj.weight")[0] // GEMMA_2_HEAD,
        head_width=GEMMA_2_HEAD,
        mlp_width=header.shape(f"{first}mlp.gate_proj.weight")[0],
        vocabulary=vocabulary,
        activation="gelu",
        is_gemma=True,
        near=GEMMA_2_NEAR,
        score_cap=GEMMA_2_SCORE_CAP,
    )
