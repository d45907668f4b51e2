"""What GLIGEN adds to a UNet: texts with their boxes become tokens, to which the picture looks in each of its blocks.

Attribute names are those of the published files, but for those of the fusers: which block each belongs to is said by
`GligenConfig`. Source: Li et al. 2023, arXiv:2301.07093, equations 5 to 8, and its published code for the order of the
Fourier features and what stands for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from heddle.networks.hooks import AttentionPlace
from heddle.networks.ops import Ops
from heddle.networks.unet import CrossAttention, FeedForward

FASTEST = 100.0  # of the Fourier features' frequencies, which rise from 1


class FuserSizes(NamedTuple):
    """One fuser: the block that it stands in (as the place of its attention to the text), and its sizes."""

    place: AttentionPlace
    width: int
    heads: int


@dataclass(frozen=True)
class GligenConfig:
    """Sizes of all that is added.

    text_width: of a text's pooled vector. context_width: of the tokens that texts and boxes become.
    frequencies: of the Fourier features of a box's four numbers.
    """

    text_width: int
    context_width: int
    inner_width: int
    frequencies: int
    fusers: tuple[FuserSizes, ...]


class PositionNet(nn.Module):
    """Texts and their boxes to tokens. What is missing is replaced by a learned nothing."""

    def __init__(self, config: GligenConfig, ops: Ops) -> None:
        super().__init__()
        features = 8 * config.frequencies  # sines and cosines of four numbers
        self.frequencies = config.frequencies
        self.linears = nn.Sequential(
            ops.Linear(config.text_width + features, config.inner_width),
            nn.SiLU(),
            ops.Linear(config.inner_width, config.inner_width),
            nn.SiLU(),
            ops.Linear(config.inner_width, config.context_width),
        )
        self.null_positive_feature = nn.Parameter(torch.zeros(config.text_width))
        self.null_position_feature = nn.Parameter(torch.zeros(features))

    def forward(self, texts: Tensor, boxes: Tensor, count: int) -> Tensor:
        """Tokens of texts in boxes, and of nothing up to a number of them.

        Args:
            texts: [N, text_width], pooled. boxes: [N, 4], left, top, right, bottom as shares of the picture.
            count: N or more.
        Returns: [1, count, context_width].
        """
        places = self._features(boxes)
        missing = count - len(texts)
        texts = torch.cat([texts, self.null_positive_feature.expand(missing, -1)])
        places = torch.cat([places, self.null_position_feature.expand(missing, -1)])
        return self.linears(torch.cat([texts, places], dim=-1))[None]

    def _features(self, boxes: Tensor) -> Tensor:
        """[N, 4] -> [N, 8 * frequencies]: for each frequency the sines of the four numbers, then their cosines."""
        steps = torch.arange(self.frequencies, device=boxes.device) / self.frequencies
        angles = (FASTEST**steps)[:, None] * boxes.float()[:, None]
        return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1).to(boxes)


class Fuser(nn.Module):
    """The picture looks at itself and the tokens of the boxes, as much as two learned gates let it."""

    def __init__(self, context_width: int, width: int, heads: int, ops: Ops) -> None:
        super().__init__()
        self.linear = ops.Linear(context_width, width)
        self.attn = CrossAttention(width, width, heads, ops)
        self.ff = FeedForward(width, ops)
        self.norm1 = ops.LayerNorm(width)
        self.norm2 = ops.LayerNorm(width)
        self.alpha_attn = nn.Parameter(torch.zeros(()))
        self.alpha_dense = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, objects: Tensor) -> Tensor:
        """x [B, T, width], objects [B, N, context_width] -> [B, T, width]."""
        whole = self.norm1(torch.cat([x, self.linear(objects)], dim=1))
        # Only what the picture's own tokens see is kept, so the others need not look.
        x = x + self.alpha_attn.tanh() * self.attn(whole[:, : x.shape[1]], whole)
        return x + self.alpha_dense.tanh() * self.ff(self.norm2(x))


class Gligen(nn.Module):
    """The net for the boxes, and the fusers in the order of the config."""

    def __init__(self, config: GligenConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.position_net = PositionNet(config, ops)
        self.fusers = nn.ModuleList(
            Fuser(config.context_width, fuser.width, fuser.heads, ops) for fuser in config.fusers
        )
        self.numbers = {fuser.place: number for number, fuser in enumerate(config.fusers)}

    def fuse(self, place: AttentionPlace, x: Tensor, objects: Tensor) -> Tensor:
        """What the fuser of a block makes of its tokens, see `Fuser`."""
        return self.fusers[self.numbers[place]](x, objects)
