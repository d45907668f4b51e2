"""Small autoencoders for previews: what the large one does, learnt by a few plain convolutions.

Layers go by their numbers, so `state_dict()` of each half is the layout of its published file.
Source: the published TAESD, https://github.com/madebyollin/taesd, and the headers of its files.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from heddle.networks.ops import AddingBlock, Ops

#: Blocks of each scale, from the latent's to the pixels'; the first and the last stand at the net's ends.
BLOCKS = (3, 3, 3, 1)

#: Latents beyond this are bent back before they are decoded: x becomes 3·tanh(x / 3).
REACH = 3.0


@dataclass(frozen=True)
class SmallVaeConfig:
    """Sizes, and how the latents of the net's own kind lie to those of the large autoencoder.

    A latent of the large one is (own / scale) + shift.
    """

    latent_channels: int = 4
    width: int = 64
    image_channels: int = 3
    scale: float = 1.0
    shift: float = 0.0

    @property
    def px_per_cell(self) -> int:
        """Side in pixels of the square that one latent position stands for."""
        return 2 ** (len(BLOCKS) - 1)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each scale, the finest first."""
        return (self.width,) * len(BLOCKS)


class Block(AddingBlock):
    """Three convolutions, added to what comes in."""

    def __init__(self, width: int, ops: Ops) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            ops.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            ops.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            ops.Conv2d(width, width, 3, padding=1),
        )

    def last_layer(self) -> nn.Module:
        return self.conv[-1]

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.conv(x) + x)


class BendBack(nn.Module):
    """Keeps latents within `REACH`."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / REACH) * REACH


def small_encoder(config: SmallVaeConfig, ops: Ops) -> nn.Sequential:
    """Pixels, 0..1, to latents of the net's own kind."""
    width = config.width
    layers: list[nn.Module] = [ops.Conv2d(config.image_channels, width, 3, padding=1)]
    for scale, blocks in enumerate(reversed(BLOCKS)):
        if scale:
            layers.append(ops.Conv2d(width, width, 3, stride=2, padding=1, bias=False))
        layers += [Block(width, ops) for _ in range(blocks)]
    return nn.Sequential(*layers, ops.Conv2d(width, config.latent_channels, 3, padding=1))


def small_decoder(config: SmallVaeConfig, ops: Ops) -> nn.Sequential:
    """Latents of the net's own kind to pixels, about 0..1."""
    width = config.width
    layers: list[nn.Module] = [BendBack(), ops.Conv2d(config.latent_channels, width, 3, padding=1), nn.ReLU()]
    for scale, blocks in enumerate(BLOCKS):
        layers += [Block(width, ops) for _ in range(blocks)]
        if scale + 1 < len(BLOCKS):
            layers += [nn.Upsample(scale_factor=2), ops.Conv2d(width, width, 3, padding=1, bias=False)]
    return nn.Sequential(*layers, ops.Conv2d(width, config.image_channels, 3, padding=1))


class SmallAutoencoder(nn.Module):
    """Both halves behind the face of the large autoencoder: its latents, and pixels of -1..1."""

    def __init__(self, config: SmallVaeConfig, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, pixels: Tensor) -> Tensor:
        """[B, 3, H, W], -1..1 -> [B, C, h, w]: means alone, this net knows no variance."""
        return self.encoder(pixels / 2 + 0.5) / self.config.scale + self.config.shift

    def decode(self, z: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, 3, H, W], about -1..1."""
        return self.decoder((z - self.config.shift) * self.config.scale) * 2 - 1
