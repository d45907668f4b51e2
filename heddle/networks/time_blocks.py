"""Blocks that look along time, for nets whose batch is the frames of videos, one video after the other.

Each stands beside a block that looks within its frame, and a learned share says how much of either counts. Attribute
names are those of the published checkpoints of Stable Video Diffusion. Source: Blattmann et al. 2023, arXiv:2304.08818,
section 3.1, and arXiv:2311.15127, appendix D.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from heddle.networks.ops import AddingBlock, Ops

NORM_GROUPS = 32


def as_videos(x: Tensor, frames: int) -> Tensor:
    """[B * T, C, h, w] -> [B, C, T, h, w], where T is `frames`."""
    return rearrange(x, "(b t) c h w -> b c t h w", t=frames)


def as_frames(x: Tensor) -> Tensor:
    """[B, C, T, h, w] -> [B * T, C, h, w]."""
    return rearrange(x, "b c t h w -> (b t) c h w")


def conv_along_time(channels: int, ops: Ops) -> nn.Conv3d:
    """A convolution of three frames and one pixel."""
    return ops.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))


class TimeMixer(nn.Module):
    """What was found within each frame and what was found along time, mixed by one learned share."""

    def __init__(self) -> None:
        super().__init__()
        self.mix_factor = nn.Parameter(torch.zeros(1))

    def forward(self, within: Tensor, along: Tensor) -> Tensor:
        return torch.lerp(along, within, self.mix_factor.sigmoid())


class TimeResBlock(AddingBlock):
    """Two convolutions along time beside a shortcut; the noise level comes in between them.

    Args:
        time_width: of the embedded noise level, 0 = the net has none.
    """

    def __init__(self, channels: int, time_width: int, ops: Ops) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            ops.GroupNorm(NORM_GROUPS, channels, eps=1e-5), nn.SiLU(), conv_along_time(channels, ops)
        )
        if time_width:
            self.emb_layers = nn.Sequential(nn.SiLU(), ops.Linear(time_width, channels))
        self.out_layers = nn.Sequential(
            ops.GroupNorm(NORM_GROUPS, channels, eps=1e-5),
            nn.SiLU(),
            nn.Identity(),  # the published net's dropout stands here, and gives the convolution its number
            conv_along_time(channels, ops),
        )

    def last_layer(self) -> nn.Module:
        return self.out_layers[3]

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """
        Args:
            x: [B, C, T, h, w].
            time: [B * T, time_width], for nets that are told a noise level.
        """
        h = self.in_layers(x)
        if time is not None:
            h = h + rearrange(self.emb_layers(time), "(b t) c -> b c t 1 1", t=x.shape[2])
        return x + self.out_layers(h)
