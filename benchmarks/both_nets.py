"""Our nets and those of diffusers at the published sizes, with the very same random weights.

diffusers' nets take our tensors as they are, so that two nets of ten gigabytes are in memory once.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from heddle.networks.clip_text import ClipText, ClipTextConfig
from heddle.networks.ops import PLAIN
from heddle.networks.unet import UNet, UNetConfig
from heddle.networks.vae import Autoencoder, VaeConfig
from model_management.diffusers_unet import names_in_diffusers as unet_names
from model_management.diffusers_vae import names_in_diffusers as vae_names
from model_management.stored_tensors import Header, Stamp, TensorEntry

SD15 = UNetConfig((320, 640, 1280, 1280), (2, 2, 2, 2), (1, 1, 1, 0), middle_depth=1, context_width=768)
SDXL = UNetConfig(
    (320, 640, 1280),
    (2, 2, 2),
    (0, 2, 10),
    middle_depth=10,
    context_width=2048,
    head_width=64,
    linear_projections=True,
    vector_width=2816,
)
VAE = VaeConfig((128, 256, 512, 512), blocks=2)
TEXT = ClipTextConfig(width=768, layers=12, mlp_width=3072)

#: What diffusers asks for beside its defaults, which are those of Stable Diffusion 1.
_THEIR_SD15: dict[str, Any] = {"cross_attention_dim": 768}
_THEIR_SDXL: dict[str, Any] = {
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "use_linear_projection": True,
}
_THEIR_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
}


@dataclass(frozen=True)
class Pair:
    ours: Any
    theirs: Any


def unet_pair(config: UNetConfig, device: torch.device, dtype: torch.dtype) -> Pair:
    """Raises: ImportError, if diffusers is not installed."""
    diffusers = import_diffusers()
    with torch.device("meta"):
        ours = UNet(config, PLAIN)
        theirs = diffusers.UNet2DConditionModel(**(_THEIR_SDXL if config.vector_width else _THEIR_SD15))
    fill(ours, device, dtype)
    give_weights(ours, theirs, unet_names(_header(theirs)))
    return Pair(ours.eval(), theirs.eval())


def vae_pair(device: torch.device, dtype: torch.dtype) -> Pair:
    """Raises: ImportError, if diffusers is not installed."""
    diffusers = import_diffusers()
    with torch.device("meta"):
        ours = Autoencoder(VAE, PLAIN)
        theirs = diffusers.AutoencoderKL(**_THEIR_VAE)
    fill(ours, device, dtype)
    give_weights(ours, theirs, vae_names(_header(theirs)))
    return Pair(ours.eval(), theirs.eval())


def text_pair(device: torch.device, dtype: torch.dtype) -> Pair:
    """CLIP-L as diffusers has it, from transformers."""
    import_diffusers()
    from transformers import CLIPTextConfig, CLIPTextModel  # only this figure needs it

    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        eos_token_id=49407,
    )
    with torch.device("meta"):
        ours = ClipText(TEXT, PLAIN)
        theirs = CLIPTextModel(config)
    fill(ours, device, dtype)
    names = {name: name for name in ours.state_dict()}
    if not any(name.startswith("text_model.") for name in theirs.state_dict()):  # since version 5
        names = {name: name.removeprefix("text_model.") for name in names}
    give_weights(ours, theirs, names)
    return Pair(ours.eval(), theirs.eval())


def import_diffusers() -> Any:
    # A torchvision that does not fit the build of torch fails when transformers looks for it; these nets need neither.
    sys.modules.setdefault("torchvision", None)  # pyright: ignore[reportArgumentType]  # Python's own mark of absence
    import diffusers  # only these figures need it

    return diffusers


def fill(net: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Seeded weights of a size that keeps what passes through the net about as large as it came."""
    chance = torch.Generator().manual_seed(0)
    for module in net.modules():
        for name, parameter in module._parameters.items():
            if parameter is None:
                continue
            drawn = torch.empty(parameter.shape).uniform_(-1, 1, generator=chance)
            if parameter.ndim > 1:
                drawn *= parameter[0].numel() ** -0.5
            else:
                drawn = 0.1 * drawn + (name == "weight")  # of a norm
            module._parameters[name] = nn.Parameter(drawn.to(device, dtype), requires_grad=False)


def give_weights(ours: nn.Module, theirs: nn.Module, names: Mapping[str, str]) -> None:
    """Let their net compute with our tensors."""
    wanted = theirs.state_dict()
    given: dict[str, Tensor] = {}
    for name, tensor in ours.state_dict().items():
        other = names[name]
        if other in wanted:
            given[other] = tensor.view(wanted[other].shape)  # a convolution of one pixel may be a matrix there
    theirs.load_state_dict(given, assign=True)
    for module in theirs.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_meta:  # numbered positions, which are in no file
                setattr(module, name, torch.arange(buffer.numel(), dtype=buffer.dtype).view(buffer.shape))


def _header(net: nn.Module) -> Header:
    entries = {name: TensorEntry("F32", tuple(tensor.shape), 0, 0) for name, tensor in net.state_dict().items()}
    return Header(Stamp(Path("none"), 0, 0), entries, {})
