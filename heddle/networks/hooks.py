"""Places in a net where others may step in: what attention is given and gives, what goes from stage to stage.

A net asks its hooks at these places and knows nothing of who stands behind them. Without hooks it computes what its
paper says, and asks nobody. What is given to a hook is never changed in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from heddle.numerics.attention import attend

Side: TypeAlias = Literal["input", "middle", "output"]
BlockKind: TypeAlias = Literal["double", "single"]


@dataclass(frozen=True)
class StagePlace:
    """One stage of a UNet.

    side: the way down, the middle, the way up.
    stage: its number on that side, as in the published names (`input_blocks.4` is 4); 0 in the middle.
    """

    side: Side
    stage: int


@dataclass(frozen=True)
class AttentionPlace:
    """One attention of a UNet.

    side, stage: as those of a `StagePlace`.
    block: the transformer block in the stage.
    reads: whether keys and values come of the picture itself or of the text.
    grid: rows and columns of the tokens there, in this call. It is not counted when places are compared.
    """

    side: Side
    stage: int
    block: int
    reads: Literal["itself", "text"]
    grid: tuple[int, int] = field(default=(0, 0), compare=False)


@dataclass(frozen=True)
class BlockPlace:
    """One block of a diffusion transformer.

    kind: text and picture have weights of their own ("double"), or are one sequence ("single").
    number: among those of its kind.
    """

    kind: BlockKind
    number: int


#: `(place, x, keys_of, values_of) -> the same three, changed`, [B, T, width] each, before they are projected.
ChangeInputs: TypeAlias = Callable[[AttentionPlace, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]

#: `(x, keys_of, values_of) -> [B, T, width]`: what an attention makes of them, projections included.
RunAttention: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]

#: `(place, x, keys_of, values_of, run) -> [B, T, width]`: runs an attention on something else, or brings what it gives
#: into another form. The first of several is the outermost.
AroundAttention: TypeAlias = Callable[[AttentionPlace, Tensor, Tensor, Tensor, RunAttention], Tensor]

#: `(place, q, k, v, heads) -> [B, T, width]` in place of attention, or None to leave it to the next, at last the net.
ReplaceAttention: TypeAlias = Callable[[AttentionPlace, Tensor, Tensor, Tensor, int], Tensor | None]

#: `(place, q, attended, heads) -> attended, changed`: both [B, T, width]. It comes after attention, whoever computed
#: it, and before the projection of what it gives: a place for adding what the same queries find elsewhere.
ChangeAttended: TypeAlias = Callable[[AttentionPlace, Tensor, Tensor, int], Tensor]

#: `(place, x) -> x, changed`, [B, T, width]: the tokens of a transformer block after they have looked at themselves,
#: before they look at the text. The place is that of the attention to the text.
ChangeTokens: TypeAlias = Callable[[AttentionPlace, Tensor], Tensor]

#: `(place, x) -> x, changed`, [B, C, h, w].
ChangeFeatures: TypeAlias = Callable[[StagePlace, Tensor], Tensor]

#: `(place, x, skip) -> both, changed`, [B, C, h, w] and [B, C', h, w] of one size at last.
ChangeJoined: TypeAlias = Callable[[StagePlace, Tensor, Tensor], tuple[Tensor, Tensor]]

#: `(place, q, seen, heads) -> seen, changed`: of the picture's tokens alone, both [B, N, width], what they ask and what
#: they have gathered from text and picture, before it is projected.
ChangeSeen: TypeAlias = Callable[[BlockPlace, Tensor, Tensor, int], Tensor]


@dataclass(frozen=True)
class Hooks:
    """Those that stand behind one call of a net, in order.

    inputs, around, attentions, attended: at each attention, in this order.
    between: in each transformer block, between its two attentions.
    entering: what goes into a stage; on the way down its skip has been taken by then, on the way up it is joined.
    leaving: what comes out of a stage, on the way down before it is kept as a skip.
    joining: what comes up and the skip, residuals of control nets included, before a stage of the way up gets both.
    skipped: blocks of a diffusion transformer that are left out: what goes in comes out.
    seen: at each of its blocks' joint attentions.
    """

    inputs: tuple[ChangeInputs, ...] = ()
    around: tuple[AroundAttention, ...] = ()
    attentions: tuple[ReplaceAttention, ...] = ()
    attended: tuple[ChangeAttended, ...] = ()
    between: tuple[ChangeTokens, ...] = ()
    entering: tuple[ChangeFeatures, ...] = ()
    leaving: tuple[ChangeFeatures, ...] = ()
    joining: tuple[ChangeJoined, ...] = ()
    skipped: tuple[BlockPlace, ...] = ()
    seen: tuple[ChangeSeen, ...] = ()

    def __add__(self, other: Hooks) -> Hooks:
        """Both, the other ones after these."""
        return Hooks(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def attention(self, place: AttentionPlace, x: Tensor, context: Tensor, run: RunAttention) -> Tensor:
        """What comes of one attention and all who stand around it."""
        keys_of = values_of = context
        for change in self.inputs:
            x, keys_of, values_of = change(place, x, keys_of, values_of)
        for around in reversed(self.around):
            run = partial(_around, around, place, run)
        return run(x, keys_of, values_of)

    def attend(self, place: AttentionPlace, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        attended = self._attend(place, q, k, v, heads)
        for change in self.attended:
            attended = change(place, q, attended, heads)
        return attended

    def _attend(self, place: AttentionPlace, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        for replace_attention in self.attentions:
            attended = replace_attention(place, q, k, v, heads)
            if attended is not None:
                return attended
        return attend(q, k, v, heads)

    def change_between(self, place: AttentionPlace, x: Tensor) -> Tensor:
        for change in self.between:
            x = change(place, x)
        return x

    def enter(self, place: StagePlace, x: Tensor) -> Tensor:
        for change in self.entering:
            x = change(place, x)
        return x

    def leave(self, place: StagePlace, x: Tensor) -> Tensor:
        for change in self.leaving:
            x = change(place, x)
        return x

    def join(self, place: StagePlace, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        for change in self.joining:
            x, skip = change(place, x, skip)
        return x, skip

    def skips(self, kind: BlockKind, number: int) -> bool:
        return bool(self.skipped) and BlockPlace(kind, number) in self.skipped

    def change_seen(self, place: BlockPlace, q: Tensor, seen: Tensor, heads: int, text_length: int = 0) -> Tensor:
        """What all tokens have gathered, text first, changed for the picture's."""
        if not self.seen:
            return seen
        text, picture = seen[:, :text_length], seen[:, text_length:]
        for change in self.seen:
            picture = change(place, q[:, text_length:], picture, heads)
        return torch.cat([text, picture], dim=1) if text_length else picture


NO_HOOKS = Hooks()


def _around(
    around: AroundAttention, place: AttentionPlace, run: RunAttention, x: Tensor, keys_of: Tensor, values_of: Tensor
) -> Tensor:
    return around(place, x, keys_of, values_of, run)


_SIDES: dict[str, Side] = {"input_blocks": "input", "middle_block": "middle", "output_blocks": "output"}


def stage_named(name: str) -> StagePlace:
    """The place of a stage with this name in the net, such as `input_blocks.4` or `middle_block`."""
    side, _, stage = name.partition(".")
    return StagePlace(_SIDES[side], int(stage or 0))


def place_named(name: str) -> AttentionPlace:
    """The place of an attention with this name in the net, such as `input_blocks.4.1.transformer_blocks.0.attn2`."""
    side, stage, *_, block, layer = name.split(".")
    number = 0 if side == "middle_block" else int(stage)
    return AttentionPlace(_SIDES[side], number, int(block), "text" if layer == "attn2" else "itself")


def on_grid(place: AttentionPlace, grid: tuple[int, int]) -> AttentionPlace:
    """The place in a call in which its tokens lie on this grid."""
    return replace(place, grid=grid)
