"""Control nets of Stable Diffusion 3: some blocks of its transformer, whose outputs are added behind the network's own.

Source: the published inference code and headers of InstantX's nets for Stable Diffusion 3 (whole blocks, with the text)
and of Stability's for 3.5 (blocks of the picture alone).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from heddle.networks.mmdit import (
    FREQUENCIES,
    Embedder,
    JointBlock,
    MmditConfig,
    PatchEmbedder,
    StreamBlock,
    placed_tokens,
)
from heddle.networks.modulation import moved, normed
from heddle.networks.ops import Ops
from heddle.networks.residuals import Residuals
from heddle.networks.unet import embed_timesteps
from heddle.numerics.attention import attend
from heddle.numerics.patches import fill_patches


@dataclass(frozen=True)
class MmditControlConfig:
    """Sizes of the net.

    net: of the network whose blocks it has, with so many blocks as the control net.
    hint_channels: of the hint's latent, and of a mask where the net looks at one.
    """

    net: MmditConfig
    hint_channels: int


class HintEmbedder(nn.Module):
    """A token for each patch of a hint's latent; incomplete patches are filled."""

    def __init__(self, config: MmditControlConfig, ops: Ops) -> None:
        super().__init__()
        self.side = config.net.side
        self.proj = ops.Conv2d(config.hint_channels, config.net.width, self.side, stride=self.side)

    def forward(self, hint: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, T, width]."""
        return self.proj(fill_patches(hint, self.side)).flatten(2).transpose(1, 2)


class MmditControlNet(nn.Module):
    """Blocks of text and picture, as the network's own."""

    def __init__(self, config: MmditControlConfig, ops: Ops) -> None:
        super().__init__()
        self.config, net = config, config.net
        self.x_embedder = PatchEmbedder(net, ops)
        self.t_embedder = Embedder(FREQUENCIES, net.width, ops)
        self.y_embedder = Embedder(net.vector_width, net.width, ops)
        self.context_embedder = ops.Linear(net.context_width, net.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, net.places**2, net.width))
        self.pos_embed_input = HintEmbedder(config, ops)
        # None of these is the last one of the network that they were copied from, whose text ends there.
        self.joint_blocks = nn.ModuleList(JointBlock(net, number, ops, is_last=False) for number in range(net.blocks))
        self.controlnet_blocks = nn.ModuleList(ops.Linear(net.width, net.width) for _ in range(net.blocks))

    def read_hint(self, hint: Tensor) -> tuple[Tensor]:
        """What `forward` takes as `guide`, [B, T, width], of a hint's latent [B, hint_channels, h, w]."""
        return (self.pos_embed_input(hint),)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor,
        *,
        guide: tuple[Tensor],
        kind: None = None,
    ) -> Residuals:
        """One call of the net; x, timesteps, context and vector as the network itself is given them.

        It was trained with zeros in the place of the pooled text.
        """
        time = self.t_embedder(embed_timesteps(timesteps, FREQUENCIES).to(x.dtype))
        time = silu(time + self.y_embedder(torch.zeros_like(vector)))
        text = self.context_embedder(context)
        tokens = placed_tokens(self.x_embedder, self.pos_embed, x) + guide[0]
        outputs: list[Tensor] = []
        for block, out in zip(self.joint_blocks, self.controlnet_blocks, strict=True):
            tokens, text = block(tokens, text, time)
            outputs.append(out(tokens))
        return Residuals(blocks=tuple(outputs))


class PictureBlock(StreamBlock):
    """The picture attends to itself alone."""

    def __init__(self, config: MmditConfig, ops: Ops) -> None:
        super().__init__(config, ops)
        self.heads = config.heads

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        moves = self.moves(time)
        q, k, v = self.attn.split(moved(normed(x), moves[0].shift, moves[0].scale))
        return self.finish(x, attend(q, k, v, self.heads), None, moves)


class PictureControlNet(nn.Module):
    """Blocks of the picture alone. The layers that make tokens of the latent are the network's own."""

    def __init__(self, config: MmditControlConfig, ops: Ops) -> None:
        super().__init__()
        self.config, net = config, config.net
        self.x_embedder = PatchEmbedder(net, ops)
        self.pos_embed = nn.Parameter(torch.zeros(1, net.places**2, net.width))
        self.t_embedder = Embedder(FREQUENCIES, net.width, ops)
        self.y_embedder = Embedder(net.vector_width, net.width, ops)
        self.pos_embed_input = HintEmbedder(config, ops)
        self.transformer_blocks = nn.ModuleList(PictureBlock(net, ops) for _ in range(net.blocks))
        self.controlnet_blocks = nn.ModuleList(ops.Linear(net.width, net.width) for _ in range(net.blocks))

    def read_hint(self, hint: Tensor) -> tuple[Tensor]:
        """What `forward` takes as `guide`, [B, T, width], of a hint's latent [B, hint_channels, h, w]."""
        return (self.pos_embed_input(hint),)

    def forward(
        self, x: Tensor, timesteps: Tensor, vector: Tensor, *, guide: tuple[Tensor], kind: None = None
    ) -> Residuals:
        """One call of the net; x, timesteps and vector as the network itself is given them."""
        time = silu(self.t_embedder(embed_timesteps(timesteps, FREQUENCIES).to(x.dtype)) + self.y_embedder(vector))
        tokens = placed_tokens(self.x_embedder, self.pos_embed, x) + guide[0]
        outputs: list[Tensor] = []
        for block, out in zip(self.transformer_blocks, self.controlnet_blocks, strict=True):
            tokens = block(tokens, time)
            outputs.append(out(tokens))
        return Residuals(blocks=tuple(outputs))
