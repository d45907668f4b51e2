"""A checkpoint of Stable Diffusion 1's layout, small enough to write in a test."""

import json
import struct
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.networks.clip_text import ClipText, ClipTextConfig
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, UNetConfig
from heddle.networks.vae import Autoencoder, VaeConfig

UNET = UNetConfig(widths=(32, 64), blocks=(1, 2), depths=(1, 0), middle_depth=1, context_width=64, time_width=96)
VAE = VaeConfig(widths=(32, 32, 64, 64), blocks=1)
TEXT = ClipTextConfig(width=64, layers=2, mlp_width=80, vocabulary=40, positions=10)
START, END = 38, 39

PREFIXES = {"unet": "model.diffusion_model.", "vae": "first_stage_model.", "text": "cond_stage_model.transformer."}


def tiny_tensors(dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
    torch.manual_seed(0)
    nets = {"unet": UNet(UNET, TRAINABLE), "vae": Autoencoder(VAE, TRAINABLE), "text": ClipText(TEXT, TRAINABLE)}
    tensors = {}
    for part, net in nets.items():
        for name, tensor in net.state_dict().items():
            tensors[PREFIXES[part] + name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    return tensors


def clip_tensors(config: ClipTextConfig) -> dict[str, Tensor]:
    """A text encoder by the names of transformers, far enough from a small start that a mixed-up layer shows."""
    torch.manual_seed(2)
    net = ClipText(config, TRAINABLE)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    return {name: each.half() if each.is_floating_point() else each for name, each in net.state_dict().items()}


def write_checkpoint(
    path: Path, tensors: dict[str, Tensor] | None = None, metadata: dict[str, str] | None = None
) -> Path:
    tensors = tiny_tensors() if tensors is None else tensors
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
    return path


def part_of(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of one net, in float32, by the net's own names."""
    prefix = PREFIXES[part]
    return {name.removeprefix(prefix): tensor.float() for name, tensor in tensors.items() if name.startswith(prefix)}


def write_raw(path: Path, header: object, data: bytes = b"") -> Path:
    """A safetensors file with whatever header is given: text as it is, anything else as JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path
