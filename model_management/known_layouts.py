"""Published layouts that are known by sight but do not run (yet), so that a refusal can say what a file is.

The names and shapes were read from the published files' headers. The first layout that fits gives the message: full
checkpoints come first, then single networks, then parts and changes to them.
"""

from __future__ import annotations

from dataclasses import dataclass

from model_management.signs import Sign, columns, either, has, has_ending, has_prefix, lacks

UNET = "model.diffusion_model."
UNET_IN = f"{UNET}input_blocks.0.0.weight"
UNET_TEXT = f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight"
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

NOT_YET = "this family is not supported yet: choose a Stable Diffusion 1, 2 or XL checkpoint"
LOOSE = "put it into the diffusion_models folder and load it with UNETLoader, beside text encoders and a VAE"
ELSEWHERE = "it belongs beside a full checkpoint, not in its place"


@dataclass(frozen=True)
class KnownLayout:
    """title: what people call it, with its article. next_step: what one can do."""

    title: str
    signs: tuple[Sign, ...]
    next_step: str = NOT_YET


def network(title: str, *keys: str, next_step: str = NOT_YET) -> KnownLayout:
    """A diffusion network, told by names below the usual prefix or without one."""
    return KnownLayout(title, (either(has(*keys), has(*(UNET + key for key in keys))),), next_step)


KNOWN_LAYOUTS = (
    KnownLayout("Playground 2.5", (has("edm_mean"),)),
    KnownLayout("Stable unCLIP", (has(f"{UNET}label_emb.0.0.weight"), columns(UNET_TEXT, 1024))),
    KnownLayout(
        "a UNet of Stable Diffusion's kind with a text encoder in a place not known here",
        (has(UNET_IN, VAE_IN), lacks(*TOKENS)),
        "choose a checkpoint in the original single-file layout",
    ),
    KnownLayout(
        "a checkpoint without its VAE",
        (has(UNET_IN), either(*map(has, TOKENS)), lacks(VAE_IN)),
        "choose the version with the VAE inside",
    ),
    KnownLayout(
        "a UNet beside a text encoder of another width",
        (has(UNET_IN, VAE_IN), either(*map(has, TOKENS))),
        "the two do not belong together: choose another checkpoint",
    ),
    KnownLayout("a UNet without text encoder or VAE", (either(has(UNET_IN), has("input_blocks.0.0.weight")),), LOOSE),
    KnownLayout(
        "a UNet in diffusers' layout",
        (has("conv_in.weight"), has_prefix("down_blocks."), has_prefix("up_blocks.")),
        LOOSE,
    ),
    network(
        "the network of Stable Diffusion 3 or 3.5 alone",
        "joint_blocks.0.x_block.attn.qkv.weight",
        "context_embedder.weight",
        next_step=LOOSE,
    ),
    network("HunyuanVideo", "double_blocks.0.img_attn_qkv.weight", "txt_in.c_embedder.linear_1.weight"),
    network(
        "the network of Chroma alone",
        "double_blocks.0.img_attn.qkv.weight",
        "distilled_guidance_layer.in_proj.weight",
        next_step=LOOSE,
    ),
    network(
        "the network of FLUX.1 alone",
        "double_blocks.0.img_attn.qkv.weight",
        "vector_in.in_layer.weight",
        next_step=LOOSE,
    ),
    network("the network of AuraFlow alone", "double_layers.0.attn.w1q.weight", next_step=LOOSE),
    network("Lumina Image 2", "cap_embedder.1.weight", "noise_refiner.0.attention.qkv.weight"),
    network("LTX-Video", "patchify_proj.weight", "adaln_single.linear.weight"),
    network("Qwen-Image", "txt_norm.weight", "transformer_blocks.0.attn.add_k_proj.weight"),
    network("Wan video", "patch_embedding.weight", "text_embedding.0.weight", "head.modulation"),
    network("PixArt", "y_embedder.y_embedding", "t_block.1.weight"),
    KnownLayout(
        "a ControlNet",
        (either(has_prefix("control_model."), has_prefix("controlnet_cond_embedding.")),),
        "ControlNets are not supported yet; they go beside a checkpoint, not in its place",
    ),
    KnownLayout(
        "a LoRA or another small change to a model",
        (has_ending(*ADAPTER_ENDINGS),),
        "LoRAs are not supported yet; they go beside a checkpoint, not in its place",
    ),
    KnownLayout(
        "a textual inversion",
        (either(has("emb_params"), has("clip_l"), has("clip_g")),),
        "put it into the embeddings folder and name it in the prompt",
    ),
    KnownLayout(
        "a VAE alone",
        (either(has("decoder.conv_in.weight"), has(VAE_IN)),),
        "put it into the vae folder and load it with VAELoader, beside a full checkpoint",
    ),
    KnownLayout("a tiny autoencoder's decoder (TAESD)", (has("1.weight", "3.conv.0.weight", "19.weight"),), ELSEWHERE),
    KnownLayout("a tiny autoencoder's encoder (TAESD)", (has("0.weight", "1.conv.0.weight", "14.weight"),), ELSEWHERE),
    KnownLayout("a CLIP vision encoder", (has("vision_model.embeddings.patch_embedding.weight"),), ELSEWHERE),
    KnownLayout("a CLIP text encoder alone", (has("text_model.embeddings.token_embedding.weight"),), ELSEWHERE),
    KnownLayout(
        "a T5 text encoder", (has("shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"),), ELSEWHERE
    ),
    KnownLayout("a language model", (has("model.embed_tokens.weight"), has_prefix("model.layers.0.")), ELSEWHERE),
    KnownLayout(
        "an ESRGAN upscaler",
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
