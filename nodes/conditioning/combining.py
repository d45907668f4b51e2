"""Conditionings put together, mixed and weakened."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.declare import Number, node
from heddle.graph.errors import GraphError, ShapeError
from heddle.graph.said import say
from heddle.samplers.fitting import fit_batch
from heddle.wires import Conditioning

CATEGORY = "model/conditioning/transform"


@node("ConditioningCombine", category=CATEGORY, name="Conditioning (Combine)", search=("and", "join"))
def combine(conditioning_1: Conditioning, conditioning_2: Conditioning) -> Conditioning:
    """Ask for both: at each step the network is asked for each, and the mean is taken."""
    return [*conditioning_1, *conditioning_2]


@node("ConditioningConcat", category=CATEGORY, name="Conditioning (Concat)", search=("append", "longer"))
def concat(conditioning_to: Conditioning, conditioning_from: Conditioning, ctx: Context) -> Conditioning:
    """Append a text to others, as if it had been written behind them."""
    last, _more = _first(conditioning_from, ctx)
    _see_that_they_fit(conditioning_to, last)
    return [[torch.cat([states, fit_batch(last, len(states))], dim=1), dict(more)] for states, more in conditioning_to]


@node("ConditioningAverage", category=CATEGORY, name="Conditioning (Average)", search=("blend", "mix", "interpolate"))
def average(
    conditioning_to: Conditioning,
    conditioning_from: Conditioning,
    conditioning_to_strength: Annotated[
        float, Number(default=1.0, low=0.0, high=1.0, step=0.01, tip="1 is all of the first, 0 all of the second.")
    ],
    ctx: Context,
) -> Conditioning:
    """Blend two texts into one that lies between them. A shorter second one is filled up with nothing."""
    states_from, more_from = _first(conditioning_from, ctx)
    share = conditioning_to_strength
    pooled_from = more_from.get("pooled_output")
    _see_that_they_fit(conditioning_to, states_from, pooled_from)
    mixed = []
    for states, more in conditioning_to:
        pooled = more.get("pooled_output", pooled_from)
        changed = dict(more)
        if pooled is not None and pooled_from is not None:
            changed["pooled_output"] = pooled * share + pooled_from * (1 - share)
        elif pooled is not None:
            changed["pooled_output"] = pooled
        mixed.append([states * share + _as_long(states_from, states.shape[1]) * (1 - share), changed])
    return mixed


@node("ConditioningMultiply", category=CATEGORY, name="Conditioning (Multiply)")
def multiply(
    conditioning: Conditioning,
    multiplier: Annotated[
        float, Number(default=1.0, low=-100.0, high=100.0, step=0.01, tip="A factor on all that the encoder said.")
    ],
) -> Conditioning:
    """Multiply a conditioning by a number."""
    return [
        [states * multiplier, more | _changed(more, lambda pooled: pooled * multiplier)]
        for states, more in conditioning
    ]


@node("ConditioningZeroOut", category=CATEGORY, name="Conditioning Zero Out", search=("empty", "null"))
def zero_out(conditioning: Conditioning) -> Conditioning:
    """Replace what the encoder said by zeros: the negative that some models want instead of an empty text."""
    return [[torch.zeros_like(states), more | _changed(more, torch.zeros_like)] for states, more in conditioning]


def _changed(more: dict, change) -> dict:
    return {key: change(more[key]) for key in ("pooled_output",) if more.get(key) is not None}


def _first(conditioning_from: Conditioning, ctx: Context) -> list:
    if not conditioning_from:
        raise GraphError(
            say("conditioning_from: it holds no text; connect a node that encodes one"),
            input_name="conditioning_from",
            found="none",
            wanted="a text",
        )
    if len(conditioning_from) > 1:
        ctx.note(
            say("conditioning_from holds {count} texts, of which only the first is used", count=len(conditioning_from))
        )
    return conditioning_from[0]


def _see_that_they_fit(conditioning_to: Conditioning, states: Tensor, pooled: Tensor | None = None) -> None:
    """Raises: ShapeError, if a text or what was pooled of it has another width than those that it is to join."""
    for states_to, more in conditioning_to:
        for what, one, other in (
            (say("text"), states_to, states),
            (say("pooled text"), more.get("pooled_output"), pooled),
        ):
            if one is not None and other is not None and one.shape[-1] != other.shape[-1]:
                raise ShapeError(
                    say(
                        "conditioning_from: its {what} is {found} wide, but conditioning_to's {wanted}; "
                        "encode both with the CLIP of one model",
                        what=what,
                        found=other.shape[-1],
                        wanted=one.shape[-1],
                    ),
                    wanted=one.shape[-1],
                    got=other.shape[-1],
                )


def _as_long(states: Tensor, length: int) -> Tensor:
    """[B, T, D] cut to `length`, or filled up with zeros."""
    cut = states[:, :length]
    missing = length - cut.shape[1]
    return cut if missing == 0 else torch.cat([cut, cut.new_zeros(cut.shape[0], missing, cut.shape[2])], dim=1)
