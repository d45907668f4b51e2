"""A prompt as a text encoder takes it: chunks of 77 tokens, each token with its weight and its word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from heddle.graph.errors import FileProblem
from heddle.prompts.embeddings import Embedding, EmbeddingRow
from heddle.prompts.tokenizer import END, START
from heddle.prompts.weights import Segment, parse_weights, unescape

CHUNK_TOKENS = 77
# Words shorter than this move to the next chunk whole; longer ones are cut. The number is the ecosystem's.
LONG_WORD_TOKENS = 8
_MARK = "embedding:"


class Tokenizer(Protocol):
    def encode(self, text: str, /) -> list[int]: ...


FindEmbedding = Callable[[str], Embedding | None]
"""Name as written -> the embedding, or None if there is no such file. Raises FileProblem if it cannot be used."""


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
    report = _Report()
    segments = parse_weights(text) if weighted else [Segment(unescape(text), 1.0)]
    chunks: list[list[Token]] = []
    chunk = [Token(START, 1.0, 0)]

    def close() -> None:
        chunk.append(Token(END, 1.0, 0))
        chunk.extend([Token(pad, 1.0, 0)] * (CHUNK_TOKENS - len(chunk)))
        chunks.append(chunk)

    for number, word in enumerate(_words(segments, tokenizer, find_embedding, report), start=1):
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
        notes.append(f"the prompt has {len(chunks)} chunks of 75 tokens, but {max_chunks} fit: the rest was left out")
        chunks = chunks[:max_chunks]
    return TokenizedPrompt(chunks, notes)


@dataclass
class _Report:
    """What went wrong with embeddings, each once, in reading order."""

    missing: dict[str, None] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)

    def notes(self) -> list[str]:
        notes = list(self.problems)
        if self.missing:
            names = [repr(name[:100]) for name in list(self.missing)[:10]]  # a note is read by a person
            more = f" and {len(self.missing) - len(names)} more" if len(self.missing) > len(names) else ""
            notes.append(f"no embedding file for {', '.join(names)}{more}: left out of the prompt")
        return notes


class _Word(NamedTuple):
    tokens: list[int] | list[EmbeddingRow]
    weight: float


def _words(
    segments: list[Segment], tokenizer: Tokenizer, find_embedding: FindEmbedding | None, report: _Report
) -> Iterator[_Word]:
    for text, weight in segments:
        for piece in _pieces(text):
            rest = piece
            if find_embedding is not None and piece.startswith(_MARK):
                embedding, rest = _take_embedding(piece[len(_MARK) :], find_embedding, report)
                if embedding is not None:
                    yield _Word([EmbeddingRow(embedding, i) for i in range(len(embedding.rows))], weight)
                if not rest:
                    continue
            yield _Word(tokenizer.encode(rest), weight)


def _pieces(text: str) -> list[str]:
    """The text cut before each `embedding:` that begins a word; the blank before it is dropped."""
    return [piece for piece in re.split(rf"[ \n](?={_MARK})", text) if piece]


def _take_embedding(text: str, find_embedding: FindEmbedding, report: _Report) -> tuple[Embedding | None, str]:
    """The embedding that the text begins with, and the text after it. Commas after the name are text."""
    written, *others = text.split(maxsplit=1) or [""]
    rest = " ".join(others[0].split()) if others else ""
    name = written.strip(",")
    try:
        embedding = find_embedding(written)
        if embedding is None and name != written:
            embedding = find_embedding(name)
            rest = f"{written[len(name) :]} {rest}"
    except FileProblem as problem:
        report.problems[problem.message] = None
        return None, rest
    if embedding is None:
        report.missing[name] = None
    return embedding, rest
