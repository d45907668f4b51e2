"""Images whose look is put behind the words of a prompt."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Number, node
from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.numerics.joint_mask import as_bias, with_tokens
from heddle.wires import ClipVisionOutput, Conditioning, StyleModel
from model_management.attention_masks import CELLS, MASK
from model_management.style_models import style_tokens


@node("StyleModelApply", category="model/conditioning", name="Apply Style Model", search=("redux", "style", "image"))
def apply_style_model(
    conditioning: Conditioning,
    style_model: StyleModel,
    clip_vision_output: ClipVisionOutput,
    strength: Annotated[float, Number(default=1.0, low=0.0, high=10.0, step=0.001, tip="How much the image counts.")],
    strength_type: Annotated[
        str,
        Choice(
            "multiply",
            "attn_bias",
            tip="What the strength changes: the image's tokens, or how much text and picture look at them.",
        ),
    ],
    ctx: Context,
) -> Conditioning:
    """Let a picture look like an image: what a vision encoder read off it is put behind the text."""
    tokens = style_tokens(style_model, clip_vision_output, ctx.weights)
    weight = 1.0
    if strength_type == "multiply":
        tokens = tokens * strength
    elif style_model.shares_attention:
        weight = strength
    elif strength != 1:
        ctx.note(
            say(
                "attn_bias: {family} takes no bias, so the strength of {strength:g} has no effect; use multiply",
                family=style_model.made_for[0],
                strength=strength,
            )
        )
    bias = math.log(weight) if weight > 0 else -math.inf
    return [_followed(states, more, tokens, bias, style_model) for states, more in conditioning]


def _followed(states: Tensor, more: dict[str, Any], tokens: Tensor, bias: float, style_model: Any) -> list[Any]:
    """An entry with the tokens behind its text, and a mask if one is needed."""
    if states.shape[-1] != tokens.shape[-1]:
        raise ShapeError(
            say(
                "the text is encoded {width} wide, but the style model {style_model} makes tokens of "
                "{made}, for {family}; encode the text with that family's CLIP, or choose the style "
                "model of its family",
                width=states.shape[-1],
                style_model=style_model.name,
                made=tokens.shape[-1],
                family=style_model.made_for[0],
            ),
            wanted=tokens.shape[-1],
            got=states.shape[-1],
        )
    longer = torch.cat([states, tokens.to(states).expand(len(states), -1, -1)], dim=1)
    if more.get(MASK) is None and bias == 0:
        return [longer, dict(more)]
    text = states.shape[1]
    mask = torch.zeros(1, text + 1, text + 1) if more.get(MASK) is None else as_bias(more[MASK])
    return [longer, {**more, MASK: with_tokens(mask, text, tokens.shape[1], bias), CELLS: more.get(CELLS, (1, 1))}]
