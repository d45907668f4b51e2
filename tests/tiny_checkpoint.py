"""A checkpoint of Stable Diffusion 1's layout with random weights, small enough to make for one test."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from heddle.networks.clip_text import ClipText, ClipTextConfig
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, UNetConfig
from heddle.networks.vae import Autoencoder, VaeConfig

UNET = UNetConfig(widths=(32, 64), blocks=(1, 1), depths=(1, 1), middle_depth=1, context_width=64, time_width=128)
VAE = VaeConfig(widths=(32, 32, 32, 32), blocks=1)
TEXT = ClipTextConfig(width=64, layers=2, mlp_width=128)


def write_tiny_checkpoint(path: Path, seed: int = 0, unet: UNetConfig = UNET) -> Path:
    """Write the file, 7 MB with the usual UNet, and give its path back."""
    torch.manual_seed(seed)
    parts: dict[str, nn.Module] = {
        "model.diffusion_model.": UNet(unet, TRAINABLE),
        "first_stage_model.": Autoencoder(VAE, TRAINABLE),
        "cond_stage_model.transformer.": ClipText(TEXT, TRAINABLE),
    }
    tensors = {
        prefix + name: (each.half() if each.is_floating_point() else each).contiguous()
        for prefix, net in parts.items()
        for name, each in net.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path
