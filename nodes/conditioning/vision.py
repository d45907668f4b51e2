"""Images read by a vision encoder, and shown to networks that draw after pictures."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Number, Wire, node
from heddle.wires import ClipVision, ClipVisionOutput, Conditioning, Image
from model_management.picture_vectors import SHOWN
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


@node(
    "unCLIPConditioning",
    category="model/conditioning",
    name="unCLIPConditioning",
    search=("image", "variation", "revision"),
)
def show_images(
    conditioning: Conditioning,
    clip_vision_output: ClipVisionOutput,
    strength: Annotated[
        float, Number(default=1.0, low=-10.0, high=10.0, step=0.01, tip="How much the images count; 0 = not at all.")
    ],
    noise_augmentation: Annotated[
        float,
        Number(
            default=0.0, low=0.0, high=1.0, step=0.01, tip="How freely the images are followed: 0 closely, 1 hardly."
        ),
    ],
) -> Conditioning:
    """Draw after images, beside a text. Used again, it shows more images, which add up.

    For unCLIP checkpoints; and for SDXL, where images that CLIP-bigG has read stand in for the text as a whole.
    """
    if strength == 0:
        return conditioning
    image = {
        "clip_vision_output": clip_vision_output,
        "strength": strength,
        "noise_augmentation": noise_augmentation,
    }
    return [[states, {**more, SHOWN: [*more.get(SHOWN, ()), image]}] for states, more in conditioning]
