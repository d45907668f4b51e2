"""The transformer of Stable Diffusion 3 and 3.5: text and picture with weights of their own, in one attention.

Attribute names are those of the published single-file checkpoints. Source: Esser et al. 2024, arXiv:2403.03206; for 3.5
the published headers and inference code (norms of queries and keys, a second attention of the picture alone).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, silu

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.hooks import NO_HOOKS, BlockKind, BlockPlace, Hooks
from heddle.networks.modulation import Modulation, moved, normed, split_modulations
from heddle.networks.ops import Ops
from heddle.networks.residuals import Residuals, add_part
from heddle.networks.unet import embed_timesteps
from heddle.numerics.attention import attend, check_heads
from heddle.numerics.patches import fill_patches, join_patches

HEAD_WIDTH = 64
FREQUENCIES = 256  # numbers that a timestep is spread over
QK_EPS = 1e-6


@dataclass(frozen=True)
class MmditConfig:
    """Sizes of the net.

    second_attention: for each block, whether the picture also attends to itself alone (the first 13 of 3.5 medium).
    places: rows and columns of the table of places, in patches.
    has_qk_norm: queries and keys are normed (3.5).
    """

    width: int
    mlp_width: int
    second_attention: tuple[bool, ...]
    context_width: int
    vector_width: int
    places: int
    in_channels: int = 16
    out_channels: int = 16
    side: int = 2
    has_qk_norm: bool = False

    def __post_init__(self) -> None:
        check_heads("MmditConfig", self.width, HEAD_WIDTH)

    @property
    def heads(self) -> int:
        return self.width // HEAD_WIDTH

    @property
    def blocks(self) -> int:
        return len(self.second_attention)

    @property
    def block_counts(self) -> Mapping[BlockKind, int]:
        """Of each kind of block, see `BlockPlace`."""
        return {"double": self.blocks}


class Embedder(nn.Module):
    """Two layers, from a few numbers to the net's width."""

    def __init__(self, in_width: int, width: int, ops: Ops) -> None:
        super().__init__()
        self.mlp = nn.Sequential(ops.Linear(in_width, width), nn.SiLU(), ops.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


class PatchEmbedder(nn.Module):
    """A token for each patch of a latent, row by row."""

    def __init__(self, config: MmditConfig, ops: Ops) -> None:
        super().__init__()
        self.side = config.side
        self.proj = ops.Conv2d(config.in_channels, config.width, config.side, stride=config.side)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, T, width]; incomplete patches are filled."""
        return self.proj(fill_patches(x, self.side)).flatten(2).transpose(1, 2)


class SelfAttention(nn.Module):
    """The layers around an attention; the attention itself is the block's."""

    def __init__(self, config: MmditConfig, ops: Ops, *, has_output: bool = True) -> None:
        super().__init__()
        self.qkv = ops.Linear(config.width, 3 * config.width)
        self.ln_q = ops.RMSNorm(HEAD_WIDTH, eps=QK_EPS) if config.has_qk_norm else nn.Identity()
        self.ln_k = ops.RMSNorm(HEAD_WIDTH, eps=QK_EPS) if config.has_qk_norm else nn.Identity()
        if has_output:
            self.proj = ops.Linear(config.width, config.width)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [B, T, width] of x."""
        q, k, v = self.qkv(x).unflatten(-1, (3, -1, HEAD_WIDTH)).unbind(2)
        return self.ln_q(q).flatten(2), self.ln_k(k).flatten(2), v.flatten(2)


class Mlp(nn.Module):
    """What each token works out for itself."""

    def __init__(self, config: MmditConfig, ops: Ops) -> None:
        super().__init__()
        self.fc1 = ops.Linear(config.width, config.mlp_width)
        self.fc2 = ops.Linear(config.mlp_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(gelu(self.fc1(x), approximate="tanh"))


class StreamBlock(nn.Module):
    """One stream's half of a joint block, text or picture.

    Args:
        second_attention: beside the joint attention, the stream attends to itself alone.
    """

    def __init__(self, config: MmditConfig, ops: Ops, *, second_attention: bool = False) -> None:
        super().__init__()
        self.modulations = 3 if second_attention else 2
        self.adaLN_modulation = nn.Sequential(
            nn.Identity(), ops.Linear(config.width, 3 * self.modulations * config.width)
        )
        self.attn = SelfAttention(config, ops)
        if second_attention:
            self.attn2 = SelfAttention(config, ops)
        self.mlp = Mlp(config, ops)

    def moves(self, time: Tensor) -> tuple[Modulation, ...]:
        """Of the joint attention, the MLP and, where there is one, the second attention."""
        return split_modulations(self.adaLN_modulation(time), self.modulations)

    def finish(self, x: Tensor, seen: Tensor, second: Tensor | None, moves: tuple[Modulation, ...]) -> Tensor:
        """The stream after its attentions and its MLP."""
        own, later = moves[:2]
        after = x + own.gate * self.attn.proj(seen)
        if second is not None:
            after = after + moves[2].gate * self.attn2.proj(second)
        return after + later.gate * self.mlp(moved(normed(after), later.shift, later.scale))


class LastTextBlock(nn.Module):
    """The text's half of the last block: it is looked at once more and then not needed."""

    def __init__(self, config: MmditConfig, ops: Ops) -> None:
        super().__init__()
        self.adaLN_modulation = nn.Sequential(nn.Identity(), ops.Linear(config.width, 2 * config.width))
        self.attn = SelfAttention(config, ops, has_output=False)

    def moves(self, time: Tensor) -> tuple[Modulation, ...]:
        """Of the joint attention. No gate: nothing is added to the text any more."""
        shift, scale = self.adaLN_modulation(time)[:, None].chunk(2, dim=-1)
        return (Modulation(shift, scale, torch.zeros_like(scale)),)


class JointBlock(nn.Module):
    """Text and picture attend together.

    Args:
        is_last: nothing looks at the text behind it.
    """

    def __init__(self, config: MmditConfig, number: int, ops: Ops, *, is_last: bool) -> None:
        super().__init__()
        self.heads = config.heads
        self.place = BlockPlace("double", number)
        self.context_block = LastTextBlock(config, ops) if is_last else StreamBlock(config, ops)
        self.x_block = StreamBlock(config, ops, second_attention=config.second_attention[number])

    def forward(self, x: Tensor, text: Tensor, time: Tensor, hooks: Hooks = NO_HOOKS) -> tuple[Tensor, Tensor]:
        text_block, block = self.context_block, self.x_block
        text_moves = text_block.moves(time)
        text_q, text_k, text_v = text_block.attn.split(moved(normed(text), text_moves[0].shift, text_moves[0].scale))
        moves, own = block.moves(time), normed(x)
        q, k, v = block.attn.split(moved(own, moves[0].shift, moves[0].scale))
        k, v = torch.cat([text_k, k], dim=1), torch.cat([text_v, v], dim=1)
        second = None
        if len(moves) == 3:
            second = attend(*block.attn2.split(moved(own, moves[2].shift, moves[2].scale)), self.heads)
        if isinstance(text_block, LastTextBlock):  # nobody asks any more what the text sees
            seen = hooks.change_seen(self.place, q, attend(q, k, v, self.heads), self.heads)
            return block.finish(x, seen, second, moves), text
        q = torch.cat([text_q, q], dim=1)
        seen = hooks.change_seen(self.place, q, attend(q, k, v, self.heads), self.heads, text.shape[1])
        seen_by_text, seen = seen.tensor_split([text.shape[1]], dim=1)
        return block.finish(x, seen, second, moves), text_block.finish(text, seen_by_text, None, text_moves)


class FinalLayer(nn.Module):
    """From tokens to the numbers of their patches: row, column, channel."""

    def __init__(self, config: MmditConfig, ops: Ops) -> None:
        super().__init__()
        self.linear = ops.Linear(config.width, config.side**2 * config.out_channels)
        self.adaLN_modulation = nn.Sequential(nn.Identity(), ops.Linear(config.width, 2 * config.width))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(time)[:, None].chunk(2, dim=-1)
        return self.linear(moved(normed(x), shift, scale))


class Mmdit(nn.Module):
    """The whole net."""

    def __init__(self, config: MmditConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.x_embedder = PatchEmbedder(config, ops)
        self.t_embedder = Embedder(FREQUENCIES, config.width, ops)
        self.y_embedder = Embedder(config.vector_width, config.width, ops)
        self.context_embedder = ops.Linear(config.context_width, config.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.places**2, config.width))
        self.joint_blocks = nn.ModuleList(
            JointBlock(config, number, ops, is_last=number == config.blocks - 1) for number in range(config.blocks)
        )
        self.final_layer = FinalLayer(config, ops)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor,
        *,
        hooks: Hooks = NO_HOOKS,
        control: Residuals | None = None,
    ) -> Tensor:
        """One call of the net.

        Args:
            x: [B, in_channels, h, w], any h and w up to `config.places` patches.
            timesteps: [B], 0..1000.
            context: [B, T, context_width], the encoded text.
            vector: [B, vector_width], the pooled text.
            hooks: who steps in.
            control: what control nets add.
        Returns: [B, out_channels, h, w].
        Raises: ShapeError, if the latent is larger than the table of places.
        """
        time = self.t_embedder(embed_timesteps(timesteps, FREQUENCIES).to(x.dtype)) + self.y_embedder(vector)
        time = silu(time)  # what every block begins with
        text = self.context_embedder(context)
        tokens = placed_tokens(self.x_embedder, self.pos_embed, x)
        for number, block in enumerate(self.joint_blocks):
            if not hooks.skips("double", number):
                tokens, text = block(tokens, text, time, hooks)
            tokens = tokens if control is None else add_part(tokens, control.blocks, number)
        return join_patches(
            self.final_layer(tokens, time), x.shape[2], x.shape[3], self.config.side, channels_last=True
        )


def placed_tokens(embedder: PatchEmbedder, places: Tensor, x: Tensor) -> Tensor:
    """The tokens of a latent [B, C, h, w], told their places: [B, T, width].

    Args:
        places: [1, n * n, width], a square table of which a smaller latent takes the middle.
    Raises: ShapeError, if the latent is larger than the table.
    """
    side, size = embedder.side, math.isqrt(places.shape[1])
    rows, columns = -(-x.shape[2] // side), -(-x.shape[3] // side)
    if rows > size or columns > size:
        cells = size * side
        raise ShapeError(
            say(
                "a latent of {columns} x {rows} cells is too large: this model knows places for {cells} "
                "x {cells}; make a smaller picture",
                columns=columns * side,
                rows=rows * side,
                cells=cells,
            ),
            wanted=f"up to {cells} x {cells}",
            got=(rows * side, columns * side),
        )
    top, left = (size - rows) // 2, (size - columns) // 2
    table = places.unflatten(1, (size, size))
    return embedder(x) + table[:, top : top + rows, left : left + columns].flatten(1, 2)
