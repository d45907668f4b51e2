"""A prompt as a text encoder takes it: chunks of 77 tokens, each token with its weight and its word."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from heddle.graph.said import say
from heddle.prompts.embeddings import EmbeddingRow, FindEmbedding
from heddle.prompts.tokenizer import END, START
from heddle.prompts.words import Report, Tokenizer, read_words, segments_of

CHUNK_TOKENS = 77
# Words shorter than this move to the next chunk whole; longer ones are cut. The number is the ecosystem's.
LONG_WORD_TOKENS = 8


class Token(NamedTuple):
    """One place of a chunk.

    Attributes:
        token: id in the vocabulary, or a vector that stands in for one.
        weight: as the prompt gives it; 1 for start, end and padding.
        word: number of the piece of text that it comes from, from 1 on; 0 for start, end and padding.
    """

    token: int | EmbeddingRow
    weight: float
    word: int


@dataclass(frozen=True)
class TokenizedPrompt:
    """Chunks of equal length, at least one, and what the person who wrote the prompt should be told."""

    chunks: list[list[Token]]
    notes: list[str] = field(default_factory=list)


def tokenize_prompt(
    text: str,
    tokenizer: Tokenizer,
    *,
    pad: int = END,
    find_embedding: FindEmbedding | None = None,
    weighted: bool = True,
    max_chunks: int | None = None,
) -> TokenizedPrompt:
    """Read weights and embeddings, tokenize, and spread over chunks.

    A "word" is a piece of text between two changes of weight or embeddings: it goes into one chunk as a whole while it
    is short, so that a change of weight does not tear it.

    Args:
        pad: what fills a chunk up; 49407 (end again) for CLIP-L, 0 for the OpenCLIP encoders.
        find_embedding: called with each name written as `embedding:name`. Without it such names are plain text.
        weighted: False takes parentheses as text (escaped ones lose their backslash all the same).
        max_chunks: what goes beyond is left out, with a note.
    """
    report = Report()
    chunks: list[list[Token]] = []
    chunk = [Token(START, 1.0, 0)]

    def close() -> None:
        chunk.append(Token(END, 1.0, 0))
        chunk.extend([Token(pad, 1.0, 0)] * (CHUNK_TOKENS - len(chunk)))
        chunks.append(chunk)

    for number, word in enumerate(read_words(segments_of(text, weighted), tokenizer, find_embedding, report), start=1):
        tokens = [Token(token, word.weight, number) for token in word.tokens]
        taken = 0
        while len(tokens) - taken > (room := CHUNK_TOKENS - 1 - len(chunk)):  # one place is the end's
            if len(tokens) >= LONG_WORD_TOKENS:
                chunk += tokens[taken : taken + room]
                taken += room
            close()
            chunk = [Token(START, 1.0, 0)]
        chunk += tokens[taken:]
    close()
    notes = report.notes()
    if max_chunks is not None and len(chunks) > max_chunks:
        notes.append(
            say(
                "the prompt has {count} chunks of 75 tokens, but {max_chunks} fit: the rest was left out",
                count=len(chunks),
                max_chunks=max_chunks,
            )
        )
        chunks = chunks[:max_chunks]
    return TokenizedPrompt(chunks, notes)
