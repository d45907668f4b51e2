"""T2I-Adapters: small nets that read a picture once and say what to add on a UNet's way down, one feature a level.

Attribute names are those of the authors' files. Source: Mou et al. 2023, arXiv:2302.08453, and the headers of the
published files (full and light ones for Stable Diffusion 1, full ones for XL).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pixel_unshuffle, relu

from heddle.networks.ops import Ops
from heddle.networks.residuals import Residuals


@dataclass(frozen=True)
class T2IAdapterConfig:
    """Sizes of the net.

    hint_channels: 3, or 1 for nets that look at grey pictures.
    fold_px: side of the square of pixels that the first layer sees as one position.
    widths: of the features, the finest first.
    blocks: residual blocks before each feature.
    halves: for each feature, whether the picture is halved before it.
    is_light: blocks are a quarter as wide as their feature.
    narrow: the second convolution of a block sees one position.
    pools: halving takes means; with a convolution otherwise.
    """

    hint_channels: int
    fold_px: int
    widths: tuple[int, ...]
    blocks: int
    halves: tuple[bool, ...]
    is_light: bool = False
    narrow: bool = True
    pools: bool = True

    @property
    def folded_channels(self) -> int:
        return self.hint_channels * self.fold_px**2


class Halving(nn.Module):
    """Half the height and width, rounded up."""

    def __init__(self, channels: int, *, pools: bool, ops: Ops) -> None:
        super().__init__()
        if not pools:
            self.op = ops.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.pools = pools

    def forward(self, x: Tensor) -> Tensor:
        return avg_pool2d(x, 2, ceil_mode=True) if self.pools else self.op(x)


class TwoConvolutions(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int, *, narrow: bool, ops: Ops) -> None:
        super().__init__()
        self.block1 = ops.Conv2d(width, width, 3, padding=1)
        self.block2 = ops.Conv2d(width, width, 1 if narrow else 3, padding=0 if narrow else 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block2(relu(self.block1(x)))


class FullBlock(TwoConvolutions):
    """A residual block, of a full adapter: the first of a feature also halves and widens."""

    def __init__(self, in_width: int, width: int, config: T2IAdapterConfig, ops: Ops, *, halves: bool) -> None:
        super().__init__(width, narrow=config.narrow, ops=ops)
        self.down_opt = Halving(in_width, pools=config.pools, ops=ops) if halves else nn.Identity()
        self.in_conv = nn.Identity()
        if in_width != width:
            side = 1 if config.narrow else 3
            self.in_conv = ops.Conv2d(in_width, width, side, padding=side // 2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.in_conv(self.down_opt(x)))


class LightBlock(nn.Module):
    """All that stands before one feature of a light adapter."""

    def __init__(self, in_width: int, width: int, config: T2IAdapterConfig, ops: Ops, *, halves: bool) -> None:
        super().__init__()
        inner = width // 4
        self.halves = halves
        self.in_conv = ops.Conv2d(in_width, inner, 1)
        self.body = nn.Sequential(*(TwoConvolutions(inner, narrow=False, ops=ops) for _ in range(config.blocks)))
        self.out_conv = ops.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = avg_pool2d(x, 2, ceil_mode=True) if self.halves else x
        return self.out_conv(self.body(self.in_conv(x)))


class T2IAdapter(nn.Module):
    """The whole net."""

    def __init__(self, config: T2IAdapterConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.body = nn.ModuleList()
        if config.is_light:
            self.conv_in = nn.Identity()
            in_width = config.folded_channels
        else:
            in_width = config.widths[0]
            self.conv_in = ops.Conv2d(config.folded_channels, in_width, 3, padding=1)
        for width, halves in zip(config.widths, config.halves, strict=True):
            if config.is_light:
                self.body.append(LightBlock(in_width, width, config, ops, halves=halves))
            else:
                self.body.append(FullBlock(in_width, width, config, ops, halves=halves))
                self.body.extend(FullBlock(width, width, config, ops, halves=False) for _ in range(config.blocks - 1))
            in_width = width

    def read_hint(self, hint: Tensor) -> tuple[Tensor, ...]:
        """The features, finest first: what `forward` takes as `guide`, the same at every step of a run.

        Args:
            hint: [B, hint_channels, H, W], 0..1; H and W multiples of `config.fold_px`.
        """
        x = self.conv_in(pixel_unshuffle(hint, self.config.fold_px))
        features: list[Tensor] = []
        each = 1 if self.config.is_light else self.config.blocks
        for number, block in enumerate(self.body, 1):
            x = block(x)
            if number % each == 0:
                features.append(x)
        return tuple(features)

    def forward(self, x: Tensor, timesteps: Tensor, *, guide: tuple[Tensor, ...], kind: None = None) -> Residuals:
        """The features, whatever the latent; `inside` has one for each of them, not yet at its block's place."""
        return Residuals(inside=tuple(feature.expand(len(x), -1, -1, -1) for feature in guide))
