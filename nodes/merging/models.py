"""Diffusion models mixed, added and subtracted."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Number, Wire, node
from heddle.wires import Model
from model_management.merged_weights import merge_models

CATEGORY = "model/merging"

First = Annotated[Model, Wire("MODEL", tip="The model that is changed; what it is used with stays its own.")]
Second = Annotated[Model, Wire("MODEL", tip="The model whose weights are brought in; of the same family.")]


@node("ModelMergeSimple", category=CATEGORY, search=("mix", "weighted sum"))
def mix_models(
    model1: First,
    model2: Second,
    ratio: Annotated[float, Number(low=0, high=1, step=0.01, tip="The share of the first model; 1 = it alone.")] = 1.0,
) -> Model:
    """Mix two models weight by weight: ratio times the first and the rest of the second."""
    return merge_models(model1, model2, "mix", {"": ratio})


@node("ModelMergeAdd", category=CATEGORY, search=("sum",))
def add_models(model1: First, model2: Second) -> Model:
    """Add the second model's weights to the first's, such as a difference that ModelMergeSubtract made."""
    return merge_models(model1, model2, "add")


@node("ModelMergeSubtract", category=CATEGORY, search=("difference",))
def subtract_models(
    model1: First,
    model2: Second,
    multiplier: Annotated[
        float, Number(low=-10, high=10, step=0.01, tip="The difference is multiplied by this.")
    ] = 1.0,
) -> Model:
    """What the first model's weights have over the second's, to be added to a third model."""
    return merge_models(model1, model2, "subtract", strength=multiplier)


Share = Annotated[float, Number(low=0, high=1, step=0.01, tip="The share of the first model in this part.")]


@node("ModelMergeBlocks", category=CATEGORY, search=("mix", "block weights"))
def mix_blocks(model1: First, model2: Second, input: Share = 1.0, middle: Share = 1.0, out: Share = 1.0) -> Model:
    """Mix two models with one share on the way down, in the middle, and on the way up.

    What belongs to none of them, such as the timestep's embedding, has the share of the way down.
    """
    return merge_models(model1, model2, "mix", {"input": input, "middle": middle, "out": out})
