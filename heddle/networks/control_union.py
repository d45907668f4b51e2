"""One control net for several kinds of hints: it is told which kind it sees.

The kind moves the time's vector, and each channel of what the hint reader gives is shifted by as much as a small
transformer says that looks at the means of all channels. Attribute names are those of the published checkpoint. In the
published code this transformer also looks from one picture of a batch to the others; where all have one hint that
changes nothing, and here each is by itself.
Source: the published inference code and header of xinsir's ControlNet++ for Stable Diffusion XL.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from heddle.networks.control import ControlNet, ControlNetConfig
from heddle.networks.ops import Ops
from heddle.networks.unet import embed_timesteps
from heddle.numerics.attention import attend

HEADS = 8  # of the small transformer, as published; it stands in no shape


@dataclass(frozen=True)
class UnionConfig(ControlNetConfig):
    """Sizes of the net.

    kinds: of hints that it knows, numbered from 0.
    kind_width: numbers that "yes" or "no" is spread over for each kind.
    mixer_width, mixer_layers: of the small transformer.
    """

    kinds: int = 6
    kind_width: int = 256
    mixer_width: int = 320
    mixer_layers: int = 1


class QuickGelu(nn.Module):
    """Source: Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class PackedAttention(nn.Module):
    """Tokens look at each other; queries, keys and values come of one weight."""

    def __init__(self, width: int, ops: Ops) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = ops.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        return self.out_proj(attend(q, k, v, HEADS))


class Mlp(nn.Module):
    """What each token works out for itself."""

    def __init__(self, width: int, ops: Ops) -> None:
        super().__init__()
        self.c_fc = ops.Linear(width, 4 * width)
        self.gelu = QuickGelu()
        self.c_proj = ops.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.gelu(self.c_fc(x)))


class MixerBlock(nn.Module):
    """One block of the small transformer."""

    def __init__(self, width: int, ops: Ops) -> None:
        super().__init__()
        self.attn = PackedAttention(width, ops)
        self.ln_1 = ops.LayerNorm(width)
        self.mlp = Mlp(width, ops)
        self.ln_2 = ops.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class KindEmbedder(nn.Module):
    """From the kinds to what is added to the time's vector."""

    def __init__(self, in_width: int, width: int, ops: Ops) -> None:
        super().__init__()
        self.linear_1 = ops.Linear(in_width, width)
        self.act = nn.SiLU()
        self.linear_2 = ops.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_2(self.act(self.linear_1(x)))


class UnionControlNet(ControlNet):
    """The whole net."""

    def __init__(self, config: UnionConfig, ops: Ops) -> None:
        super().__init__(config, ops)
        self.union = config
        self.task_embedding = nn.Parameter(torch.zeros(config.kinds, config.mixer_width))
        # The name is the published one.
        self.transformer_layes = nn.Sequential(
            *(MixerBlock(config.mixer_width, ops) for _ in range(config.mixer_layers))
        )
        self.spatial_ch_projs = ops.Linear(config.mixer_width, config.unet.widths[0])
        self.control_add_embedding = KindEmbedder(config.kinds * config.kind_width, config.unet.time_width, ops)

    def told(self, time: Tensor, kind: int | None) -> Tensor:
        answers = torch.zeros(self.union.kinds, device=time.device)
        if kind is not None:
            answers[kind] = 1
        return time + self.control_add_embedding(
            embed_timesteps(answers, self.union.kind_width).to(time).reshape(1, -1)
        )

    def guided(self, x: Tensor, guide: Tensor, kind: int | None) -> Tensor:
        if kind is None:
            return x + guide
        seen = self.transformer_layes((guide.mean((2, 3)) + self.task_embedding[kind])[:, None])
        return x + guide + self.spatial_ch_projs(seen[:, 0])[:, :, None, None]
