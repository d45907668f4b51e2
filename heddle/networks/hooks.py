"""Places in a net where others may step in: what attention is given, and what it does with it.

A net asks its hooks wherever it attends and knows nothing of who stands behind them. Without hooks it computes what its
paper says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor

from heddle.numerics.attention import attend


@dataclass(frozen=True)
class AttentionPlace:
    """One attention of a UNet.

    side: the way down, the middle, the way up.
    stage: its number on that side, as in the published names (`input_blocks.4` is 4); 0 in the middle.
    block: the transformer block in the stage.
    reads: whether keys and values come of the picture itself or of the text.
    """

    side: Literal["input", "middle", "output"]
    stage: int
    block: int
    reads: Literal["itself", "text"]


#: `(place, x, keys_of, values_of) -> the same three, changed`, [B, T, width] each, before they are projected. What is
#: given is never changed in place.
ChangeInputs: TypeAlias = Callable[[AttentionPlace, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]

#: `(place, q, k, v, heads) -> [B, T, width]` in place of attention, or None to leave it to the next, at last the net.
ReplaceAttention: TypeAlias = Callable[[AttentionPlace, Tensor, Tensor, Tensor, int], Tensor | None]


@dataclass(frozen=True)
class Hooks:
    """Those that stand behind one call of a net, in order."""

    inputs: tuple[ChangeInputs, ...] = ()
    attentions: tuple[ReplaceAttention, ...] = ()

    def change_inputs(
        self, place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        for change in self.inputs:
            x, keys_of, values_of = change(place, x, keys_of, values_of)
        return x, keys_of, values_of

    def attend(self, place: AttentionPlace, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        for replace in self.attentions:
            attended = replace(place, q, k, v, heads)
            if attended is not None:
                return attended
        return attend(q, k, v, heads)


NO_HOOKS = Hooks()

_SIDES: dict[str, Literal["input", "middle", "output"]] = {
    "input_blocks": "input",
    "middle_block": "middle",
    "output_blocks": "output",
}


def place_named(name: str) -> AttentionPlace:
    """The place of an attention with this name in the net, such as `input_blocks.4.1.transformer_blocks.0.attn2`."""
    side, stage, *_, block, layer = name.split(".")
    number = 0 if side == "middle_block" else int(stage)
    return AttentionPlace(_SIDES[side], number, int(block), "text" if layer == "attn2" else "itself")
