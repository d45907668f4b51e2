"""Control nets of the diffusers library, tiny, and what they are shown: cases for `test_control_numbers.py`."""

from __future__ import annotations

import math
import zlib
from typing import Any

import torch
from torch import Tensor

from heddle.networks.unet import embed_timesteps

SD1: dict[str, Any] = {
    "block_out_channels": (32, 64),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "layers_per_block": 1,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
SD2 = SD1 | {
    "block_out_channels": (64, 128),
    "layers_per_block": 2,
    "cross_attention_dim": 1024,
    "attention_head_dim": (1, 2),
    "use_linear_projection": True,
}
XL = SD2 | {
    "block_out_channels": (64, 64, 128),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "layers_per_block": 1,
    "cross_attention_dim": 2048,
    "attention_head_dim": (1, 1, 2),
    "transformer_layers_per_block": (1, 1, 2),
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 48 + 16,
}
POOLED_WIDTH = 48
TIME_IDS = torch.tensor([[64.0, 96.0], [512.0, 768.0]])
#: T2I-Adapters belong to UNets of four levels, or of three for XL.
FOUR_LEVELS = SD1 | {
    "block_out_channels": (32, 64, 96, 96),
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
}
HINT = {"conditioning_embedding_out_channels": (8, 16, 24, 32)}
SD3: dict[str, Any] = {
    "sample_size": 16,
    "num_layers": 5,
    "attention_head_dim": 64,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
    "caption_projection_dim": 128,
    "pooled_projection_dim": 20,
    "pos_embed_max_size": 12,
    "dual_attention_layers": (0, 2),
    "qk_norm": "rms_norm",
}
FLUX: dict[str, Any] = {
    "num_layers": 5,
    "num_single_layers": 7,
    "attention_head_dim": 32,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
    "pooled_projection_dim": 20,
    "axes_dims_rope": (4, 14, 14),
    "guidance_embeds": True,
}

NETWORKS = {"sd1": SD1, "sd2": SD2, "sdxl": XL, "four_levels": FOUR_LEVELS, "sd3": SD3, "flux": FLUX}

#: By name: the class of the control net with its configuration, and the network that it is for.
CASES: dict[str, dict[str, Any]] = {
    "sd1": {"control": ("ControlNetModel", SD1 | HINT), "network": "sd1"},
    "sd2": {"control": ("ControlNetModel", SD2 | HINT), "network": "sd2"},
    "sdxl": {"control": ("ControlNetModel", XL | HINT), "network": "sdxl"},
    "union": {
        "control": (
            "ControlNetUnionModel",
            XL | HINT | {"num_trans_channel": 64, "num_proj_channel": 64, "num_trans_layer": 2},
        ),
        "network": "sdxl",
        "kind": 3,
    },
    "union_auto": {
        "control": (
            "ControlNetUnionModel",
            XL | HINT | {"num_trans_channel": 64, "num_proj_channel": 64, "num_trans_layer": 2},
        ),
        "network": "sdxl",
    },
    "sd3": {
        "control": ("SD3ControlNetModel", SD3 | {"num_layers": 2, "extra_conditioning_channels": 1}),
        "network": "sd3",
    },
    "sd3_picture": {
        "control": (
            "SD3ControlNetModel",
            SD3
            | {
                "num_layers": 3,
                "use_pos_embed": False,
                "joint_attention_dim": None,
                "dual_attention_layers": (),
                "qk_norm": None,
                "force_zeros_for_pooled_projection": False,
            },
        ),
        "network": "sd3",
    },
    "flux": {"control": ("FluxControlNetModel", FLUX | {"num_layers": 2, "num_single_layers": 3}), "network": "flux"},
    "flux_union": {
        "control": ("FluxControlNetModel", FLUX | {"num_layers": 2, "num_single_layers": 0, "num_mode": 7}),
        "network": "flux",
        "kind": 4,
    },
    "flux_mask": {  # as alimama's inpainting net
        "control": ("FluxControlNetModel", FLUX | {"num_layers": 2, "num_single_layers": 0}),
        "network": "flux",
        "hint_channels": 17,
    },
    "flux_pixels": {
        "control": (
            "FluxControlNetModel",
            FLUX | {"num_layers": 2, "num_single_layers": 0, "conditioning_embedding_channels": 16, "patch_size": 2},
        ),
        "network": "flux",
    },
    "t2i_full": {
        "control": ("T2IAdapter", {"channels": (32, 64, 96, 96), "adapter_type": "full_adapter"}),
        "network": "four_levels",
    },
    "t2i_light": {
        "control": ("T2IAdapter", {"channels": (32, 64, 96), "num_res_blocks": 3, "adapter_type": "light_adapter"}),
        "network": "four_levels",
    },
    "t2i_xl": {
        "control": (
            "T2IAdapter",
            {
                "channels": (64, 64, 128, 128),
                "adapter_type": "full_adapter_xl",
                "downscale_factor": 16,
                "in_channels": 1,
            },
        ),
        "network": "sdxl",
    },
}


def noise(name: str, *shape: int) -> Tensor:
    """N(0, 1) that follows from a name."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))


def weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """Such that what passes through keeps about its size, and every weight counts."""
    if name.endswith("pos_embed.pos_embed"):
        return 0.5 * noise(name, *shape)
    if len(shape) == 1:
        return 0.1 * noise(name, *shape) + (0.0 if name.endswith("bias") else 1.0)
    return noise(name, *shape) / math.sqrt(math.prod(shape[1:]))


def inputs_of(case: str) -> dict[str, Tensor]:
    """What the net of a case is shown: x, timesteps, context, vector, hint and, for FLUX.1, guidance."""
    kind, network = CASES[case]["control"][0], NETWORKS[CASES[case]["network"]]
    if kind.startswith(("SD3", "Flux")):
        made = {"x": noise("x", 2, 16, 8, 6), "context": noise("context", 2, 5, 24), "vector": noise("vector", 2, 20)}
        made["timesteps"] = torch.tensor([0.3, 0.8]) if kind.startswith("Flux") else torch.tensor([300.0, 800.0])
        made["hint"] = noise("hint", 2, 17 if case in ("sd3", "flux_mask") else 16, 8, 6)
        if case == "flux_pixels":
            made["hint"] = noise("hint", 2, 3, 64, 48).sigmoid()
        return made | ({"guidance": torch.tensor([3.5, 2.0])} if kind.startswith("Flux") else {})
    made = {
        "x": noise("x", 2, 4, 8, 12),
        "timesteps": torch.tensor([17.0, 600.0]),
        "context": noise("context", 2, 5, network["cross_attention_dim"]),
        "hint": noise("hint", 2, 1 if case == "t2i_xl" else 3, 64, 96).sigmoid(),
    }
    if case.startswith("union"):
        made["hint"] = made["hint"][:1]  # pictures of a batch with hints of their own disturb each other there
    if network is XL:
        # Pooled text, then two numbers spread over eight each: the library is given the numbers themselves.
        spread = embed_timesteps(TIME_IDS.flatten(), 8).reshape(2, -1)
        made["vector"] = torch.cat([noise("pooled", 2, POOLED_WIDTH), spread], dim=1)
    return made
