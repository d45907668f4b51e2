"""Texts that say what stands in a box of the picture."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Number, Text, node
from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.wires import Clip, Conditioning, Gligen
from model_management.gligen import unprojected_clip
from model_management.gligen_run import KIND
from nodes.conditioning.texts import encode_texts

_PX_PER_CELL = 8


@node(
    "GLIGENTextBoxApply", category="model/conditioning/gligen", name="Apply GLIGEN Text Box", search=("region", "box")
)
def put_text_in_box(
    conditioning_to: Conditioning,
    clip: Clip,
    gligen_textbox_model: Gligen,
    text: Annotated[str, Text(multiline=True, dynamic=True, tip="What stands in the box.")],
    width: Annotated[int, Number(default=64, low=8, high=16384, step=8, tip="Of the box, in pixels.")],
    height: Annotated[int, Number(default=64, low=8, high=16384, step=8, tip="Of the box, in pixels.")],
    x: Annotated[int, Number(default=0, low=0, high=16384, step=8, tip="Its left side, in pixels.")],
    y: Annotated[int, Number(default=0, low=0, high=16384, step=8, tip="Its top side, in pixels.")],
    ctx: Context,
) -> Conditioning:
    """Say what stands in a box of the picture, beside the prompt for the whole. Used again, it adds a box."""
    said, *_later = encode_texts(unprojected_clip(clip), text, ctx)  # hooks of a clip may make several of one
    pooled, wanted = said[1]["pooled_output"], gligen_textbox_model.config.text_width
    if pooled.shape[-1] != wanted:
        raise ShapeError(
            say(
                "the text is encoded {width} wide, but the GLIGEN model {gligen} wants {wanted}; encode "
                "it with the CLIP of the family that the GLIGEN model was made for",
                width=pooled.shape[-1],
                gligen=gligen_textbox_model.name,
                wanted=wanted,
            ),
            wanted=wanted,
            got=pooled.shape[-1],
        )
    box = (pooled, *(px // _PX_PER_CELL for px in (height, width, y, x)))

    def with_box(more: dict[str, Any]) -> dict[str, Any]:
        before = more["gligen"][2] if "gligen" in more else []
        return {**more, "gligen": (KIND, gligen_textbox_model, [*before, box])}

    return [[states, with_box(more)] for states, more in conditioning_to]
