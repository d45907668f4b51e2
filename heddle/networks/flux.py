"""FLUX.1: a transformer over the tokens of text and picture together.

First come double blocks, in which text and picture have weights of their own and look at each other, then single ones,
in which both are one sequence. Attribute names are those of the published single-file checkpoints.
Source: Black Forest Labs' published description and inference code of FLUX.1; Esser et al. 2024, arXiv:2403.03206, for
the double blocks; Dehghani et al. 2023, arXiv:2302.05442, for the single ones (attention and MLP side by side).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, rms_norm, silu

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.hooks import NO_HOOKS, BlockKind, BlockPlace, Hooks
from heddle.networks.modulation import Modulation, moved, normed, split_modulations
from heddle.networks.once_per_shape import OncePerShape
from heddle.networks.ops import Ops
from heddle.networks.reference_places import OFFSET, Still, first_places, method_of, with_still
from heddle.networks.residuals import Residuals, add_to_tokens
from heddle.networks.unet import embed_timesteps
from heddle.numerics.attention import attend
from heddle.numerics.joint_mask import fit_to_call
from heddle.numerics.patches import cut_patches, join_patches
from heddle.numerics.rope import AS_TRAINED, PlaceScaling, grid_places, rotate, turns

SIDE = 2  # cells of a patch, each way
FREQUENCIES = 256  # numbers that a timestep or guidance is spread over
TIME_UNITS = 1000  # timesteps and guidance are counted in thousandths
QK_EPS = 1e-6


@dataclass(frozen=True)
class FluxConfig:
    """Sizes of the net.

    in_channels: of the latent and all that is joined to it (16; 32 for canny and depth, 96 for fill).
    vector_width: of the pooled text.
    has_guidance: it was distilled to be told a guidance strength.
    """

    width: int
    head_width: int
    mlp_width: int
    double_blocks: int
    single_blocks: int
    context_width: int
    vector_width: int
    in_channels: int = 16
    out_channels: int = 16
    has_guidance: bool = True

    def __post_init__(self) -> None:
        # Rows and columns turn 7/16 of a head each, in pairs.
        if self.width % self.head_width or self.head_width % 32:
            raise ShapeError(
                say(
                    "FluxConfig: a width of {width} in heads of {head_width}; heads are a multiple of 32 "
                    "wide, the net a multiple of that",
                    width=self.width,
                    head_width=self.head_width,
                ),
                wanted="a multiple of 32",
                got=self.head_width,
            )

    @property
    def heads(self) -> int:
        return self.width // self.head_width

    @property
    def block_counts(self) -> Mapping[BlockKind, int]:
        """Of each kind of block, see `BlockPlace`."""
        return {"double": self.double_blocks, "single": self.single_blocks}

    @property
    def axes(self) -> tuple[int, int, int]:
        """Numbers of a head that are turned by the picture's number, the row and the column: 16, 56, 56 of 128."""
        first = self.head_width // 8
        return first, (self.head_width - first) // 2, (self.head_width - first) // 2


class Embedder(nn.Module):
    """Two layers, from a few numbers to the net's width."""

    def __init__(self, in_width: int, width: int, ops: Ops) -> None:
        super().__init__()
        self.in_layer = ops.Linear(in_width, width)
        self.out_layer = ops.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_layer(silu(self.in_layer(x)))


class Scale(nn.Module):
    """Divides by the root mean square of each head, then scales. Source: Zhang and Sennrich 2019, arXiv:1910.07467."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, x.shape[-1:], self.scale, QK_EPS)


class QueryKeyNorm(nn.Module):
    """Norms of queries and keys, each head for itself."""

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.query_norm = Scale(head_width)
        self.key_norm = Scale(head_width)

    def forward(self, qkv: Tensor, head_width: int) -> tuple[Tensor, Tensor, Tensor]:
        """[B, T, 3 * heads * d] -> three of [B, T, heads, d]."""
        q, k, v = qkv.unflatten(-1, (3, -1, head_width)).unbind(2)
        return self.query_norm(q), self.key_norm(k), v


class SelfAttention(nn.Module):
    """The layers around an attention; the attention itself is the block's, over text and picture."""

    def __init__(self, config: FluxConfig, ops: Ops) -> None:
        super().__init__()
        self.qkv = ops.Linear(config.width, 3 * config.width)
        self.norm = QueryKeyNorm(config.head_width)
        self.proj = ops.Linear(config.width, config.width)


def mlp(config: FluxConfig, ops: Ops) -> nn.Sequential:
    return nn.Sequential(
        ops.Linear(config.width, config.mlp_width),
        nn.GELU(approximate="tanh"),
        ops.Linear(config.mlp_width, config.width),
    )


class DoubleBlock(nn.Module):
    """Text and picture attend together, each with weights of its own. How they are moved comes from outside."""

    def __init__(self, config: FluxConfig, ops: Ops, number: int = 0) -> None:
        super().__init__()
        self.place = BlockPlace("double", number)
        self.config = config
        self.img_attn = SelfAttention(config, ops)
        self.img_mlp = mlp(config, ops)
        self.txt_attn = SelfAttention(config, ops)
        self.txt_mlp = mlp(config, ops)

    def run(
        self,
        image: Tensor,
        text: Tensor,
        image_moves: tuple[Modulation, ...],
        text_moves: tuple[Modulation, ...],
        turn: Tensor,
        hooks: Hooks = NO_HOOKS,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """image [B, N, D], text [B, T, D], two modulations for each (attention, MLP); turn, mask: text first."""
        head_width, length = self.config.head_width, text.shape[1]
        parts = []
        for x, layers, (own, _later) in ((text, self.txt_attn, text_moves), (image, self.img_attn, image_moves)):
            parts.append(layers.norm(layers.qkv(moved(normed(x), own.shift, own.scale)), head_width))
        q, k, v = (torch.cat(pair, dim=1) for pair in zip(*parts, strict=True))
        q, k = rotate(q, turn).flatten(2), rotate(k, turn).flatten(2)
        seen = attend(q, k, v.flatten(2), self.config.heads, mask)
        seen = hooks.change_seen(self.place, q, seen, self.config.heads, length)

        text = text + text_moves[0].gate * self.txt_attn.proj(seen[:, :length])
        image = image + image_moves[0].gate * self.img_attn.proj(seen[:, length:])
        text = text + text_moves[1].gate * self.txt_mlp(moved(normed(text), text_moves[1].shift, text_moves[1].scale))
        image = image + image_moves[1].gate * self.img_mlp(
            moved(normed(image), image_moves[1].shift, image_moves[1].scale)
        )
        return image, text


class SingleBlock(nn.Module):
    """One sequence, attention and MLP beside each other. How it is moved comes from outside."""

    def __init__(self, config: FluxConfig, ops: Ops, number: int = 0) -> None:
        super().__init__()
        self.place = BlockPlace("single", number)
        self.config = config
        self.linear1 = ops.Linear(config.width, 3 * config.width + config.mlp_width)
        self.linear2 = ops.Linear(config.width + config.mlp_width, config.width)
        self.norm = QueryKeyNorm(config.head_width)

    def run(
        self,
        x: Tensor,
        moves: Modulation,
        turn: Tensor,
        hooks: Hooks = NO_HOOKS,
        text_length: int = 0,
        mask: Tensor | None = None,
    ) -> Tensor:
        """x [B, T + N, D], of which the first `text_length` tokens are the text's."""
        config = self.config
        qkv, inner = self.linear1(moved(normed(x), moves.shift, moves.scale)).split(
            [3 * config.width, config.mlp_width], dim=-1
        )
        q, k, v = self.norm(qkv, config.head_width)
        q, k = rotate(q, turn).flatten(2), rotate(k, turn).flatten(2)
        seen = attend(q, k, v.flatten(2), config.heads, mask)
        seen = hooks.change_seen(self.place, q, seen, config.heads, text_length)
        return x + moves.gate * self.linear2(torch.cat([seen, gelu(inner, approximate="tanh")], dim=-1))


class Moves(nn.Module):
    """From the time's vector to modulations."""

    def __init__(self, width: int, count: int, ops: Ops) -> None:
        super().__init__()
        self.count = count
        self.lin = ops.Linear(width, 3 * count * width)

    def forward(self, time: Tensor, tokens: int = 0, still: Still | None = None) -> tuple[Modulation, ...]:
        """time [B, D], after its activation, which is the same for all blocks.

        Args:
            still: of so many tokens, those that are moved by another time.
        """
        moves = split_modulations(self.lin(time), self.count)
        if still is None:
            return moves
        return with_still(moves, split_modulations(self.lin(still.time), self.count), tokens, still.length)


class TimedDoubleBlock(DoubleBlock):
    """Moved by layers of its own."""

    def __init__(self, config: FluxConfig, ops: Ops, number: int = 0) -> None:
        super().__init__(config, ops, number)
        self.img_mod = Moves(config.width, 2, ops)
        self.txt_mod = Moves(config.width, 2, ops)

    def forward(
        self,
        image: Tensor,
        text: Tensor,
        time: Tensor,
        turn: Tensor,
        hooks: Hooks = NO_HOOKS,
        mask: Tensor | None = None,
        still: Still | None = None,
    ) -> tuple[Tensor, Tensor]:
        image_moves = self.img_mod(time, image.shape[1], still)
        return self.run(image, text, image_moves, self.txt_mod(time), turn, hooks, mask)


class TimedSingleBlock(SingleBlock):
    """Moved by a layer of its own."""

    def __init__(self, config: FluxConfig, ops: Ops, number: int = 0) -> None:
        super().__init__(config, ops, number)
        self.modulation = Moves(config.width, 1, ops)

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        turn: Tensor,
        hooks: Hooks = NO_HOOKS,
        text_length: int = 0,
        mask: Tensor | None = None,
        still: Still | None = None,
    ) -> Tensor:
        (moves,) = self.modulation(time, x.shape[1], still)
        return self.run(x, moves, turn, hooks, text_length, mask)


class FinalLayer(nn.Module):
    """From tokens to the numbers of their patches."""

    def __init__(self, config: FluxConfig, ops: Ops) -> None:
        super().__init__()
        self.linear = ops.Linear(config.width, SIDE * SIDE * config.out_channels)
        self.adaLN_modulation = nn.Sequential(nn.Identity(), ops.Linear(config.width, 2 * config.width))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(time)[:, None].chunk(2, dim=-1)
        return self.linear(moved(normed(x), shift, scale))


class Flux(nn.Module):
    """The whole net."""

    def __init__(self, config: FluxConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.img_in = ops.Linear(SIDE * SIDE * config.in_channels, config.width)
        self.time_in = Embedder(FREQUENCIES, config.width, ops)
        self.vector_in = Embedder(config.vector_width, config.width, ops)
        if config.has_guidance:
            self.guidance_in = Embedder(FREQUENCIES, config.width, ops)
        self.txt_in = ops.Linear(config.context_width, config.width)
        self.double_blocks = nn.ModuleList(TimedDoubleBlock(config, ops, each) for each in range(config.double_blocks))
        self.single_blocks = nn.ModuleList(TimedSingleBlock(config, ops, each) for each in range(config.single_blocks))
        self.final_layer = FinalLayer(config, ops)
        self.sequence_turns = OncePerShape(sequence_turns)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor,
        guidance: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        scaling: PlaceScaling = AS_TRAINED,
        hooks: Hooks = NO_HOOKS,
        control: Residuals | None = None,
        **references: Tensor,
    ) -> Tensor:
        """One call of the net.

        Args:
            x: [B, in_channels, h, w], any h and w.
            timesteps: [B], 0..1.
            context: [B, T, context_width], the encoded text.
            vector: [B, vector_width], the pooled text.
            guidance: [B]; None leaves it out. A net that knows none takes no notice of it.
            attention_mask: [B, T + cells, T + cells], added where tokens look at each other, see
                `heddle.numerics.joint_mask.fit_to_call`.
            scaling: of the places that the tokens are told.
            hooks: who steps in.
            control: what control nets add.
            references: latents [B, in_channels, h', w'] that the picture is to follow (Kontext), each of its own size,
                in the order in which they are given. Their names say how they are placed, see `reference_places`.
        Returns: [B, out_channels, h, w].
        """
        time = self._time(timesteps, guidance, vector, x.dtype)
        text = self.txt_in(context)
        latents = (x, *references.values())
        image = self.img_in(torch.cat([cut_patches(latent, SIDE) for latent in latents], dim=1))
        grids, method = tuple((latent.shape[2], latent.shape[3]) for latent in latents), method_of(references)
        turn = self.sequence_turns(text.shape[1], grids, self.config.axes, x.device, scaling, method)
        length = text.shape[1]
        own = -(-x.shape[2] // SIDE) * -(-x.shape[3] // SIDE)
        mask = None if attention_mask is None else fit_to_call(attention_mask, length, own, image.shape[1] - own)
        still = None
        if references and method == "index_timestep_zero":
            clean = self._time(torch.zeros_like(timesteps), guidance, vector, x.dtype)
            still = Still(clean, image.shape[1] - own)
        for number, block in enumerate(self.double_blocks):
            if not hooks.skips("double", number):
                image, text = block(image, text, time, turn, hooks, mask, still)
            image = image if control is None else add_to_tokens(image, control.blocks, number)
        joined = torch.cat([text, image], dim=1)
        for number, block in enumerate(self.single_blocks):
            if not hooks.skips("single", number):
                joined = block(joined, time, turn, hooks, length, mask, still)
            joined = joined if control is None else add_to_tokens(joined, control.single_blocks, number, length)
        return join_patches(self.final_layer(joined[:, length : length + own], time), x.shape[2], x.shape[3], side=SIDE)

    def _time(self, timesteps: Tensor, guidance: Tensor | None, vector: Tensor, dtype: torch.dtype) -> Tensor:
        """What blocks are moved by, [B, width], after its activation."""
        time = self.time_in(embed_timesteps(TIME_UNITS * timesteps, FREQUENCIES).to(dtype))
        if self.config.has_guidance and guidance is not None:
            time = time + self.guidance_in(embed_timesteps(TIME_UNITS * guidance, FREQUENCIES).to(dtype))
        return silu(time + self.vector_in(vector))


def sequence_turns(
    text_length: int,
    grids: Sequence[tuple[int, int]],
    axes: Sequence[int],
    device: torch.device,
    scaling: PlaceScaling = AS_TRAINED,
    method: str = OFFSET,
) -> Tensor:
    """How the tokens are turned: text stands at place 0, the picture at its rows and columns, references beside it.

    Args:
        grids: height and width in cells of the picture, then of each reference.
        scaling: of the places of picture and references.
        method: how references are placed, see `reference_places`.
    Returns: [text + patches, sum(axes) / 2, 2].
    """
    places = [torch.zeros(text_length, 3, device=device)]
    begins = first_places(grids, method, side=SIDE)
    for (height, width), (number, top, left) in zip(grids, begins, strict=True):
        first = (number, -(-top // SIDE), -(-left // SIDE))
        places.append(grid_places(-(-height // SIDE), -(-width // SIDE), first, device, scaling))
    return turns(torch.cat(places), axes)
