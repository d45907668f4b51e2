"""AuraFlow: a few blocks in which text and picture have weights of their own, then many in which they are one row.

Attribute names are those of the published single-file checkpoints. Source: Esser et al. 2024, arXiv:2403.03206, for the
joint blocks; Darcet et al. 2023, arXiv:2309.16588, for the registers; the published description, inference code and
headers of AuraFlow 0.1 to 0.3 (Fal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, layer_norm, silu

from heddle.networks.hooks import NO_HOOKS, BlockKind, BlockPlace, Hooks
from heddle.networks.modulation import Modulation, moved, split_modulations
from heddle.networks.ops import Ops
from heddle.networks.unet import embed_timesteps
from heddle.numerics.attention import attend, check_heads
from heddle.numerics.patches import cut_patches, join_patches

HEAD_WIDTH = 256
FREQUENCIES = 256  # numbers that a timestep is spread over
TIME_UNITS = 1000  # the net was trained with times of 0..1 told in thousandths
SIDE = 2
NORM_EPS = 1e-5


@dataclass(frozen=True)
class AuraFlowConfig:
    """Sizes of the net.

    double_blocks: with weights of their own for text and picture. single_blocks: with one set for both.
    places: rows and columns of the table of places, in patches.
    registers: how many learned tokens stand before the text.
    """

    width: int
    mlp_width: int
    double_blocks: int
    single_blocks: int
    context_width: int
    places: int
    registers: int = 8
    in_channels: int = 4
    out_channels: int = 4
    vector_width: int = 0

    def __post_init__(self) -> None:
        check_heads("AuraFlowConfig", self.width, HEAD_WIDTH)

    @property
    def heads(self) -> int:
        return self.width // HEAD_WIDTH

    @property
    def block_counts(self) -> Mapping[BlockKind, int]:
        """Of each kind of block, see `BlockPlace`."""
        return {"double": self.double_blocks, "single": self.single_blocks}


class Embedder(nn.Module):
    """Two layers, from a time spread over some numbers to the net's width."""

    def __init__(self, config: AuraFlowConfig, ops: Ops) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            ops.Linear(FREQUENCIES, config.width), nn.SiLU(), ops.Linear(config.width, config.width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


class Mlp(nn.Module):
    """What each token works out for itself: one layer gates another."""

    def __init__(self, config: AuraFlowConfig, ops: Ops) -> None:
        super().__init__()
        self.c_fc1 = ops.Linear(config.width, config.mlp_width, bias=False)
        self.c_fc2 = ops.Linear(config.width, config.mlp_width, bias=False)
        self.c_proj = ops.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(silu(self.c_fc1(x)) * self.c_fc2(x))


class Attention(nn.Module):
    """Queries, keys and values of one row of tokens, or of two rows that attend as one.

    Args:
        streams: rows with layers of their own, `w1...` and `w2...`.
    """

    def __init__(self, config: AuraFlowConfig, streams: int, place: BlockPlace, ops: Ops) -> None:
        super().__init__()
        self.place = place
        self.heads = config.heads
        for number in range(1, streams + 1):
            for letter in "qkvo":
                self.add_module(f"w{number}{letter}", ops.Linear(config.width, config.width, bias=False))

    def forward(self, *streams: Tensor, hooks: Hooks, text_length: int) -> list[Tensor]:
        """What each row [B, T, width] gathers from all of them, whose first `text_length` tokens are the text's."""
        parts = [self._split(number, x) for number, x in enumerate(streams, start=1)]
        q, k, v = (_joined(list(each)) for each in zip(*parts, strict=True))
        gathered = hooks.change_seen(self.place, q, attend(q, k, v, self.heads), self.heads, text_length)
        rows = gathered.split([x.shape[1] for x in streams], dim=1)
        return [self._layer(f"w{number}o")(each) for number, each in enumerate(rows, start=1)]

    def _split(self, number: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = (self._layer(f"w{number}{letter}")(x) for letter in "qkv")
        return self._normed(q), self._normed(k), v

    def _normed(self, x: Tensor) -> Tensor:
        """Each head's numbers with mean 0 and variance 1."""
        return normed(x.unflatten(-1, (self.heads, -1))).flatten(2)

    def _layer(self, name: str) -> nn.Module:
        return self.get_submodule(name)


class Moves(nn.Sequential):
    """From the time to how a block is moved: a SiLU, and a layer without bias."""

    def __init__(self, config: AuraFlowConfig, vectors: int, ops: Ops) -> None:
        super().__init__(nn.SiLU(), ops.Linear(config.width, vectors * config.width, bias=False))


class DoubleBlock(nn.Module):
    """Text and picture attend together, each with weights of its own."""

    def __init__(self, config: AuraFlowConfig, number: int, ops: Ops) -> None:
        super().__init__()
        self.modC = Moves(config, 6, ops)
        self.modX = Moves(config, 6, ops)
        self.attn = Attention(config, 2, BlockPlace("double", number), ops)
        self.mlpC = Mlp(config, ops)
        self.mlpX = Mlp(config, ops)

    def forward(self, text: Tensor, image: Tensor, time: Tensor, hooks: Hooks = NO_HOOKS) -> tuple[Tensor, Tensor]:
        text_moves, moves = split_modulations(self.modC(time), 2), split_modulations(self.modX(time), 2)
        begun = _begin(text, text_moves), _begin(image, moves)
        text_seen, seen = self.attn(*begun, hooks=hooks, text_length=text.shape[1])
        return _finish(text, text_seen, text_moves, self.mlpC), _finish(image, seen, moves, self.mlpX)


class SingleBlock(nn.Module):
    """Text and picture are one row."""

    def __init__(self, config: AuraFlowConfig, number: int, ops: Ops) -> None:
        super().__init__()
        self.modCX = Moves(config, 6, ops)
        self.attn = Attention(config, 1, BlockPlace("single", number), ops)
        self.mlp = Mlp(config, ops)

    def forward(self, x: Tensor, time: Tensor, hooks: Hooks = NO_HOOKS, text_length: int = 0) -> Tensor:
        moves = split_modulations(self.modCX(time), 2)
        (seen,) = self.attn(_begin(x, moves), hooks=hooks, text_length=text_length)
        return _finish(x, seen, moves, self.mlp)


class AuraFlow(nn.Module):
    """The whole net."""

    def __init__(self, config: AuraFlowConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.t_embedder = Embedder(config, ops)
        self.cond_seq_linear = ops.Linear(config.context_width, config.width, bias=False)
        self.init_x_linear = ops.Linear(SIDE * SIDE * config.in_channels, config.width)
        self.positional_encoding = nn.Parameter(torch.zeros(1, config.places**2, config.width))
        self.register_tokens = nn.Parameter(torch.zeros(1, config.registers, config.width))
        self.double_layers = nn.ModuleList(DoubleBlock(config, each, ops) for each in range(config.double_blocks))
        self.single_layers = nn.ModuleList(SingleBlock(config, each, ops) for each in range(config.single_blocks))
        self.modF = Moves(config, 2, ops)
        self.final_linear = ops.Linear(config.width, SIDE * SIDE * config.out_channels, bias=False)

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor, *, hooks: Hooks = NO_HOOKS) -> Tensor:
        """One call of the net.

        Args:
            x: [B, in_channels, h, w], any h and w.
            timesteps: [B], 0..1.
            context: [B, T, context_width], the encoded text.
            hooks: who steps in.
        Returns: [B, out_channels, h, w].
        """
        height, width = x.shape[2:]
        time = self.t_embedder(embed_timesteps(TIME_UNITS * timesteps, FREQUENCIES).to(x.dtype))
        image = self.init_x_linear(cut_patches(x, SIDE)) + self._places(-(-height // SIDE), -(-width // SIDE))
        text = torch.cat([self.register_tokens.expand(len(x), -1, -1), self.cond_seq_linear(context)], dim=1)
        for number, block in enumerate(self.double_layers):
            if not hooks.skips("double", number):
                text, image = block(text, image, time, hooks)
        joined = torch.cat([text, image], dim=1)
        for number, block in enumerate(self.single_layers):
            if not hooks.skips("single", number):
                joined = block(joined, time, hooks, text.shape[1])
        shift, scale = self.modF(time)[:, None].chunk(2, dim=-1)
        tokens = self.final_linear(moved(joined[:, text.shape[1] :], shift, scale))
        return join_patches(tokens, height, width, SIDE, channels_last=True)

    def _places(self, rows: int, columns: int) -> Tensor:
        """The middle of the table of places, [1, rows * columns, width].

        For a picture that is larger in one direction, the table is stretched to that size in both.
        """
        size, wanted = self.config.places, max(rows, columns)
        table = self.positional_encoding.unflatten(1, (size, size)).movedim(-1, 1)
        if wanted > size:
            table, size = interpolate(table, (wanted, wanted), mode="bilinear"), wanted
        top, left = (size - rows) // 2, (size - columns) // 2
        return table[:, :, top : top + rows, left : left + columns].flatten(2).transpose(1, 2)


def normed(x: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the last dimension."""
    return layer_norm(x, x.shape[-1:], eps=NORM_EPS)


def _joined(rows: list[Tensor]) -> Tensor:
    """One row of them all, without a copy where there is but one."""
    return torch.cat(rows, dim=1) if len(rows) > 1 else rows[0]


def _begin(x: Tensor, moves: tuple[Modulation, ...]) -> Tensor:
    """What a row of tokens brings to attention."""
    return moved(normed(x), moves[0].shift, moves[0].scale)


def _finish(x: Tensor, seen: Tensor, moves: tuple[Modulation, ...], mlp: nn.Module) -> Tensor:
    """A row after its attention and its MLP. What attention adds reaches only the MLP, not the row itself."""
    after = normed(x + moves[0].gate * seen)
    return x + moves[1].gate * mlp(moved(after, moves[1].shift, moves[1].scale))
