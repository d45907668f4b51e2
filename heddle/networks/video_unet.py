"""The UNet of Stable Video Diffusion: that of Stable Diffusion, with a block along time behind each of its blocks.

Attribute names are those of the published single-file checkpoints below `model.diffusion_model.`. Source: Blattmann et
al. 2023, arXiv:2311.15127, appendix D; for the layers along time arXiv:2304.08818.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from heddle.networks.hooks import Hooks
from heddle.networks.ops import Ops
from heddle.networks.time_blocks import TimeMixer, TimeResBlock, as_frames, as_videos
from heddle.networks.unet import (
    CrossAttention,
    FeedForward,
    ResBlock,
    SpatialTransformer,
    UNet,
    UNetConfig,
    embed_timesteps,
)

#: Sequences that attend side by side: kernels of graphics cards count them in 16 bits.
MOST_SEQUENCES = 1 << 15


class VideoResBlock(ResBlock):
    """A residual block within each frame, then one along time."""

    def __init__(self, in_channels: int, out_channels: int, time_width: int, ops: Ops) -> None:
        super().__init__(in_channels, out_channels, time_width, ops)
        self.time_stack = TimeResBlock(out_channels, time_width, ops)
        self.time_mixer = TimeMixer()

    def forward(self, x: Tensor, time: Tensor, frames: int = 1) -> Tensor:
        videos = as_videos(super().forward(x, time), frames)
        return as_frames(self.time_mixer(videos, self.time_stack(videos, time)))


class TimeTransformerBlock(nn.Module):
    """Each pixel looks at itself in all frames, then at what the video is shown."""

    def __init__(self, width: int, context_width: int, heads: int, ops: Ops) -> None:
        super().__init__()
        self.norm_in = ops.LayerNorm(width)
        self.ff_in = FeedForward(width, ops)
        self.norm1 = ops.LayerNorm(width)
        self.attn1 = CrossAttention(width, width, heads, ops)
        self.norm2 = ops.LayerNorm(width)
        self.attn2 = CrossAttention(width, context_width, heads, ops)
        self.norm3 = ops.LayerNorm(width)
        self.ff = FeedForward(width, ops)

    def forward(self, x: Tensor, context: Tensor, frames: int) -> Tensor:
        """
        Args:
            x: [B * T, pixels, width].
            context: [B, tokens, context_width]: one for all frames of a video.
        """
        pixels = x.shape[1]
        x = rearrange(x, "(b t) s c -> (b s) t c", t=frames)
        x = x + self.ff_in(self.norm_in(x))
        parts = [self.attn1(part, part) for part in self.norm1(x).split(MOST_SEQUENCES)]
        x = x + (parts[0] if len(parts) == 1 else torch.cat(parts))
        # All pixels of all frames ask the same context, so they do it as one sequence.
        asking = rearrange(self.norm2(x), "(b s) t c -> b (s t) c", s=pixels)
        x = x + rearrange(self.attn2(asking, context), "b (s t) c -> (b s) t c", s=pixels)
        x = x + self.ff(self.norm3(x))
        return rearrange(x, "(b s) t c -> (b t) s c", s=pixels)


class VideoTransformer(SpatialTransformer):
    """Transformer blocks over the pixels of each frame, each followed by one along time."""

    def __init__(self, channels: int, depth: int, config: UNetConfig, ops: Ops, *, reads_itself: bool = True) -> None:
        super().__init__(channels, depth, config, ops, reads_itself=reads_itself)
        heads = config.heads_of(channels)
        self.time_stack = nn.ModuleList(
            TimeTransformerBlock(channels, config.context_width, heads, ops) for _ in range(depth)
        )
        self.time_pos_embed = nn.Sequential(
            ops.Linear(channels, 4 * channels), nn.SiLU(), ops.Linear(4 * channels, channels)
        )
        self.time_mixer = TimeMixer()

    def run_blocks(self, h: Tensor, context: Tensor, hooks: Hooks, grid: tuple[int, int], frames: int = 1) -> Tensor:
        numbers = embed_timesteps(torch.arange(frames, device=h.device), h.shape[2])
        places = self.time_pos_embed(numbers.to(h)).repeat(len(h) // frames, 1)[:, None]
        of_videos = context[::frames]
        for block, along_time in zip(self.transformer_blocks, self.time_stack, strict=True):
            h = block(h, context, hooks, grid)
            h = self.time_mixer(h, along_time(h + places, of_videos, frames))
        return h


class VideoUNet(UNet):
    """Predicts the noise of all frames of a video together. It is to be told how many frames a video has."""

    res_block = VideoResBlock
    transformer = VideoTransformer
