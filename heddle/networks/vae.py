"""The picture autoencoder of Stable Diffusion and its kin: pixels to latents of a much smaller grid, and back.

Those with 4 latent channels have a convolution of one pixel at the latents' side of each half, those with 16 (SD 3,
FLUX.1) have none. Attribute names are those of the published checkpoints below `first_stage_model.`, so `state_dict()`
is the file's layout. Source: Rombach et al. 2022, arXiv:2112.10752, section 3.1; Esser et al. 2021, arXiv:2012.09841.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import pad

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.ops import AddingBlock, Ops
from heddle.networks.time_blocks import TimeResBlock, as_frames, as_videos, conv_along_time
from heddle.numerics.attention import attend
from heddle.numerics.layers import conv2d_of_doubled
from heddle.numerics.strips import activated, can_strip, convolve, like

NORM_GROUPS = 32


@dataclass(frozen=True)
class VaeConfig:
    """Sizes of the net. A level is one scale of the picture, the finest first.

    widths: channels of each level; between two levels height and width are halved.
    blocks: residual blocks of each level of the encoder; the decoder has one more.
    has_quant: there are convolutions of one pixel at the latents' side.
    along_time: the decoder looks along time, too: what it is given together are the frames of one video.
    """

    widths: tuple[int, ...]
    blocks: int
    latent_channels: int = 4
    image_channels: int = 3
    has_quant: bool = True
    along_time: bool = False

    def __post_init__(self) -> None:
        for width in self.widths:
            if width % NORM_GROUPS:
                raise ShapeError(
                    say(
                        "VaeConfig: a level of {width} channels cannot be normed in {norm_groups} "
                        "groups; use a multiple of {norm_groups}",
                        width=width,
                        norm_groups=NORM_GROUPS,
                    ),
                    wanted=f"a multiple of {NORM_GROUPS}",
                    got=width,
                )

    @property
    def px_per_cell(self) -> int:
        """Side in pixels of the square that one latent position stands for."""
        return 2 ** (len(self.widths) - 1)


def norm(channels: int, ops: Ops) -> nn.GroupNorm:
    return ops.GroupNorm(NORM_GROUPS, channels, eps=1e-6)


class ResBlock(AddingBlock):
    """Two convolutions beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int, ops: Ops) -> None:
        super().__init__()
        self.norm1 = norm(in_channels, ops)
        self.conv1 = ops.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = norm(out_channels, ops)
        self.conv2 = ops.Conv2d(out_channels, out_channels, 3, padding=1)
        self.silu = nn.SiLU()
        if in_channels != out_channels:
            self.nin_shortcut = ops.Conv2d(in_channels, out_channels, 1)
        else:
            self.nin_shortcut = nn.Identity()

    def last_layer(self) -> nn.Module:
        return self.conv2

    def forward(self, x: Tensor) -> Tensor:
        """x may be written to."""
        if can_strip(x, self.norm1, self.norm2):
            return self._in_strips(x)
        h = self.conv1(self.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(self.silu(self.norm2(h)))

    def _in_strips(self, x: Tensor) -> Tensor:
        """The same in the memory of two pictures: what the shortcut gives takes the place of x where it fits there."""
        channels = self.conv2.out_channels
        is_kept = isinstance(self.nin_shortcut, nn.Identity)
        h, short = like(x, channels), x if channels <= x.shape[1] else like(x, channels)
        for rows, seen in activated(x, self.norm1):
            h[:, :, rows] = convolve(seen, self.conv1)
            if not is_kept:
                short[:, :channels, rows] = self.nin_shortcut(x[:, :, rows])
        short = short[:, :channels]
        for rows, seen in activated(h, self.norm2):
            short[:, :, rows] += convolve(seen, self.conv2)
        return short


class VideoResBlock(ResBlock):
    """A residual block within each frame of a video, then one along time, of which a learned share counts."""

    def __init__(self, in_channels: int, out_channels: int, ops: Ops) -> None:
        super().__init__(in_channels, out_channels, ops)
        self.time_stack = TimeResBlock(out_channels, 0, ops)
        self.mix_factor = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        video = as_videos(x, len(x))
        return as_frames(torch.lerp(video, self.time_stack(video), self.mix_factor.sigmoid()))


def last_layers(x: Tensor, norm: nn.GroupNorm, silu: nn.Module, conv: nn.Conv2d) -> Tensor:
    """What both halves end with."""
    if not can_strip(x, norm):
        return conv(silu(norm(x)))
    made = like(x, conv.out_channels)
    for rows, seen in activated(x, norm):
        made[:, :, rows] = convolve(seen, conv)
    return made


class AttentionBlock(AddingBlock):
    """Every position looks at every other, with one head."""

    def __init__(self, channels: int, ops: Ops) -> None:
        super().__init__()
        self.norm = norm(channels, ops)
        self.q = ops.Conv2d(channels, channels, 1)
        self.k = ops.Conv2d(channels, channels, 1)
        self.v = ops.Conv2d(channels, channels, 1)
        self.proj_out = ops.Conv2d(channels, channels, 1)

    def last_layer(self) -> nn.Module:
        return self.proj_out

    def forward(self, x: Tensor) -> Tensor:
        own = self.norm(x)
        q, k, v = (rearrange(layer(own), "b c h w -> b (h w) c") for layer in (self.q, self.k, self.v))
        h = rearrange(attend(q, k, v, heads=1), "b (h w) c -> b c h w", h=x.shape[2])
        return x + self.proj_out(h)


class Middle(nn.Module):
    """The coarsest scale: a block, attention, a block."""

    def __init__(self, channels: int, ops: Ops, block: type[ResBlock] = ResBlock) -> None:
        super().__init__()
        self.block_1 = block(channels, channels, ops)
        self.attn_1 = AttentionBlock(channels, ops)
        self.block_2 = block(channels, channels, ops)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class Downsample(nn.Module):
    """Half the height and width."""

    def __init__(self, channels: int, ops: Ops) -> None:
        super().__init__()
        self.conv = ops.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(pad(x, (0, 1, 0, 1)))  # right and below only: so the published nets were trained


class Upsample(nn.Module):
    """Twice the height and width."""

    def __init__(self, channels: int, ops: Ops) -> None:
        super().__init__()
        self.conv = ops.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return conv2d_of_doubled(x, self.conv.weight, self.conv.bias)


class DownLevel(nn.Module):
    """The blocks of one scale on the way to the latents, then the step to the next."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, is_last: bool, ops: Ops) -> None:
        super().__init__()
        inputs = [in_channels] + [out_channels] * (blocks - 1)
        self.block = nn.ModuleList(ResBlock(channels, out_channels, ops) for channels in inputs)
        self.downsample = nn.Identity() if is_last else Downsample(out_channels, ops)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        return self.downsample(x)


class UpLevel(nn.Module):
    """The blocks of one scale on the way to the pixels, then the step to the next."""

    def __init__(
        self, in_channels: int, out_channels: int, blocks: int, is_last: bool, ops: Ops, block: type[ResBlock]
    ) -> None:
        super().__init__()
        inputs = [in_channels] + [out_channels] * (blocks - 1)
        self.block = nn.ModuleList(block(channels, out_channels, ops) for channels in inputs)
        self.upsample = nn.Identity() if is_last else Upsample(out_channels, ops)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        return self.upsample(x)


class Encoder(nn.Module):
    """Pixels to the moments of the latents, before `quant_conv`."""

    def __init__(self, config: VaeConfig, ops: Ops) -> None:
        super().__init__()
        widths = config.widths
        self.conv_in = ops.Conv2d(config.image_channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            DownLevel(before, width, config.blocks, level == len(widths) - 1, ops)
            for level, (before, width) in enumerate(zip(widths[:1] + widths, widths, strict=False))
        )
        self.mid = Middle(widths[-1], ops)
        self.norm_out = norm(widths[-1], ops)
        self.conv_out = ops.Conv2d(widths[-1], 2 * config.latent_channels, 3, padding=1)
        self.silu = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return last_layers(self.mid(x), self.norm_out, self.silu, self.conv_out)


class Decoder(nn.Module):
    """Latents, after `post_quant_conv`, to pixels."""

    def __init__(self, config: VaeConfig, ops: Ops) -> None:
        super().__init__()
        widths, block = config.widths, VideoResBlock if config.along_time else ResBlock
        self.conv_in = ops.Conv2d(config.latent_channels, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1], ops, block)
        self.up = nn.ModuleList(
            UpLevel(before, width, config.blocks + 1, level == 0, ops, block)
            for level, (before, width) in enumerate(zip(widths[1:] + widths[-1:], widths, strict=True))
        )
        self.norm_out = norm(widths[0], ops)
        self.conv_out = ops.Conv2d(widths[0], config.image_channels, 3, padding=1)
        self.along_time = config.along_time
        if config.along_time:
            self.conv_out.add_module("time_mix_conv", conv_along_time(config.image_channels, ops))
        self.silu = nn.SiLU()

    def forward(self, z: Tensor) -> Tensor:
        x = self.mid(self.conv_in(z))
        for level in reversed(self.up):  # the file counts the levels from the finest
            x = level(x)
        x = last_layers(x, self.norm_out, self.silu, self.conv_out)
        if not self.along_time:
            return x
        return as_frames(self.conv_out.get_submodule("time_mix_conv")(as_videos(x, len(x))))


class Autoencoder(nn.Module):
    """Encoder and decoder, and what stands at the latents' side of each."""

    def __init__(self, config: VaeConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        latent, moments = config.latent_channels, 2 * config.latent_channels
        self.encoder = Encoder(config, ops)
        self.decoder = Decoder(config, ops)
        self.quant_conv = ops.Conv2d(moments, moments, 1) if config.has_quant else nn.Identity()
        self.post_quant_conv = ops.Conv2d(latent, latent, 1) if config.has_quant else nn.Identity()

    def encode(self, pixels: Tensor) -> Tensor:
        """The Gaussian over latents that a picture gives.

        Args:
            pixels: [B, 3, H, W], -1..1, H and W multiples of `config.px_per_cell`.
        Returns: [B, 2 * C, h, w]: C channels of means, then C of log variances.
        """
        cell = self.config.px_per_cell
        if pixels.shape[2] % cell or pixels.shape[3] % cell:
            raise ShapeError(
                say(
                    "a picture of {width} x {height} pixels cannot be encoded: width and height are to "
                    "be multiples of {cell}; crop or resize it first",
                    width=pixels.shape[3],
                    height=pixels.shape[2],
                    cell=cell,
                ),
                wanted=f"multiples of {cell}",
                got=tuple(pixels.shape[2:]),
            )
        return self.quant_conv(self.encoder(pixels))

    def decode(self, z: Tensor) -> Tensor:
        """The picture of a latent.

        Args:
            z: [B, C, h, w], in the net's own units; the frames of one video, for nets that look along time.
        Returns: [B, 3, H, W], about -1..1.
        """
        return self.decoder(self.post_quant_conv(z))
