"""Where a transformer believes that the tokens of a picture lie."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Number, node
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.networks.flux import FluxConfig
from heddle.networks.lumina import LuminaConfig
from heddle.numerics.rope import PlaceScaling
from heddle.wires import Model
from model_management.patches import PlacesPatch


def _scale(tip: str) -> Number:
    return Number(default=1.0, low=0.0, high=100.0, step=0.1, advanced=True, tip=tip)


def _shift(tip: str) -> Number:
    return Number(default=0.0, low=-256.0, high=256.0, step=0.1, advanced=True, tip=tip)


@node("ScaleROPE", category="model/patch", name="ScaleROPE", experimental=True, search=("rotary positions",))
def scale_places(
    model: Model,
    scale_x: Annotated[float, _scale("How far neighbouring columns are said to lie apart; 1 = as trained.")],
    shift_x: Annotated[float, _shift("All columns are said to lie so many cells further to the right.")],
    scale_y: Annotated[float, _scale("How far neighbouring rows are said to lie apart.")],
    shift_y: Annotated[float, _shift("All rows are said to lie so many cells further down.")],
    scale_t: Annotated[float, _scale("How far a picture and its references, or frames, are said to lie apart.")],
    shift_t: Annotated[float, _shift("All of them are said to lie so much further on.")],
) -> Model:
    """Change where a transformer with rotary positions believes a picture's parts to lie.

    Smaller steps let it take a picture larger than those of its training for one of them.
    """
    if not isinstance(model.config, (FluxConfig, LuminaConfig)):
        raise GraphError(
            say(
                "ScaleROPE changes rotary positions, but the network of {family} ({model}) has none; "
                "leave the node out, or use a model that has them",
                family=model.family.name,
                model=model.stored.header.path.name,
            ),
            found=model.family.name,
            wanted="a model with rotary positions, such as FLUX.1",
        )
    scaling = PlaceScaling((scale_t, scale_y, scale_x), (shift_t, shift_y, shift_x))
    return model.with_patch("ScaleROPE", PlacesPatch(scaling))
