"""Cases in which a tiny UNet follows images, and what diffusers computes for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, embed_timesteps
from model_management import diffusers_unet
from tests.model_management import tiny, tiny_ip_adapter, tiny_xl
from tests.model_management.test_family import header_of
from tests.oracles import diffusers

#: Tiny networks of two families. diffusers gives the middle as many transformer blocks as the level before it.
NETWORKS = {"sd15": tiny.UNET, "sdxl": replace(tiny_xl.UNETS["sdxl"], middle_depth=2)}

#: Width of the text, and widths of the cross-attentions: on the way down, on the way up, in the middle.
SIZES: dict[str, tuple[int, tuple[int, ...]]] = {"sd15": (64, (32, 32, 32, 64)), "sdxl": (192, (64,) * 8)}

TIME_IDS = torch.tensor([[512.0, 768.0, 16.0, 8.0, 640.0, 896.0]])
TIMESTEP = 501


@dataclass(frozen=True)
class Case:
    """adapters: kind and seed of each. images: how many each is given. masks: the half in which each counts."""

    name: str
    family: str
    adapters: tuple[tuple[str, int], ...]
    weight: float = 1.0
    images: int = 1
    masks: tuple[str, ...] = ()

    def mask(self, number: int) -> Tensor | None:
        """Of an adapter: [1, 64, 64], 1 where it counts."""
        return half(self.masks[number]) if self.masks else None


CASES = (
    *(Case(f"{family}.{kind}", family, ((kind, 11),)) for family in SIZES for kind in tiny_ip_adapter.KINDS),
    Case("sd15.two images", "sd15", (("base", 11),), 0.7, images=2),
    Case("sd15.two adapters", "sd15", (("base", 11), ("plus", 13)), 0.4),
    Case("sd15.mask", "sd15", (("base", 11),), masks=("left",)),
    Case("sdxl.two masks", "sdxl", (("base", 11), ("plus", 13)), 0.6, masks=("left", "below")),
)


def half(which: str) -> Tensor:
    """A mask of 64 px each way, whose border lies between tokens at every level of the tiny networks."""
    mask = torch.zeros(1, 64, 64)
    mask[(slice(None), slice(None), slice(32)) if which == "left" else (slice(None), slice(32, None))] = 1
    return mask


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


def wanted(case: Case) -> Tensor:
    """The output of diffusers' UNet, whose own loader was given the adapters' tables."""
    net = _theirs(case.family)
    tables = [
        tiny_ip_adapter.nested(tiny_ip_adapter.ip_adapter_tensors(kind, *SIZES[case.family], seed))
        for kind, seed in case.adapters
    ]
    net._load_ip_adapter_weights(tables, low_cpu_mem_usage=False)
    for processor in net.attn_processors.values():
        if hasattr(processor, "scale"):
            processor.scale = [case.weight] * len(tables)
    x, timestep, text, vector = inputs(case.family)
    pairs = [images(case, kind) for kind, _seed in case.adapters]
    added = {"image_embeds": [torch.stack([seen, unseen.expand_as(seen)]) for seen, unseen in pairs]}
    if vector is not None:
        added |= {"text_embeds": vector[:, : tiny_xl.PROJECTED], "time_ids": TIME_IDS.expand(2, -1)}
    masks = [half(which)[None] for which in case.masks]
    more = {"cross_attention_kwargs": {"ip_adapter_masks": masks}} if masks else {}
    with torch.inference_mode():
        return net(x, timestep, text, added_cond_kwargs=added, **more).sample


def _theirs(family: str) -> Any:
    config = NETWORKS[family]
    keywords: dict[str, Any] = {"attention_head_dim": 8}
    if family == "sdxl":
        keywords = {
            "attention_head_dim": (1, 1), "use_linear_projection": True, "transformer_layers_per_block": (1, 2),
            "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": config.vector_width,
        }  # fmt: skip
    attends = [bool(config.depths_down(level)[0]) for level in range(len(config.widths))]
    net = diffusers().UNet2DConditionModel(
        block_out_channels=config.widths, layers_per_block=config.blocks, cross_attention_dim=config.context_width,
        down_block_types=tuple("CrossAttnDownBlock2D" if has else "DownBlock2D" for has in attends),
        up_block_types=tuple("CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(attends)),
        time_embedding_dim=config.time_width, **keywords,
    )  # fmt: skip
    names = diffusers_unet.names_in_diffusers(
        header_of({key: list(each.shape) for key, each in net.state_dict().items()})
    )
    ours = network_tensors(family)
    net.load_state_dict({theirs: ours[name] for name, theirs in names.items()})
    return net.eval()
