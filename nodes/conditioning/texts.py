"""From a prompt to a conditioning."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Number, Text, node
from heddle.graph.errors import GraphError
from heddle.prompts.chunks import tokenize_prompt
from heddle.prompts.embeddings import EmbeddingFinder
from heddle.prompts.tokenizer import clip_tokenizer
from heddle.wires import Clip, Conditioning
from model_management.embedding_files import read_embedding_file
from model_management.text_encoding import encode_text

#: Prompts that people write have one to four chunks of 75 tokens. Each more makes every step slower, and a text of
#: hundreds is a file pasted by mistake.
MAX_CHUNKS = 64


@node("CLIPTextEncode", category="model/conditioning", name="CLIP Text Encode (Prompt)", search=("prompt", "text"))
def encode_prompt(
    text: Annotated[str, Text(multiline=True, dynamic=True, tip="What the picture should show.")],
    clip: Clip,
    ctx: Context,
) -> Conditioning:
    """Turn a prompt into what steers the sampling.

    (words:1.2) weighs words, `embedding:name` puts in a textual inversion from the embeddings folder.
    """
    find = EmbeddingFinder(ctx.folders.models("embeddings"), read_embedding_file, key="clip_l", width=clip.config.width)
    tokenized = tokenize_prompt(text, clip_tokenizer(), find_embedding=find)
    for line in tokenized.notes:
        ctx.note(line)
    if len(tokenized.chunks) > MAX_CHUNKS:
        raise GraphError(
            f"text: {len(text):,} characters make {len(tokenized.chunks)} chunks of 75 tokens, "
            f"but {MAX_CHUNKS} is the most that is encoded; shorten the text",
            input_name="text",
            found=len(tokenized.chunks),
            wanted=MAX_CHUNKS,
        )
    states, pooled = encode_text(clip, tokenized.chunks, ctx.weights, lambda done, total: ctx.check_cancelled())
    return [[states, {"pooled_output": pooled}]]


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
