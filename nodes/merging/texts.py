"""Text encoders mixed, added and subtracted."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Number, Wire, node
from heddle.wires import Clip
from model_management.merged_weights import merge_clips

CATEGORY = "model/merging"

First = Annotated[Clip, Wire("CLIP", tip="The text encoder that is changed.")]
Second = Annotated[Clip, Wire("CLIP", tip="The text encoder whose weights are brought in; of the same family.")]


@node("CLIPMergeSimple", category=CATEGORY, search=("mix", "text encoder"))
def mix_clips(
    clip1: First,
    clip2: Second,
    ratio: Annotated[
        float, Number(low=0, high=1, step=0.01, tip="The share of the first text encoder; 1 = it alone.")
    ] = 1.0,
) -> Clip:
    """Mix two text encoders weight by weight: ratio times the first and the rest of the second."""
    return merge_clips(clip1, clip2, "mix", {"": ratio})


@node("CLIPMergeAdd", category=CATEGORY, search=("sum", "text encoder"))
def add_clips(clip1: First, clip2: Second) -> Clip:
    """Add the second text encoder's weights to the first's, such as a difference that CLIPMergeSubtract made."""
    return merge_clips(clip1, clip2, "add")


@node("CLIPMergeSubtract", category=CATEGORY, search=("difference", "text encoder"))
def subtract_clips(
    clip1: First,
    clip2: Second,
    multiplier: Annotated[
        float, Number(low=-10, high=10, step=0.01, tip="The difference is multiplied by this.")
    ] = 1.0,
) -> Clip:
    """What the first text encoder's weights have over the second's, to be added to a third one."""
    return merge_clips(clip1, clip2, "subtract", strength=multiplier)
