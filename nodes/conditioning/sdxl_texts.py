"""Prompts for Stable Diffusion XL, with the sizes that its networks are told."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Number, Text, node
from heddle.graph.errors import GraphError
from heddle.graph.said import all_of, say
from heddle.wires import Clip, Conditioning
from nodes.conditioning.texts import encode_texts

CATEGORY = "model/conditioning/stable diffusion"

Width = Annotated[
    int, Number(default=1024, low=0, high=16384, tip="Width in pixels that the picture is to look as if taken with.")
]
Height = Annotated[
    int, Number(default=1024, low=0, high=16384, tip="Height in pixels that the picture is to look as if taken with.")
]


@node("CLIPTextEncodeSDXL", category=CATEGORY, name="CLIP Text Encode (SDXL)", search=("prompt", "text", "size"))
def encode_sdxl(
    clip: Clip,
    width: Width,
    height: Height,
    crop_w: Annotated[
        int, Number(default=0, low=0, high=16384, advanced=True, tip="Pixels that seem to be cut at the left.")
    ],
    crop_h: Annotated[
        int, Number(default=0, low=0, high=16384, advanced=True, tip="Pixels that seem to be cut at the top.")
    ],
    target_width: Annotated[int, Number(default=1024, low=0, high=16384, tip="Width of the picture, in pixels.")],
    target_height: Annotated[int, Number(default=1024, low=0, high=16384, tip="Height of the picture, in pixels.")],
    text_g: Annotated[str, Text(multiline=True, dynamic=True, tip="The prompt for the larger encoder, bigG.")],
    text_l: Annotated[str, Text(multiline=True, dynamic=True, tip="The prompt for the smaller encoder, CLIP-L.")],
    ctx: Context,
) -> Conditioning:
    """Turn one prompt for each of Stable Diffusion XL's encoders, and sizes, into what steers the sampling."""
    _need(clip, "l", "g")
    return encode_texts(
        clip,
        {"l": text_l, "g": text_g},
        ctx,
        width=width,
        height=height,
        crop_w=crop_w,
        crop_h=crop_h,
        target_width=target_width,
        target_height=target_height,
    )


@node(
    "CLIPTextEncodeSDXLRefiner", category=CATEGORY, name="CLIP Text Encode (SDXL Refiner)",
    search=("prompt", "text", "aesthetic"),
)  # fmt: skip
def encode_refiner(
    ascore: Annotated[
        float,
        Number(default=6.0, low=0.0, high=1000.0, step=0.01, tip="How beautiful, of about 10; 2.5 in a negative."),
    ],
    width: Width,
    height: Height,
    text: Annotated[str, Text(multiline=True, dynamic=True, tip="What the picture should show.")],
    clip: Clip,
    ctx: Context,
) -> Conditioning:
    """Turn a prompt, a size and a score into what steers Stable Diffusion XL's refiner."""
    return encode_texts(clip, text, ctx, aesthetic_score=ascore, width=width, height=height)


def _need(clip: Clip, *names: str) -> None:
    found = [encoder.part.name for encoder in clip.encoders]
    if sorted(found) != sorted(names):
        raise GraphError(
            say(
                "clip: the encoders {wanted} of Stable Diffusion XL are wanted, found {found}; take the "
                "CLIP of an XL checkpoint, or encode with CLIP Text Encode (Prompt)",
                wanted=all_of(names),
                found=all_of(found),
            ),
            input_name="clip",
            found=found,
            wanted=list(names),
        )
