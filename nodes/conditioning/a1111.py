"""Prompts in the grammar of A1111's web UI. Nodes of our own, see `docs/a1111.md`."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Number, Text, node
from heddle.numerics.emphasis import EMPHASES
from heddle.prompts.a1111.chunks import BACKTRACK
from heddle.wires import Clip, Conditioning
from model_management.a1111_texts import A1111Reading, encode_a1111


@node(
    "HeddleTextEncodeA1111", category="model/conditioning", name="Text Encode (A1111)",
    search=("prompt", "webui", "prompt editing", "AND", "BREAK"),
)  # fmt: skip
def encode_prompt_of_a1111(
    clip: Clip,
    text: Annotated[str, Text(multiline=True, tip="A prompt in A1111's grammar, for one side of the run.")],
    steps: Annotated[int, Number(default=20, low=1, high=10000, tip="Of the run: [a:b:when] and [a|b] count by them.")],
    emphasis: Annotated[
        str,
        Choice(
            "Original",
            *(name for name in EMPHASES if name != "Original"),
            tip="What weights do. Original: scale, and keep the mean; No norm: scale; Ignore: nothing; None: they are "
            "text.",
        ),
    ] = "Original",
    comma_backtrack: Annotated[
        int,
        Number(low=0, high=74, tip="A full chunk of 75 tokens ends at its last comma, if at most so many follow it."),
    ] = BACKTRACK,
    hires_steps: Annotated[
        int, Number(low=0, high=10000, tip="Of a second pass, for a text that is for that one; 0 = for the first.")
    ] = 0,
    *,
    ctx: Context,
) -> Conditioning:
    """Turn a prompt in the grammar of A1111's web UI into what steers the sampling.

    (words:1.2) and [words] weigh, [before:after:0.5] and [one|other] change the text during the run, BREAK begins a new
    chunk, AND adds up several prompts, each with a weight behind a colon. Embeddings are meant by their bare names.
    """
    reading = A1111Reading(steps, hires_steps, emphasis, comma_backtrack)
    folders = ctx.folders.models("embeddings")
    entries, notes = encode_a1111(clip, text, reading, folders, ctx.weights, lambda done, total: ctx.check_cancelled())
    for line in notes:
        ctx.note(line)
    return entries
