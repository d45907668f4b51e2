"""Chroma: FLUX.1's blocks, whose modulations all come from one small net that is asked for each by its number.

Attribute names are those of the published single-file checkpoints. Source: the published description and inference code
of Chroma 1 (lodestones), which was trained on from FLUX.1 schnell.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from heddle.networks.flux import (
    SIDE,
    TIME_UNITS,
    DoubleBlock,
    Embedder,
    FluxConfig,
    Scale,
    SingleBlock,
    sequence_turns,
)
from heddle.networks.hooks import NO_HOOKS, Hooks
from heddle.networks.modulation import Modulation, moved, normed
from heddle.networks.once_per_shape import OncePerShape
from heddle.networks.ops import Ops
from heddle.networks.unet import embed_timesteps
from heddle.numerics.joint_mask import fit_to_call
from heddle.numerics.patches import cut_patches, join_patches
from heddle.numerics.rope import AS_TRAINED, PlaceScaling

#: How many vectors the small net was trained to give: three for each of 38 single blocks, twelve for each of 19 double
#: ones, and two for the last layer. A net with fewer blocks uses the first ones of each kind, and the last two.
VECTORS = 344
TIME_NUMBERS, INDEX_NUMBERS = 16, 32  # cosines and sines of the time, of the guidance and of a vector's number


@dataclass(frozen=True)
class ChromaConfig(FluxConfig):
    """Sizes of the net, of which FLUX.1's vector is none.

    asking_width, asking_layers: of the small net.
    """

    vector_width: int = 0
    has_guidance: bool = True
    asking_width: int = 5120
    asking_layers: int = 5


class Asked(nn.Module):
    """From time, guidance and a vector's number to the vector."""

    def __init__(self, config: ChromaConfig, ops: Ops) -> None:
        super().__init__()
        width = config.asking_width
        self.in_proj = ops.Linear(2 * TIME_NUMBERS + INDEX_NUMBERS, width)
        self.layers = nn.ModuleList(Embedder(width, width, ops) for _ in range(config.asking_layers))
        self.norms = nn.ModuleList(Scale(width) for _ in range(config.asking_layers))
        self.out_proj = ops.Linear(width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.in_proj(x)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + layer(norm(x))
        return self.out_proj(x)


class MovedDoubleBlock(DoubleBlock):
    """Moved by what it is given."""

    def forward(
        self,
        image: Tensor,
        text: Tensor,
        image_moves: tuple[Modulation, ...],
        text_moves: tuple[Modulation, ...],
        turn: Tensor,
        hooks: Hooks = NO_HOOKS,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        return self.run(image, text, image_moves, text_moves, turn, hooks, mask)


class MovedSingleBlock(SingleBlock):
    """Moved by what it is given."""

    def forward(
        self,
        x: Tensor,
        moves: Modulation,
        turn: Tensor,
        hooks: Hooks = NO_HOOKS,
        text_length: int = 0,
        mask: Tensor | None = None,
    ) -> Tensor:
        return self.run(x, moves, turn, hooks, text_length, mask)


class FinalLayer(nn.Module):
    """From tokens to the numbers of their patches."""

    def __init__(self, config: ChromaConfig, ops: Ops) -> None:
        super().__init__()
        self.linear = ops.Linear(config.width, SIDE * SIDE * config.out_channels)


class Chroma(nn.Module):
    """The whole net."""

    def __init__(self, config: ChromaConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.img_in = ops.Linear(SIDE * SIDE * config.in_channels, config.width)
        self.txt_in = ops.Linear(config.context_width, config.width)
        self.distilled_guidance_layer = Asked(config, ops)
        self.double_blocks = nn.ModuleList(MovedDoubleBlock(config, ops, each) for each in range(config.double_blocks))
        self.single_blocks = nn.ModuleList(MovedSingleBlock(config, ops, each) for each in range(config.single_blocks))
        self.final_layer = FinalLayer(config, ops)
        self.sequence_turns = OncePerShape(sequence_turns)
        self.numbers = OncePerShape(_numbers)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        guidance: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        scaling: PlaceScaling = AS_TRAINED,
        hooks: Hooks = NO_HOOKS,
    ) -> Tensor:
        """One call of the net.

        Args:
            x: [B, in_channels, h, w], any h and w.
            timesteps: [B], 0..1.
            context: [B, T, context_width], the encoded text.
            guidance: [B], 0 where none is given, as it was trained.
            attention_mask: as FLUX.1's.
            scaling: of the places that the tokens are told.
            hooks: who steps in.
        Returns: [B, out_channels, h, w].
        """
        guidance = torch.zeros_like(timesteps) if guidance is None else guidance
        vectors = self._vectors(timesteps, guidance, x)
        text, image = self.txt_in(context), self.img_in(cut_patches(x, SIDE))
        turn = self.sequence_turns(text.shape[1], ((x.shape[2], x.shape[3]),), self.config.axes, x.device, scaling)
        length = text.shape[1]
        mask = None if attention_mask is None else fit_to_call(attention_mask, length, image.shape[1])
        singles, doubles = 3 * self.config.single_blocks, 6 * self.config.double_blocks
        for number, block in enumerate(self.double_blocks):
            if hooks.skips("double", number):
                continue
            image_at = singles + 6 * number
            moves = _two(vectors, image_at), _two(vectors, image_at + doubles)
            image, text = block(image, text, *moves, turn, hooks, mask)
        joined = torch.cat([text, image], dim=1)
        for number, block in enumerate(self.single_blocks):
            if not hooks.skips("single", number):
                joined = block(joined, _one(vectors, 3 * number), turn, hooks, length, mask)
        shift, scale = vectors[:, -2:-1], vectors[:, -1:]
        tokens = self.final_layer.linear(moved(normed(joined[:, length:]), shift, scale))
        return join_patches(tokens, x.shape[2], x.shape[3], side=SIDE)

    def _vectors(self, timesteps: Tensor, guidance: Tensor, x: Tensor) -> Tensor:
        """[B, VECTORS, width]"""
        told = [embed_timesteps(TIME_UNITS * each, TIME_NUMBERS) for each in (timesteps, guidance)]
        shared = torch.cat(told, dim=-1)[:, None].expand(-1, VECTORS, -1)
        numbers = self.numbers(x.device).expand(len(shared), -1, -1)
        return self.distilled_guidance_layer(torch.cat([shared, numbers], dim=-1).to(x.dtype))


def _numbers(device: torch.device) -> Tensor:
    return embed_timesteps(TIME_UNITS * torch.arange(VECTORS, device=device).float(), INDEX_NUMBERS)[None]


def _one(vectors: Tensor, at: int) -> Modulation:
    return Modulation(*vectors[:, at : at + 3, None].unbind(1))


def _two(vectors: Tensor, at: int) -> tuple[Modulation, Modulation]:
    return _one(vectors, at), _one(vectors, at + 3)
