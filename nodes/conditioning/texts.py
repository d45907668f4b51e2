"""From a prompt to a conditioning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Number, Text, Wire, node
from heddle.wires import Clip, Conditioning
from model_management.hooked_clip import clips_for_encoding
from model_management.prompt_tokens import tokenize_for
from model_management.text_encoding import encode_text
from nodes.conditioning.places import with_options


def encode_texts(clip: Any, texts: str | Mapping[str, str | None], ctx: Context, **more: Any) -> Conditioning:
    """A conditioning of one text, or of one for each of the clip's encoders by its name; `more` goes into it.

    None for an encoder leaves it out, see `tokenize_for`. A clip whose hooks change in the course of a run gives an
    entry for each part of it.
    """
    tokens = tokenize_for(clip, texts, ctx.folders.models("embeddings"), ctx.folders.models("tokenizers"))
    for line in tokens.notes:
        ctx.note(line)
    entries = []
    for hooked, carried in clips_for_encoding(clip):
        states, pooled = encode_text(hooked, tokens.chunks, ctx.weights, lambda done, total: ctx.check_cancelled())
        entries.append([states, {"pooled_output": pooled, **more, **carried}])
    return entries


@node("CLIPTextEncode", category="model/conditioning", name="CLIP Text Encode (Prompt)", search=("prompt", "text"))
def encode_prompt(
    text: Annotated[str, Text(multiline=True, dynamic=True, tip="What the picture should show.")],
    clip: Clip,
    ctx: Context,
) -> Conditioning:
    """Turn a prompt into what steers the sampling.

    (words:1.2) weighs words, `embedding:name` puts in a textual inversion from the embeddings folder.
    """
    return encode_texts(clip, text, ctx)


@node(
    "CLIPTextEncodeControlnet", category="model/conditioning", name="CLIP Text Encode (Controlnet)", experimental=True,
    search=("prompt", "text", "control"),
)  # fmt: skip
def encode_for_controls(
    clip: Clip,
    conditioning: Annotated[Conditioning, Wire("CONDITIONING", tip="What the model itself is shown.")],
    text: Annotated[str, Text(multiline=True, dynamic=True, tip="What control nets read in the place of the prompt.")],
    ctx: Context,
) -> Conditioning:
    """Give a conditioning's control nets a text of their own; the model goes on reading what it has."""
    ((states, more),) = encode_texts(clip, text, ctx)
    return with_options(conditioning, cross_attn_controlnet=states, pooled_output_controlnet=more["pooled_output"])


@node("CLIPSetLastLayer", category="model/conditioning", name="CLIP Set Last Layer", search=("clip skip",))
def set_last_layer(
    clip: Clip,
    stop_at_clip_layer: Annotated[
        int,
        Number(
            default=-1, low=-24, high=-1, step=1, advanced=True, tip="-1 is the last layer, -2 the one before it, ..."
        ),
    ],
) -> Clip:
    """Take the text encoder's output from an earlier layer, as many anime models want (clip skip)."""
    return clip.with_last_layer(stop_at_clip_layer)
