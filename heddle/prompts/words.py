"""The words of a prompt: pieces of text between two changes of weight, and embeddings, each with its tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from heddle.graph.errors import FileProblem
from heddle.graph.said import listed, say
from heddle.prompts.embeddings import Embedding, EmbeddingFinder, EmbeddingRow, FindEmbedding
from heddle.prompts.weights import Segment, parse_weights, unescape

_MARK = "embedding:"
_MOST_NAMES = 10  # in one note, which is read by a person


class Tokenizer(Protocol):
    def encode(self, text: str, /) -> list[int]: ...


@dataclass
class Report:
    """What went wrong with embeddings, each once, in reading order."""

    missing: dict[str, list[str]] = field(default_factory=dict)  # and the names that are nearest to each
    problems: dict[str, None] = field(default_factory=dict)

    def notes(self) -> list[str]:
        notes = list(self.problems)
        if self.missing:
            names = [_with_near(name, near) for name, near in list(self.missing.items())[:_MOST_NAMES]]
            more = len(self.missing) - len(names)
            others = say(" and {more} more", more=more) if more > 0 else ""
            words = "no embedding file for {names}{others}: left out of the prompt"
            notes.append(say(words, names=listed(names), others=others))
        return notes


def _with_near(name: str, near: list[str]) -> str:
    shown = repr(name[:100])
    return say("{shown} (near to it: {names})", shown=shown, names=", ".join(map(repr, near))) if near else shown


def segments_of(text: str, weighted: bool) -> list[Segment]:
    """The text with its weights; where they are off, parentheses are text, and escaped ones lose their backslash."""
    return parse_weights(text) if weighted else [Segment(unescape(text), 1.0)]


class Word(NamedTuple):
    tokens: list[int] | list[EmbeddingRow]
    weight: float


def read_words(
    segments: list[Segment], tokenizer: Tokenizer, find_embedding: FindEmbedding | None, report: Report
) -> Iterator[Word]:
    """The words in reading order. Without `find_embedding` names of embeddings are text."""
    for text, weight in segments:
        for piece in _pieces(text):
            rest = piece
            if find_embedding is not None and piece.startswith(_MARK):
                embedding, rest = _take_embedding(piece[len(_MARK) :], find_embedding, report)
                if embedding is not None:
                    yield Word([EmbeddingRow(embedding, i) for i in range(len(embedding.rows))], weight)
                if not rest:
                    continue
            yield Word(tokenizer.encode(rest), weight)


def _pieces(text: str) -> list[str]:
    """The text cut before each `embedding:` that begins a word; the blank before it is dropped."""
    return [piece for piece in re.split(rf"[ \n](?={_MARK})", text) if piece]


def _take_embedding(text: str, find_embedding: FindEmbedding, report: Report) -> tuple[Embedding | None, str]:
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
        is_first = name not in report.missing and len(report.missing) < _MOST_NAMES
        near = find_embedding.near(name) if is_first and isinstance(find_embedding, EmbeddingFinder) else []
        report.missing.setdefault(name, near)
    return embedding, rest
