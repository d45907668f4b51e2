"""A checkpoint of Stable Video Diffusion's layout, small enough to write in a test, and the same nets in diffusers."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from heddle.networks.clip_vision import ClipVisionConfig
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNetConfig
from heddle.networks.vae import Autoencoder, VaeConfig
from heddle.networks.video_unet import VideoUNet
from tests.model_management import tiny
from tests.model_management.test_vision import in_open_clip, tensors_of
from tests.oracles import diffusers

CONTEXT, VECTOR = 48, 768
UNET = UNetConfig(
    (64, 64), (1, 1), (1, 0), 1, CONTEXT, in_channels=8, time_width=256, head_width=64, linear_projections=True,
    vector_width=VECTOR,
)  # fmt: skip
VAE = VaeConfig(widths=(32, 32, 64, 64), blocks=2, has_quant=False, along_time=True)
VISION = ClipVisionConfig(128, 2, 40, 2, patch_px=4, image_px=12, quick_gate=True, projection_width=CONTEXT)
VISION_PREFIX = "conditioner.embedders.0.open_clip.model."


def scattered(net: nn.Module, seed: int) -> nn.Module:
    """The net with weights far enough from a start that a mixed-up layer shows, and shares that lean to one side."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.endswith("mix_factor"):
                weight.copy_(torch.randn(weight.shape, generator=random))
            elif weight.ndim == 1:
                weight.copy_(torch.randn(weight.shape, generator=random) * 0.2 + name.endswith("weight"))
            else:
                weight.copy_(torch.randn(weight.shape, generator=random) / weight[0].numel() ** 0.5)
    return net.eval()


def unet_tensors() -> dict[str, Tensor]:
    return dict(scattered(VideoUNet(UNET, TRAINABLE), 1).state_dict())


def vae_tensors() -> dict[str, Tensor]:
    return dict(scattered(Autoencoder(VAE, TRAINABLE), 2).state_dict())


def checkpoint_tensors(dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
    tensors = {tiny.PREFIXES["unet"] + name: each for name, each in unet_tensors().items()}
    tensors |= {tiny.PREFIXES["vae"] + name: each for name, each in vae_tensors().items()}
    tensors |= {VISION_PREFIX + name: each for name, each in in_open_clip(tensors_of(VISION)).items()}
    return {name: each.to(dtype) for name, each in tensors.items()}


def unet_of_diffusers() -> Any:
    theirs: Any = diffusers().UNetSpatioTemporalConditionModel(
        in_channels=8, out_channels=4, block_out_channels=(64, 64), layers_per_block=1, cross_attention_dim=CONTEXT,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        num_attention_heads=(1, 1), projection_class_embeddings_input_dim=VECTOR, num_frames=3,
    )  # fmt: skip
    for name, norm in theirs.named_modules():
        # Its levels with attention keep variances from 0 by another number than the published code, which has one.
        if "res_block" in name and isinstance(norm, nn.GroupNorm):
            norm.eps = 1e-5
    return _filled(theirs, {_unet_name(name): each for name, each in unet_tensors().items()})


def vae_of_diffusers() -> Any:
    widths = VAE.widths
    theirs: Any = diffusers().AutoencoderKLTemporalDecoder(
        block_out_channels=widths, down_block_types=("DownEncoderBlock2D",) * len(widths), layers_per_block=VAE.blocks
    )
    tensors = {_vae_name(name): each for name, each in vae_tensors().items()}
    attentions = {name for name in tensors if re.search(r"attentions\.0\.to_.*weight", name)}
    tensors |= {name: tensors[name].flatten(1) for name in attentions}
    same = {"quant_conv.weight": torch.eye(8)[:, :, None, None], "quant_conv.bias": torch.zeros(8)}
    return _filled(theirs, tensors | same)


def _filled(theirs: Any, tensors: dict[str, Tensor]) -> Any:
    theirs.load_state_dict(tensors)  # raises, if a name or a shape differs
    return theirs.eval()


_BLOCK = {
    "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj", "out_layers.0": "norm2",
    "out_layers.3": "conv2", "skip_connection": "conv_shortcut",
}  # fmt: skip
#: Of `UNET`: where each slot of a stage stands there.
_SLOTS = {
    "input_blocks.0.0": "conv_in",
    "input_blocks.1.0": "down_blocks.0.resnets.0",
    "input_blocks.1.1": "down_blocks.0.attentions.0",
    "input_blocks.2.0.op": "down_blocks.0.downsamplers.0.conv",
    "input_blocks.3.0": "down_blocks.1.resnets.0",
    "middle_block.0": "mid_block.resnets.0",
    "middle_block.1": "mid_block.attentions.0",
    "middle_block.2": "mid_block.resnets.1",
    "output_blocks.0.0": "up_blocks.0.resnets.0",
    "output_blocks.1.0": "up_blocks.0.resnets.1",
    "output_blocks.1.1.conv": "up_blocks.0.upsamplers.0.conv",
    "output_blocks.2.0": "up_blocks.1.resnets.0",
    "output_blocks.2.1": "up_blocks.1.attentions.0",
    "output_blocks.3.0": "up_blocks.1.resnets.1",
    "output_blocks.3.1": "up_blocks.1.attentions.1",
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "add_embedding.linear_1",
    "label_emb.0.2": "add_embedding.linear_2",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}


def _unet_name(name: str) -> str:
    slot = next(slot for slot in _SLOTS if name.startswith(f"{slot}."))
    theirs, rest = _SLOTS[slot], name.removeprefix(f"{slot}.")
    if ".resnets." in theirs and not rest.startswith("time_mixer"):
        half = "temporal" if rest.startswith("time_stack.") else "spatial"
        part, _, kind = rest.removeprefix("time_stack.").rpartition(".")
        rest = f"{half}_res_block.{_BLOCK[part]}.{kind}"
    rest = rest.replace("time_stack.", "temporal_transformer_blocks.")
    rest = rest.replace("time_pos_embed.0", "time_pos_embed.linear_1").replace(
        "time_pos_embed.2", "time_pos_embed.linear_2"
    )
    return f"{theirs}.{rest}"


def _vae_name(name: str) -> str:
    name = name.replace("conv_out.time_mix_conv", "time_conv_out").replace("norm_out", "conv_norm_out")
    name = name.replace("mid.block_1", "mid_block.resnets.0").replace("mid.block_2", "mid_block.resnets.1")
    name = re.sub(r"mid\.attn_1\.(\w+)", lambda found: f"mid_block.attentions.0.{_ATTENTION[found[1]]}", name)
    name = re.sub(r"down\.(\d)\.block", r"down_blocks.\1.resnets", name)
    name = re.sub(r"down\.(\d)\.downsample", r"down_blocks.\1.downsamplers.0", name)
    last = len(VAE.widths) - 1  # on the way up they count from the coarsest
    name = re.sub(r"up\.(\d)\.block", lambda found: f"up_blocks.{last - int(found[1])}.resnets", name)
    name = re.sub(r"up\.(\d)\.upsample", lambda found: f"up_blocks.{last - int(found[1])}.upsamplers.0", name)
    name = name.replace("nin_shortcut", "conv_shortcut")
    if not name.startswith("decoder.") or ".resnets." not in name:
        return name
    if name.endswith("mix_factor"):
        return name.replace("mix_factor", "time_mixer.mix_factor")
    place, number, rest = re.fullmatch(r"(.*\.resnets)\.(\d)\.(.*)", name).groups()  # pyright: ignore
    if rest.startswith("time_stack."):
        part, _, kind = rest.removeprefix("time_stack.").rpartition(".")
        return f"{place}.{number}.temporal_res_block.{_BLOCK[part]}.{kind}"
    return f"{place}.{number}.spatial_res_block.{rest}"


_ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
