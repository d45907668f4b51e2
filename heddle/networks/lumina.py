"""Lumina Image 2: a transformer over one sequence, text before picture, after a few blocks for each of them alone.

Attribute names are those of the published single-file checkpoints. Source: Qin et al. 2025, arXiv:2503.21758, section
3.2 (Unified Next-DiT); Zhuo et al. 2024, arXiv:2406.18583, section 2, for norms before and after each half of a block
and gates with tanh; the published inference code and headers of Lumina-Image 2.0 (Alpha-VLLM).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.hooks import NO_HOOKS, BlockKind, BlockPlace, Hooks
from heddle.networks.modulation import normed
from heddle.networks.once_per_shape import OncePerShape
from heddle.networks.ops import Ops
from heddle.networks.unet import embed_timesteps
from heddle.numerics.attention import attend, share_heads
from heddle.numerics.patches import cut_patches, join_patches
from heddle.numerics.rope import AS_TRAINED, PlaceScaling, grid_places, rotate, turns

FREQUENCIES = 256  # numbers that a time is spread over
AXES = 3  # a token's number in the text, a patch's row and column
SIDE = 2
NORM_EPS = 1e-5


@dataclass(frozen=True)
class LuminaConfig:
    """Sizes of the net.

    heads, kv_heads: of the queries, and of keys and values, which neighbouring queries share.
    refiners: blocks of the text alone, and as many of the picture alone. layers: of both together.
    time_width: of the vector that the time becomes.
    """

    width: int
    head_width: int
    heads: int
    kv_heads: int
    mlp_width: int
    refiners: int
    layers: int
    context_width: int
    time_width: int
    in_channels: int = 16
    out_channels: int = 16
    vector_width: int = 0

    def __post_init__(self) -> None:
        if self.head_width % (2 * AXES):
            raise ShapeError(
                say(
                    "LuminaConfig: heads {head_width} wide cannot be turned by {axes} places in pairs; "
                    "use a multiple of {divisor}",
                    head_width=self.head_width,
                    axes=AXES,
                    divisor=2 * AXES,
                ),
                wanted=f"a multiple of {2 * AXES}",
                got=self.head_width,
            )
        if self.kv_heads < 1 or self.heads % self.kv_heads:
            raise ShapeError(
                say(
                    "LuminaConfig: {heads} heads cannot share {kv_heads} heads of keys evenly; use a "
                    "divisor of the number of heads",
                    heads=self.heads,
                    kv_heads=self.kv_heads,
                ),
                wanted="a divisor of the number of heads",
                got=self.kv_heads,
            )

    @property
    def block_counts(self) -> Mapping[BlockKind, int]:
        """Of each kind of block, see `BlockPlace`. Those of the text or the picture alone are not counted."""
        return {"single": self.layers}

    @property
    def axes(self) -> tuple[int, ...]:
        """Numbers of a head that each axis turns."""
        return (self.head_width // AXES,) * AXES


class Embedder(nn.Module):
    """Two layers, from a time spread over some numbers to its vector."""

    def __init__(self, config: LuminaConfig, ops: Ops) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            ops.Linear(FREQUENCIES, config.time_width), nn.SiLU(), ops.Linear(config.time_width, config.time_width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


class SelfAttention(nn.Module):
    """Each token looks at all of its sequence.

    Args:
        place: of its block, where that is one of text and picture together.
    """

    def __init__(self, config: LuminaConfig, ops: Ops, place: BlockPlace | None = None) -> None:
        super().__init__()
        self.place = place
        self.heads, self.kv_heads, self.head_width = config.heads, config.kv_heads, config.head_width
        inner = config.heads * config.head_width
        self.qkv = ops.Linear(config.width, inner + 2 * config.kv_heads * config.head_width, bias=False)
        self.out = ops.Linear(inner, config.width, bias=False)
        self.q_norm = ops.RMSNorm(config.head_width, eps=NORM_EPS)
        self.k_norm = ops.RMSNorm(config.head_width, eps=NORM_EPS)

    def forward(self, x: Tensor, turn: Tensor, hooks: Hooks = NO_HOOKS, text_length: int = 0) -> Tensor:
        split = self.qkv(x).unflatten(-1, (-1, self.head_width))
        q, k, v = split.split([self.heads, self.kv_heads, self.kv_heads], dim=2)
        q, k = rotate(self.q_norm(q), turn), rotate(self.k_norm(k), turn)
        q, k, v = (each.flatten(2) for each in (q, share_heads(k, self.heads), share_heads(v, self.heads)))
        seen = attend(q, k, v, self.heads)
        if self.place is not None:
            seen = hooks.change_seen(self.place, q, seen, self.heads, text_length)
        return self.out(seen)


class Mlp(nn.Module):
    """What each token works out for itself: one layer gates another."""

    def __init__(self, config: LuminaConfig, ops: Ops) -> None:
        super().__init__()
        self.w1 = ops.Linear(config.width, config.mlp_width, bias=False)
        self.w2 = ops.Linear(config.mlp_width, config.width, bias=False)
        self.w3 = ops.Linear(config.width, config.mlp_width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(silu(self.w1(x)) * self.w3(x))


class Move(NamedTuple):
    """How one half of a block is moved: its normed input is scaled, what it adds goes through a gate.

    Each [B, 1, width].
    """

    scale: Tensor
    gate: Tensor


class BlockLayers(nn.Module):
    """What a block is made of: attention and an MLP, with norms before and after each."""

    def __init__(self, config: LuminaConfig, ops: Ops, place: BlockPlace | None = None) -> None:
        super().__init__()
        self.attention = SelfAttention(config, ops, place)
        self.feed_forward = Mlp(config, ops)
        self.attention_norm1 = ops.RMSNorm(config.width, eps=NORM_EPS)
        self.attention_norm2 = ops.RMSNorm(config.width, eps=NORM_EPS)
        self.ffn_norm1 = ops.RMSNorm(config.width, eps=NORM_EPS)
        self.ffn_norm2 = ops.RMSNorm(config.width, eps=NORM_EPS)


class TextBlock(BlockLayers):
    """One of the text alone, which no time moves."""

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        x = x + self.attention_norm2(self.attention(self.attention_norm1(x), turn))
        return x + self.ffn_norm2(self.feed_forward(self.ffn_norm1(x)))


class MovedBlock(BlockLayers):
    """One that the time moves."""

    def __init__(self, config: LuminaConfig, ops: Ops, place: BlockPlace | None = None) -> None:
        super().__init__(config, ops, place)
        self.adaLN_modulation = nn.Sequential(nn.Identity(), ops.Linear(config.time_width, 4 * config.width))

    def forward(self, x: Tensor, turn: Tensor, time: Tensor, hooks: Hooks = NO_HOOKS, text_length: int = 0) -> Tensor:
        """time: [B, time_width], after its activation, which is the same for all blocks."""
        own, later = self._moves(time)
        seen = self.attention(self.attention_norm1(x) * (1 + own.scale), turn, hooks, text_length)
        x = x + own.gate.tanh() * self.attention_norm2(seen)
        worked_out = self.feed_forward(self.ffn_norm1(x) * (1 + later.scale))
        return x + later.gate.tanh() * self.ffn_norm2(worked_out)

    def _moves(self, time: Tensor) -> tuple[Move, Move]:
        """Of the attention and the MLP."""
        scale, gate, later_scale, later_gate = self.adaLN_modulation(time)[:, None].chunk(4, dim=-1)
        return Move(scale, gate), Move(later_scale, later_gate)


class FinalLayer(nn.Module):
    """From tokens to the numbers of their patches: row, column, channel."""

    def __init__(self, config: LuminaConfig, ops: Ops) -> None:
        super().__init__()
        self.linear = ops.Linear(config.width, SIDE * SIDE * config.out_channels)
        self.adaLN_modulation = nn.Sequential(nn.Identity(), ops.Linear(config.time_width, config.width))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return self.linear(normed(x) * (1 + self.adaLN_modulation(time)[:, None]))


class Lumina(nn.Module):
    """The whole net."""

    def __init__(self, config: LuminaConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.x_embedder = ops.Linear(SIDE * SIDE * config.in_channels, config.width)
        self.t_embedder = Embedder(config, ops)
        self.cap_embedder = nn.Sequential(
            ops.RMSNorm(config.context_width, eps=NORM_EPS), ops.Linear(config.context_width, config.width)
        )
        self.noise_refiner = nn.ModuleList(MovedBlock(config, ops) for _ in range(config.refiners))
        self.context_refiner = nn.ModuleList(TextBlock(config, ops) for _ in range(config.refiners))
        self.layers = nn.ModuleList(
            MovedBlock(config, ops, BlockPlace("single", number)) for number in range(config.layers)
        )
        self.final_layer = FinalLayer(config, ops)
        self.sequence_turns = OncePerShape(sequence_turns)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        *,
        hooks: Hooks = NO_HOOKS,
        scaling: PlaceScaling = AS_TRAINED,
    ) -> Tensor:
        """One call of the net.

        Args:
            x: [B, in_channels, h, w], any h and w.
            timesteps: [B], 0..1, where 1 is noise. The net was trained to count the other way, and to tell what leads
                from noise to picture: both are turned round here.
            context: [B, T, context_width], the encoded text.
            hooks: who steps in.
            scaling: of the rows and columns that the picture's tokens are told.
        Returns: [B, out_channels, h, w].
        """
        height, width = x.shape[2:]
        time = silu(self.t_embedder(embed_timesteps(1 - timesteps, FREQUENCIES).to(x.dtype)))
        text, image = self.cap_embedder(context), self.x_embedder(cut_patches(x, SIDE, channels_last=True))
        length = text.shape[1]
        grid = (-(-height // SIDE), -(-width // SIDE))
        turn = self.sequence_turns(length, grid, self.config.axes, x.device, scaling)
        for block in self.context_refiner:
            text = block(text, turn[:length])
        for block in self.noise_refiner:
            image = block(image, turn[length:], time)
        joined = torch.cat([text, image], dim=1)
        for number, block in enumerate(self.layers):
            if not hooks.skips("single", number):
                joined = block(joined, turn, time, hooks, length)
        return -join_patches(self.final_layer(joined[:, length:], time), height, width, SIDE, channels_last=True)


def sequence_turns(
    text_length: int,
    grid: tuple[int, int],
    axes: tuple[int, ...],
    device: torch.device,
    scaling: PlaceScaling = AS_TRAINED,
) -> Tensor:
    """How the tokens are turned: text by its number, the picture by the number that comes next, its row and its column.

    Args:
        grid: rows and columns of the picture's patches.
        scaling: of rows and columns; where the picture stands behind the text is not changed.
    Returns: [text_length + rows * columns, sum(axes) / 2, 2].
    """
    text = torch.zeros(text_length, AXES, device=device)
    text[:, 0] = torch.arange(text_length, device=device)
    picture = grid_places(*grid, device=device, scaling=scaling)
    picture[:, 0] = text_length
    return turns(torch.cat([text, picture]), axes)
