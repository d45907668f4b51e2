"""A prompt in chunks of 75 tokens as A1111 makes them: cut near commas and at BREAK, embeddings by their bare names.

What comes out is what the encoders of this house take (`heddle.prompts.chunks`): 77 tokens with start and end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heddle.graph.errors import FileProblem
from heddle.prompts.a1111.attention import BREAK, parse_attention
from heddle.prompts.chunks import CHUNK_TOKENS, Token, TokenizedPrompt
from heddle.prompts.embeddings import Embedding, EmbeddingRow, FindEmbedding
from heddle.prompts.tokenizer import END, START
from heddle.prompts.weights import Segment
from heddle.prompts.words import Tokenizer

WITHIN_CHUNK = CHUNK_TOKENS - 2
BACKTRACK = 20
"""How many tokens after a comma may move to the next chunk with what follows, unless a user sets another number."""


@dataclass(frozen=True)
class ChunkedPrompt(TokenizedPrompt):
    """Chunks, and how many tokens the web UI counts: a chunk that BREAK or a full row ended counts as full."""

    token_count: int = 0


class EmbeddingNames:
    """Names of embeddings as the tokens that they are written with.

    Args:
        names: one for each embedding; of two that are written alike the earlier one is found.
    """

    def __init__(self, names: Iterable[str], tokenizer: Tokenizer) -> None:
        self._by_first: dict[int, list[tuple[list[int], str]]] = {}
        for name in names:
            if ids := tokenizer.encode(name):
                self._by_first.setdefault(ids[0], []).append((ids, name))
        for candidates in self._by_first.values():
            candidates.sort(key=lambda candidate: -len(candidate[0]))  # the longest name that fits is meant

    def at(self, tokens: Sequence[int], place: int) -> tuple[str, int] | None:
        """The name that begins at a place, and how many tokens it takes."""
        for ids, name in self._by_first.get(tokens[place], ()):
            if tokens[place : place + len(ids)] == ids:
                return name, len(ids)
        return None


def chunk_prompt(
    text: str,
    tokenizer: Tokenizer,
    *,
    pad: int = END,
    names: EmbeddingNames | None = None,
    find_embedding: FindEmbedding | None = None,
    weighted: bool = True,
    backtrack: int = BACKTRACK,
) -> ChunkedPrompt:
    """Read weights and embeddings, tokenize, and spread over chunks.

    Args:
        pad: what fills a chunk up behind its end; 49407 for CLIP-L, 0 for the OpenCLIP encoders.
        names: of the embeddings that a prompt may hold; `find_embedding` is asked for those that it does. One that
            cannot be used stays text, with a note.
        weighted: False takes the whole text as it is written, BREAK included.
        backtrack: a chunk that is full ends at its last comma, if at most so many tokens follow there; 0 = never.
    """
    comma = tokenizer.encode(",")
    spreader = _Spreader(pad, comma[0] if len(comma) == 1 else None, backtrack)
    reader = _EmbeddingReader(names, find_embedding)
    for number, (piece, weight) in enumerate(parse_attention(text) if weighted else [Segment(text, 1.0)], start=1):
        if weighted and (piece, weight) == BREAK:
            spreader.close()
            continue
        tokens = tokenizer.encode(piece)
        place = 0
        while place < len(tokens):
            embedding, taken = reader.read(tokens, place)
            spreader.make_room(tokens[place])
            if embedding is None:
                spreader.put(Token(tokens[place], weight, number))
            else:
                spreader.put(
                    *(Token(EmbeddingRow(embedding, row), weight, number) for row in range(len(embedding.rows)))
                )
            place += taken
    spreader.finish()
    return ChunkedPrompt(spreader.chunks, list(reader.notes), spreader.token_count)


class _Spreader:
    """Puts tokens into chunks."""

    def __init__(self, pad: int, comma: int | None, backtrack: int) -> None:
        self.chunks: list[list[Token]] = []
        self.token_count = 0
        self._pad, self._comma, self._backtrack = pad, comma, backtrack
        self._row: list[Token] = []
        self._after_comma: int | None = None  # where in the row the part begins that may move on

    def make_room(self, token: int) -> None:
        """See to it that the row has a free place, and remember commas."""
        if token == self._comma:
            self._after_comma = len(self._row) + 1
        if len(self._row) < WITHIN_CHUNK:
            return
        moved: list[Token] = []
        start = self._after_comma
        if start is not None and token != self._comma and WITHIN_CHUNK - start < self._backtrack:
            moved = self._row[start:]
            del self._row[start:]
        self.close()
        self._row = moved

    def put(self, *tokens: Token) -> None:
        """The tokens of one thing, which a chunk's end does not tear unless it is longer than a chunk."""
        if self._row and len(self._row) + len(tokens) > WITHIN_CHUNK:
            self.close()
        while len(tokens) > WITHIN_CHUNK:
            self._row, tokens = list(tokens[:WITHIN_CHUNK]), tokens[WITHIN_CHUNK:]
            self.close()
        self._row += tokens

    def close(self) -> None:
        self.token_count += WITHIN_CHUNK
        self._end_chunk()

    def finish(self) -> None:
        if self._row or not self.chunks:
            self.token_count += len(self._row)
            self._end_chunk()

    def _end_chunk(self) -> None:
        fill = [Token(self._pad, 1.0, 0)] * (CHUNK_TOKENS - 2 - len(self._row))
        self.chunks.append([Token(START, 1.0, 0), *self._row, Token(END, 1.0, 0), *fill])
        self._row, self._after_comma = [], None


class _EmbeddingReader:
    """Finds embeddings among tokens, each once; what is wrong with them is in `notes`."""

    def __init__(self, names: EmbeddingNames | None, find: FindEmbedding | None) -> None:
        self.notes: dict[str, None] = {}
        self._names, self._find = names, find
        self._known: dict[str, Embedding | None] = {}

    def read(self, tokens: Sequence[int], place: int) -> tuple[Embedding | None, int]:
        """The embedding at a place, and how many tokens to go on by."""
        named = self._names.at(tokens, place) if self._names is not None else None
        if named is None or self._find is None:
            return None, 1
        name, length = named
        if name not in self._known:
            try:
                self._known[name] = self._find(name)
            except FileProblem as problem:
                self.notes[problem.message] = None
                self._known[name] = None
        embedding = self._known[name]
        return (embedding, length) if embedding is not None else (None, 1)
