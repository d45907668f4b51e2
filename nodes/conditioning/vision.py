"""Images read by a vision encoder, for what is guided by pictures."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Wire, node
from heddle.wires import ClipVision, ClipVisionOutput, Image
from model_management.vision import encode_for_vision


@node("CLIPVisionEncode", category="model/conditioning", name="CLIP Vision Encode", search=("image", "ip-adapter"))
def encode(
    clip_vision: ClipVision,
    image: Annotated[Image, Wire("IMAGE", tip="What is to be read.")],
    crop: Annotated[
        str, Choice("center", "none", tip="`center` keeps the middle square; `none` presses the whole image into one.")
    ],
    ctx: Context,
) -> ClipVisionOutput:
    """Read images with a vision encoder: what they show, without where exactly."""
    return encode_for_vision(clip_vision, image, ctx.weights, is_cropped=crop == "center")
