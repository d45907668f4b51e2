"""Cases in which a tiny UNet follows images. What diffusers computes for them: `tests/data/ip_adapter.safetensors`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, embed_timesteps
from tests.model_management import tiny, tiny_ip_adapter, tiny_xl

#: Tiny networks of two families. diffusers gives the middle as many transformer blocks as the level before it.
NETWORKS = {"sd15": tiny.UNET, "sdxl": replace(tiny_xl.UNETS["sdxl"], middle_depth=2)}

#: Width of the text, and widths of the cross-attentions: on the way down, on the way up, in the middle.
SIZES: dict[str, tuple[int, tuple[int, ...]]] = {"sd15": (64, (32, 32, 32, 64)), "sdxl": (192, (64,) * 8)}

TIME_IDS = torch.tensor([[512.0, 768.0, 16.0, 8.0, 640.0, 896.0]])
TIMESTEP = 501


@dataclass(frozen=True)
class Case:
    """adapters: kind and seed of each. images: how many each is given."""

    name: str
    family: str
    adapters: tuple[tuple[str, int], ...]
    weight: float = 1.0
    images: int = 1


CASES = (
    *(Case(f"{family}.{kind}", family, ((kind, 11),)) for family in SIZES for kind in tiny_ip_adapter.KINDS),
    Case("sd15.two images", "sd15", (("base", 11),), 0.7, images=2),
    Case("sd15.two adapters", "sd15", (("base", 11), ("plus", 13)), 0.4),
)


def network_tensors(family: str) -> dict[str, Tensor]:
    """The UNet's weights by its own names, as a half-precision file gives them."""
    torch.manual_seed(1)
    net = UNet(NETWORKS[family], TRAINABLE)
    return {name: tensor.half().float() for name, tensor in net.state_dict().items()}


def inputs(family: str) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Latents, timestep, texts and vectors of a positive and a negative."""
    random = torch.Generator().manual_seed(5)
    x = torch.randn(2, 4, 8, 8, generator=random)
    text = torch.randn(2, 6, SIZES[family][0], generator=random)
    timestep = torch.tensor([TIMESTEP] * 2)
    if family == "sd15":
        return x, timestep, text, None
    pooled = torch.randn(2, tiny_xl.PROJECTED, generator=random)
    sizes = embed_timesteps(TIME_IDS.flatten(), 256).flatten()[None].expand(2, -1)
    return x, timestep, text, torch.cat([pooled, sizes], dim=1)


def images(case: Case, kind: str) -> tuple[Tensor, Tensor]:
    """What is read off the images, and off what stands for none."""
    negative = torch.zeros(1, tiny_ip_adapter.WHOLE) if kind == "base" else tiny_ip_adapter.seen(kind, 1, seed=14)
    return tiny_ip_adapter.seen(kind, case.images), negative
