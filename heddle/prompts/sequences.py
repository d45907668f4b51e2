"""A prompt as the text encoders after CLIP take it: one row of tokens as long as it needs, at least so and so long."""

from __future__ import annotations

from dataclasses import dataclass

from heddle.graph.said import say
from heddle.prompts.chunks import Token, TokenizedPrompt
from heddle.prompts.embeddings import FindEmbedding
from heddle.prompts.words import Report, Tokenizer, read_words, segments_of


@dataclass(frozen=True)
class SequenceLayout:
    """What stands around a text's tokens.

    Attributes:
        start, end: the tokens before and behind the text; None = none.
        pad: what fills the row up.
        at_least: tokens in a row, start and end counted.
        padding: at least so many behind the end, however long the text.
        before, after: text around the prompt, as the model was trained to read it.
        weighted: the model's prompts know weights; else parentheses are text.
    """

    pad: int
    start: int | None = None
    end: int | None = None
    at_least: int = 1
    padding: int = 0
    before: str = ""
    after: str = ""
    weighted: bool = True


T5_XXL = SequenceLayout(pad=0, end=1, at_least=256)
"""For Flux. SD3 was trained with 77."""
T5_XXL_77 = SequenceLayout(pad=0, end=1, at_least=77)
PILE_T5_XL = SequenceLayout(pad=1, end=2, at_least=256)
"""For AuraFlow. The numbers of pad and end are those of its tokenizer file."""
GEMMA_2 = SequenceLayout(pad=0, start=2)
"""For Lumina Image 2. The numbers are those of its tokenizer file."""
QWEN_IMAGE = SequenceLayout(
    pad=151643,
    before="<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, "
    "spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n",
    after="<|im_end|>\n<|im_start|>assistant\n",
    weighted=False,
)
"""The words around the prompt are those that the published model was trained with."""


def tokenize_sequence(
    text: str,
    tokenizer: Tokenizer,
    layout: SequenceLayout,
    *,
    find_embedding: FindEmbedding | None = None,
    at_most: int | None = None,
) -> TokenizedPrompt:
    """Read weights and embeddings, and tokenize into one chunk.

    Args:
        find_embedding: called with each name written as `embedding:name`. Without it such names are plain text.
        at_most: tokens in the row; what the text has beyond is left out, with a note.
    """
    report = Report()
    segments = segments_of(f"{layout.before}{text}{layout.after}", layout.weighted)
    words = enumerate(read_words(segments, tokenizer, find_embedding, report), start=1)
    row = [Token(token, word.weight, number) for number, word in words for token in word.tokens]
    start, end = ([] if each is None else [Token(each, 1.0, 0)] for each in (layout.start, layout.end))
    notes = report.notes()
    room = len(row) if at_most is None else max(0, at_most - len(start) - len(end))
    if len(row) > room:
        notes.append(
            say("the prompt has {count} tokens, but {room} fit: the rest was left out", count=len(row), room=room)
        )
    row = start + row[:room] + end
    fill = [Token(layout.pad, 1.0, 0)] * max(layout.padding, layout.at_least - len(row))
    return TokenizedPrompt([row + fill], notes)
