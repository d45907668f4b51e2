"""Published layouts that are known by sight but do not run (yet), so that a refusal can say what a file is.

The names and shapes were read from the published files' headers. The first layout that fits gives the message: full
checkpoints come first, then single networks, then parts and changes to them.
"""

from __future__ import annotations

from dataclasses import dataclass

from heddle.graph.said import say
from model_management.signs import Sign, either, has, has_ending, has_prefix

UNET = "model.diffusion_model."
UNET_IN = f"{UNET}input_blocks.0.0.weight"
# The tokens of the text encoders of Stable Diffusion 1, 2, XL and its refiner.
TOKENS = (
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    "cond_stage_model.model.token_embedding.weight",
    "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight",
    "conditioner.embedders.0.model.token_embedding.weight",
)
VAE_IN = "first_stage_model.decoder.conv_in.weight"

# What the tensors of LoRA, LoHa, LoKr and OFT files are called.
ADAPTER_ENDINGS = (
    *(".lora_down.weight", ".lora_up.weight", ".lora.down.weight", ".lora_A.weight", ".lora_B.weight"),
    *(".hada_w1_a", ".lokr_w1", ".lokr_w1_a", ".oft_blocks"),
)

TEXT = say("put it into the text_encoders folder and load it with CLIPLoader or DualCLIPLoader")
ELSEWHERE = say("it belongs beside a model, not in its place")


@dataclass(frozen=True)
class KnownLayout:
    """title: what people call it, with its article. next_step: what one can do, if it is no family that runs."""

    title: str
    signs: tuple[Sign, ...]
    next_step: str = ""


def network(title: str, *keys: str) -> KnownLayout:
    """A diffusion network, told by names below the usual prefix or without one."""
    return KnownLayout(title, (either(has(*keys), has(*(UNET + key for key in keys))),))


KNOWN_LAYOUTS = (
    KnownLayout(
        say("a ControlNet"),
        (either(*map(has_prefix, ("control_model.", "zero_convs.", "controlnet_")), has("lora_controlnet")),),
        say("put it into the controlnet folder and load it with ControlNetLoader, beside a checkpoint"),
    ),
    KnownLayout(
        say("a checkpoint with a UNet of Stable Diffusion's kind"),
        (has(UNET_IN), either(*map(has, TOKENS))),
        say("its UNet and its text encoder do not belong together, or are of sizes not known here: choose another"),
    ),
    KnownLayout(say("a UNet of Stable Diffusion's kind"), (either(has(UNET_IN), has("input_blocks.0.0.weight")),)),
    KnownLayout(
        say("a UNet in diffusers' layout"),
        (has("conv_in.weight"), has_prefix("down_blocks."), has_prefix("up_blocks.")),
    ),
    KnownLayout(
        say("a transformer in diffusers' layout"),
        (has("transformer_blocks.0.attn.add_k_proj.weight", "context_embedder.weight"),),
        say("choose the file in its authors' layout"),
    ),
    network(say("a network of Stable Diffusion 3's layout"), "joint_blocks.0.x_block.attn.qkv.weight"),
    network(say("HunyuanVideo"), "double_blocks.0.img_attn_qkv.weight", "txt_in.c_embedder.linear_1.weight"),
    network(
        say("a network of Chroma's layout"),
        "double_blocks.0.img_attn.qkv.weight",
        "distilled_guidance_layer.in_proj.weight",
    ),
    network(say("a network of FLUX.1's layout"), "double_blocks.0.img_attn.qkv.weight", "vector_in.in_layer.weight"),
    network(say("a network of AuraFlow's layout"), "double_layers.0.attn.w1q.weight"),
    network(say("a network of Lumina Image 2's layout"), "cap_embedder.1.weight", "layers.0.adaLN_modulation.1.weight"),
    network(say("Z-Image"), "cap_embedder.1.weight", "noise_refiner.0.attention.qkv.weight"),
    network(say("LTX-Video"), "patchify_proj.weight", "adaln_single.linear.weight"),
    network(say("Qwen-Image"), "txt_norm.weight", "transformer_blocks.0.attn.add_k_proj.weight"),
    network(say("Wan video"), "patch_embedding.weight", "text_embedding.0.weight", "head.modulation"),
    network(say("PixArt"), "y_embedder.y_embedding", "t_block.1.weight"),
    KnownLayout(
        say("a LoRA or another small change to a model"),
        (has_ending(*ADAPTER_ENDINGS),),
        say("put it into the loras folder and load it with LoraLoader, beside a checkpoint"),
    ),
    KnownLayout(
        say("a textual inversion"),
        (either(has("emb_params"), has("clip_l"), has("clip_g")),),
        say("put it into the embeddings folder and name it in the prompt"),
    ),
    KnownLayout(
        say("a VAE alone"),
        (either(has("decoder.conv_in.weight"), has(VAE_IN)),),
        say("put it into the vae folder and load it with VAELoader"),
    ),
    KnownLayout(
        say("a tiny autoencoder's decoder (TAESD)"), (has("1.weight", "3.conv.0.weight", "19.weight"),), ELSEWHERE
    ),
    KnownLayout(
        say("a tiny autoencoder's encoder (TAESD)"), (has("0.weight", "1.conv.0.weight", "14.weight"),), ELSEWHERE
    ),
    KnownLayout(
        say("a CLIP vision encoder"),
        (has("vision_model.embeddings.patch_embedding.weight"),),
        say("put it into the clip_vision folder and load it with CLIPVisionLoader"),
    ),
    KnownLayout(say("a CLIP text encoder alone"), (has("text_model.embeddings.token_embedding.weight"),), TEXT),
    KnownLayout(
        say("a T5 text encoder"), (has("shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"),), TEXT
    ),
    KnownLayout(say("a language model"), (has("model.embed_tokens.weight"), has_prefix("model.layers.0.")), ELSEWHERE),
    KnownLayout(
        say("an ESRGAN upscaler"),
        (
            either(
                has("model.1.sub.0.RDB1.conv1.0.weight"),
                has("body.0.rdb1.conv1.weight"),
                has("RRDB_trunk.0.RDB1.conv1.weight"),
            ),
        ),
        ELSEWHERE,
    ),
)
