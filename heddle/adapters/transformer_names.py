"""The layers of diffusion transformers under the names that diffusers gives them.

diffusers splits what the published files fuse (queries, keys and values), so a name may stand for some rows of a
weight. Read from the key lists of published checkpoints in both layouts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from heddle.adapters.targets import Target

#: Names and shapes of a net's weights.
Shapes = Mapping[str, tuple[int, ...]]

_FLUX = {
    "x_embedder": "img_in",
    "context_embedder": "txt_in",
    "controlnet_x_embedder": "pos_embed_input",
    "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
    "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
    "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
    "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    "proj_out": "final_layer.linear",
}
_FLUX_DOUBLE = {
    "norm1.linear": "img_mod.lin",
    "norm1_context.linear": "txt_mod.lin",
    "attn.to_out.0": "img_attn.proj",
    "attn.to_add_out": "txt_attn.proj",
    "ff.net.0.proj": "img_mlp.0",
    "ff.net.2": "img_mlp.2",
    "ff_context.net.0.proj": "txt_mlp.0",
    "ff_context.net.2": "txt_mlp.2",
    "attn.norm_q": "img_attn.norm.query_norm.scale",
    "attn.norm_k": "img_attn.norm.key_norm.scale",
    "attn.norm_added_q": "txt_attn.norm.query_norm.scale",
    "attn.norm_added_k": "txt_attn.norm.key_norm.scale",
}
_FLUX_SINGLE = {
    "norm.linear": "modulation.lin",
    "proj_out": "linear2",
    "attn.norm_q": "norm.query_norm.scale",
    "attn.norm_k": "norm.key_norm.scale",
}
_SD3 = {
    "pos_embed.proj": "x_embedder.proj",
    "context_embedder": "context_embedder",
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    "proj_out": "final_layer.linear",
}
_SD3_BLOCK = {
    "norm1.linear": "x_block.adaLN_modulation.1",
    "norm1_context.linear": "context_block.adaLN_modulation.1",
    "attn.to_out.0": "x_block.attn.proj",
    "attn.to_add_out": "context_block.attn.proj",
    "attn2.to_out.0": "x_block.attn2.proj",
    "ff.net.0.proj": "x_block.mlp.fc1",
    "ff.net.2": "x_block.mlp.fc2",
    "ff_context.net.0.proj": "context_block.mlp.fc1",
    "ff_context.net.2": "context_block.mlp.fc2",
    "attn.norm_q": "x_block.attn.ln_q",
    "attn.norm_k": "x_block.attn.ln_k",
    "attn.norm_added_q": "context_block.attn.ln_q",
    "attn.norm_added_k": "context_block.attn.ln_k",
    "attn2.norm_q": "x_block.attn2.ln_q",
    "attn2.norm_k": "x_block.attn2.ln_k",
}
_AURAFLOW = {
    "pos_embed.proj": "init_x_linear",
    "context_embedder": "cond_seq_linear",
    "time_step_proj.linear_1": "t_embedder.mlp.0",
    "time_step_proj.linear_2": "t_embedder.mlp.2",
    "proj_out": "final_linear",
}
_AURAFLOW_DOUBLE = {
    "norm1.linear": "modX.1",
    "norm1_context.linear": "modC.1",
    "attn.add_q_proj": "attn.w1q",
    "attn.add_k_proj": "attn.w1k",
    "attn.add_v_proj": "attn.w1v",
    "attn.to_add_out": "attn.w1o",
    "attn.to_q": "attn.w2q",
    "attn.to_k": "attn.w2k",
    "attn.to_v": "attn.w2v",
    "attn.to_out.0": "attn.w2o",
    "ff.linear_1": "mlpX.c_fc1",
    "ff.linear_2": "mlpX.c_fc2",
    "ff.out_projection": "mlpX.c_proj",
    "ff_context.linear_1": "mlpC.c_fc1",
    "ff_context.linear_2": "mlpC.c_fc2",
    "ff_context.out_projection": "mlpC.c_proj",
}
_AURAFLOW_SINGLE = {
    "norm1.linear": "modCX.1",
    "attn.to_q": "attn.w1q",
    "attn.to_k": "attn.w1k",
    "attn.to_v": "attn.w1v",
    "attn.to_out.0": "attn.w1o",
    "ff.linear_1": "mlp.c_fc1",
    "ff.linear_2": "mlp.c_fc2",
    "ff.out_projection": "mlp.c_proj",
}
_LUMINA = {
    "x_embedder": "x_embedder",
    "time_caption_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_caption_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_caption_embed.caption_embedder.0": "cap_embedder.0",
    "time_caption_embed.caption_embedder.1": "cap_embedder.1",
    "norm_out.linear_1": "final_layer.adaLN_modulation.1",
    "norm_out.linear_2": "final_layer.linear",
}
_LUMINA_BLOCK = {
    "attn.to_out.0": "attention.out",
    "attn.norm_q": "attention.q_norm",
    "attn.norm_k": "attention.k_norm",
    "feed_forward.linear_1": "feed_forward.w1",
    "feed_forward.linear_2": "feed_forward.w2",
    "feed_forward.linear_3": "feed_forward.w3",
    "norm2": "attention_norm2",
    "ffn_norm1": "ffn_norm1",
    "ffn_norm2": "ffn_norm2",
}
_LUMINA_TEXT_BLOCK = {**_LUMINA_BLOCK, "norm1": "attention_norm1"}
_LUMINA_MOVED_BLOCK = {**_LUMINA_BLOCK, "norm1.norm": "attention_norm1", "norm1.linear": "adaLN_modulation.1"}
# Hunyuan's published files against the names that its nets have here; both have the same layers.
_HUNYUAN = (
    (r"_attn\.qkv$", "_attn_qkv"),
    (r"_attn\.proj$", "_attn_proj"),
    (r"(mod|modulation)\.lin$", r"\1.linear"),
    (r"mlp\.0$", "mlp.fc1"),
    (r"mlp\.2$", "mlp.fc2"),
)


def diffusers_targets(shapes: Shapes) -> Iterator[tuple[str, Target]]:
    """What each layer's name in diffusers stands for; nothing for a net that is no such transformer.

    A name may stand for a layer that this net lacks but others of its kind have.

    Args:
        shapes: names and shapes of the weights, as in the published single file.
    """
    if any(name.startswith("txt_in.individual_token_refiner.") for name in shapes):
        return
    if "double_layers.0.attn.w1q.weight" in shapes:
        yield from _plain(_AURAFLOW)
        yield from _in_blocks("joint_transformer_blocks", "double_layers", shapes, _AURAFLOW_DOUBLE)
        yield from _in_blocks("single_transformer_blocks", "single_layers", shapes, _AURAFLOW_SINGLE)
        yield "norm_out.linear", Target("modF.1.weight", is_swapped=True)
    elif "joint_blocks.0.x_block.attn.qkv.weight" in shapes:
        yield from _plain(_SD3)
        yield "norm_out.linear", Target("final_layer.adaLN_modulation.1.weight", is_swapped=True)
        blocks = _blocks("joint_blocks", shapes)
        # the last block's text is only scaled and shifted, in the other order
        last = Target(f"joint_blocks.{blocks[-1]}.context_block.adaLN_modulation.1.weight", is_swapped=True)
        yield f"transformer_blocks.{blocks[-1]}.norm1_context.linear", last
        yield from _in_blocks("transformer_blocks", "joint_blocks", shapes, _SD3_BLOCK)
        for block in blocks:
            width = shapes[f"joint_blocks.{block}.x_block.attn.qkv.weight"][0] // 3
            there, here = f"transformer_blocks.{block}.", f"joint_blocks.{block}."
            yield from _fused(f"{there}attn.to_", "", f"{here}x_block.attn.qkv.weight", width)
            yield from _fused(f"{there}attn.add_", "_proj", f"{here}context_block.attn.qkv.weight", width)
            yield from _fused(f"{there}attn2.to_", "", f"{here}x_block.attn2.qkv.weight", width)
    elif "double_blocks.0.img_attn.qkv.weight" in shapes:
        yield from _flux(shapes)
    elif "layers.0.adaLN_modulation.1.weight" in shapes and "cap_embedder.1.weight" in shapes:
        yield from _lumina(shapes)


def _flux(shapes: Shapes) -> Iterator[tuple[str, Target]]:
    yield from _plain(_FLUX)
    yield "norm_out.linear", Target("final_layer.adaLN_modulation.1.weight", is_swapped=True)
    yield from _in_blocks("transformer_blocks", "double_blocks", shapes, _FLUX_DOUBLE)
    for block in _blocks("double_blocks", shapes):
        there, here = f"transformer_blocks.{block}.attn.", f"double_blocks.{block}."
        width = shapes[f"{here}img_attn.qkv.weight"][0] // 3
        yield from _fused(f"{there}to_", "", f"{here}img_attn.qkv.weight", width)
        yield from _fused(f"{there}add_", "_proj", f"{here}txt_attn.qkv.weight", width)
    yield from _in_blocks("single_transformer_blocks", "single_blocks", shapes, _FLUX_SINGLE)
    for block in _blocks("single_blocks", shapes):
        there, here = f"single_transformer_blocks.{block}.", f"single_blocks.{block}."
        width, rows = shapes[f"{here}linear2.weight"][0], shapes[f"{here}linear1.weight"][0]
        yield from _fused(f"{there}attn.to_", "", f"{here}linear1.weight", width)
        yield f"{there}proj_mlp", Target(f"{here}linear1.weight", (3 * width, rows))


def _lumina(shapes: Shapes) -> Iterator[tuple[str, Target]]:
    yield from _plain(_LUMINA)
    parts = {"context_refiner": _LUMINA_TEXT_BLOCK, "noise_refiner": _LUMINA_MOVED_BLOCK, "layers": _LUMINA_MOVED_BLOCK}
    for stack, names in parts.items():
        yield from _in_blocks(stack, stack, shapes, names)
        for block in _blocks(stack, shapes):
            fused, out = f"{stack}.{block}.attention.qkv.weight", f"{stack}.{block}.attention.out.weight"
            rows, queries = shapes[fused][0], shapes[out][1]
            shared = (rows - queries) // 2  # keys and values have fewer heads
            ends = {"q": (0, queries), "k": (queries, queries + shared), "v": (queries + shared, rows)}
            for word, between in ends.items():
                yield f"{stack}.{block}.attn.to_{word}", Target(fused, between)


def own_variants(shapes: Shapes) -> Iterator[tuple[str, Target]]:
    """Names that some trainers give to a net's own layers."""
    if any(name.startswith("txt_in.individual_token_refiner.") for name in shapes):
        for weight in shapes:
            layer = name = weight.removesuffix(".weight")
            for pattern, replacement in _HUNYUAN:
                name = re.sub(pattern, replacement, name)
            if weight != layer:
                yield name, Target(weight)
    for block in _blocks("single_blocks", shapes):
        fused, out = (f"single_blocks.{block}.linear{number}.weight" for number in (1, 2))
        if out in shapes:
            yield fused.replace(".weight", "_qkv"), Target(fused, (0, 3 * shapes[out][0]))


def _plain(names: Mapping[str, str]) -> Iterator[tuple[str, Target]]:
    for there, here in names.items():
        yield there, Target(_weight(here))


def _in_blocks(there: str, here: str, shapes: Shapes, parts: Mapping[str, str]) -> Iterator[tuple[str, Target]]:
    for block in _blocks(here, shapes):
        for name, part in parts.items():
            yield f"{there}.{block}.{name}", Target(_weight(f"{here}.{block}.{part}"))


def _fused(start: str, end: str, weight: str, width: int) -> Iterator[tuple[str, Target]]:
    for number, word in enumerate("qkv"):
        yield f"{start}{word}{end}", Target(weight, (number * width, (number + 1) * width))


def _weight(layer: str) -> str:
    return layer if layer.endswith(".scale") else f"{layer}.weight"


def _blocks(start: str, shapes: Shapes) -> list[int]:
    matches = (re.match(rf"{start}\.(\d+)\.", name) for name in shapes)
    return sorted({int(match[1]) for match in matches if match})
