"""Control nets of FLUX.1: some of its blocks, whose outputs are added behind the network's own.

Attribute names are those of the network, and of XLabs' files for what it does not have. Source: the published inference
code and headers of XLabs' nets (which read pixels) and InstantX's (which read latents).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from heddle.networks.flux import FREQUENCIES, SIDE, TIME_UNITS, Flux, FluxConfig, sequence_turns
from heddle.networks.once_per_shape import OncePerShape
from heddle.networks.ops import Ops
from heddle.networks.residuals import Residuals
from heddle.networks.unet import embed_timesteps
from heddle.numerics.patches import cut_patches

HINT_WIDTH = 16  # channels of all layers that read pixels
HALVING = (1, 1, 2, 1, 2, 1, 2)  # strides of those layers


@dataclass(frozen=True)
class FluxControlConfig:
    """Sizes of the net.

    net: of the network whose blocks it has, with so many blocks as the control net.
    hint_channels: of the hint's latent, and of a mask where the net looks at one; 3 where it reads pixels.
    kinds: of hints that it knows, 0 = it knows one and is not told.
    """

    net: FluxConfig
    hint_channels: int
    reads_pixels: bool = False
    kinds: int = 0


class FluxControlNet(nn.Module):
    """The whole net."""

    def __init__(self, config: FluxControlConfig, ops: Ops) -> None:
        super().__init__()
        self.config, net = config, config.net
        copied = Flux(net, ops)
        self.img_in = copied.img_in
        self.time_in = copied.time_in
        self.vector_in = copied.vector_in
        if net.has_guidance:
            self.guidance_in = copied.guidance_in
        self.txt_in = copied.txt_in
        self.double_blocks = copied.double_blocks
        self.single_blocks = copied.single_blocks
        self.controlnet_blocks = nn.ModuleList(ops.Linear(net.width, net.width) for _ in copied.double_blocks)
        self.controlnet_single_blocks = nn.ModuleList(ops.Linear(net.width, net.width) for _ in copied.single_blocks)
        if config.reads_pixels:
            self.input_hint_block = _pixel_reader(config.hint_channels, ops)
        if config.kinds:
            self.controlnet_mode_embedder = ops.Embedding(config.kinds, net.width)
        patch = SIDE * SIDE * (HINT_WIDTH if config.reads_pixels else config.hint_channels)
        self.pos_embed_input = ops.Linear(patch, net.width)
        self.sequence_turns = OncePerShape(sequence_turns)

    def read_hint(self, hint: Tensor) -> tuple[Tensor]:
        """What `forward` takes as `guide`, [B, T, width]; the same at every step of a run.

        Args:
            hint: [B, hint_channels, H, W]; pixels 0..1, or a latent in the network's units.
        """
        if self.config.reads_pixels:
            hint = self.input_hint_block(2 * hint - 1)
        return (self.pos_embed_input(cut_patches(hint, SIDE)),)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor,
        guidance: Tensor | None = None,
        *,
        guide: tuple[Tensor],
        kind: int | None = None,
    ) -> Residuals:
        """One call of the net; x, timesteps, context, vector and guidance as the network itself is given them.

        Args:
            kind: what the hint shows, for nets that know several kinds; None leaves it to the net.
        """
        time = self.time_in(embed_timesteps(TIME_UNITS * timesteps, FREQUENCIES).to(x.dtype))
        if self.config.net.has_guidance and guidance is not None:
            time = time + self.guidance_in(embed_timesteps(TIME_UNITS * guidance, FREQUENCIES).to(x.dtype))
        time = silu(time + self.vector_in(vector))
        text = self.txt_in(context)
        if kind is not None:
            told = self.controlnet_mode_embedder.weight[kind].expand(len(text), 1, -1)
            text = torch.cat([told, text], dim=1)
        image = self.img_in(cut_patches(x, SIDE)) + guide[0]
        turn = self.sequence_turns(text.shape[1], ((x.shape[2], x.shape[3]),), self.config.net.axes, x.device)
        blocks: list[Tensor] = []
        for block, out in zip(self.double_blocks, self.controlnet_blocks, strict=True):
            image, text = block(image, text, time, turn)
            blocks.append(out(image))
        joined, length = torch.cat([text, image], dim=1), text.shape[1]
        single_blocks: list[Tensor] = []
        for block, out in zip(self.single_blocks, self.controlnet_single_blocks, strict=True):
            joined = block(joined, time, turn)
            single_blocks.append(out(joined[:, length:]))
        return Residuals(blocks=tuple(blocks), single_blocks=tuple(single_blocks))


def _pixel_reader(channels: int, ops: Ops) -> nn.Sequential:
    """Pixels to an eighth of their size; numbered as published, with an activation behind each layer but the last."""
    layers: list[nn.Module] = []
    for stride in HALVING:
        layers += [ops.Conv2d(channels, HINT_WIDTH, 3, padding=1, stride=stride), nn.SiLU()]
        channels = HINT_WIDTH
    return nn.Sequential(*layers, ops.Conv2d(HINT_WIDTH, HINT_WIDTH, 3, padding=1))
