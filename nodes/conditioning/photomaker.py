"""Prompts about the person of an image."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Text, Wire, node
from heddle.graph.said import say
from heddle.wires import Clip, Conditioning, Image, PhotoMaker
from model_management.hooked_clip import clips_for_encoding
from model_management.photomaker import TRIGGER, take_out_triggers, with_person
from model_management.prompt_tokens import tokenize_for
from model_management.text_encoding import encode_text


@node(
    "PhotoMakerEncode", category="model/conditioning/photomaker", name="PhotoMaker Encode", experimental=True,
    search=("face", "id", "prompt"),
)  # fmt: skip
def encode_with_person(
    photomaker: PhotoMaker,
    image: Annotated[Image, Wire("IMAGE", tip="The person, best their face; the first image of a batch.")],
    clip: Clip,
    text: Annotated[
        str,
        Text(
            multiline=True,
            dynamic=True,
            tip="The prompt, with the word photomaker behind the one that the person is put into: a man photomaker.",
        ),
    ] = "photograph of photomaker",
    *,
    ctx: Context,
) -> Conditioning:
    """Turn a prompt into what steers the sampling, with the person of an image in one of its words."""
    tokens = tokenize_for(clip, text, ctx.folders.models("embeddings"), ctx.folders.models("tokenizers"))
    for line in tokens.notes:
        ctx.note(line)
    chunks, place = take_out_triggers(tokens.chunks)
    if place is None:
        ctx.note(
            say(
                "the prompt has no word {trigger}, so the image has no effect; write it behind the word for the person",
                trigger=TRIGGER,
            )
        )
    elif len(image) > 1:
        ctx.note(say("{count} images are given, of which the first counts", count=len(image)))
    entries = []
    for hooked, carried in clips_for_encoding(clip):
        states, pooled = encode_text(hooked, chunks, ctx.weights, lambda done, total: ctx.check_cancelled())
        if place is not None:
            states = with_person(photomaker, image[:1], states, place, ctx.weights)
        entries.append([states, {"pooled_output": pooled, **carried}])
    return entries
