"""From a prompt's text to the chunks that each encoder of a clip reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.prompts.chats import TwoWayTokenizer
from heddle.prompts.chunks import Token, TokenizedPrompt, tokenize_prompt
from heddle.prompts.embeddings import EmbeddingFinder
from heddle.prompts.sequences import tokenize_sequence
from heddle.prompts.tokenizer import clip_tokenizer
from heddle.prompts.vocabularies import Vocabulary, find_tokenizer, read_tokenizer_folder
from model_management.embedding_files import read_embedding_file
from model_management.handles import Clip, TextEncoder
from model_management.stored_vocabulary import stored_tokenizer

#: Prompts that people write have one to four chunks of 75 tokens. Each more makes every step slower, and a text of
#: hundreds is a file pasted by mistake.
MAX_CHUNKS = 64
TOKENS_IN_CHUNK = 75


@dataclass(frozen=True)
class ClipTokens:
    """chunks: for each encoder by its name, equally many. notes: what the person who wrote the prompt should know."""

    chunks: dict[str, list[list[Token]]]
    notes: list[str]


def tokenize_for(
    clip: Clip,
    texts: str | Mapping[str, str | None],
    embedding_folders: Iterable[Path],
    tokenizer_folders: Iterable[Path] = (),
) -> ClipTokens:
    """Tokenize a prompt for every encoder of a clip.

    Where the text of one encoder that reads in chunks is longer, the others' are filled up with empty chunks.

    Args:
        texts: one for all encoders, or one for each by its name; None has no chunks of its own.
        embedding_folders: where textual inversions lie.
        tokenizer_folders: where the tables of encoders other than CLIP's lie, see `vocabularies.py`.
    Raises: GraphError, if a text is too long; WeightsError, if the checkpoint has no encoder; FileProblem, if a
        tokenizer is missing.
    """
    tables = list(tokenizer_folders)
    folders = list(embedding_folders)
    chunks: dict[str, list[list[Token]]] = {}
    notes: dict[str, None] = {}  # each once: encoders that read the same text miss the same files
    for encoder in clip.encoders:
        name = encoder.part.name
        text = texts if isinstance(texts, str) else texts[name]
        if text is None:
            chunks[name] = []
            continue
        tokenized = _tokenized(encoder, text, folders, tables)
        notes |= dict.fromkeys(tokenized.notes)
        chunks[name] = tokenized.chunks
        found = len(tokenized.chunks[0]) // TOKENS_IN_CHUNK if encoder.part.row else len(tokenized.chunks)
        if found > MAX_CHUNKS:
            raise GraphError(
                say(
                    "text: {count:,} characters make {found} chunks of {tokens_in_chunk} tokens, but "
                    "{max_chunks} is the most that is encoded; shorten the text",
                    count=len(text),
                    found=found,
                    tokens_in_chunk=TOKENS_IN_CHUNK,
                    max_chunks=MAX_CHUNKS,
                ),
                input_name="text",
                found=found,
                wanted=MAX_CHUNKS,
            )
    in_chunks = [encoder for encoder in clip.encoders if encoder.part.row is None]
    longest = max((len(chunks[encoder.part.name]) for encoder in in_chunks), default=0)
    for encoder in in_chunks:
        own = chunks[encoder.part.name]
        own.extend(_empty_chunk(encoder) for _ in range(longest - len(own)))
    return ClipTokens(chunks, list(notes))


#: Encoders of T5's kind, by their names in this ecosystem.
T5_KIN = ("t5xxl", "pile_t5xl", "t5base", "mt5xl", "umt5xxl")


def with_t5_padding(clip: Clip, padding: int, at_least: int) -> Clip:
    """A copy whose encoders of T5's kind read rows of at least so many tokens, with at least so much padding."""

    def changed(encoder: TextEncoder) -> TextEncoder:
        row = encoder.part.row
        if row is None or encoder.part.name not in T5_KIN:
            return encoder
        layout = replace(row.layout, padding=padding, at_least=at_least)
        return replace(encoder, part=replace(encoder.part, row=replace(row, layout=layout)))

    return replace(clip, encoders=tuple(map(changed, clip.encoders)))


def _tokenized(encoder: TextEncoder, text: str, embeddings: list[Path], tables: list[Path]) -> TokenizedPrompt:
    part, width = encoder.part, encoder.config.width
    if part.row is None:
        find = EmbeddingFinder(embeddings, read_embedding_file, key=f"clip_{part.name}", width=width)
        return tokenize_prompt(text, clip_tokenizer(), pad=part.pad, find_embedding=find)
    tokenizer = tokenizer_of(encoder, part.row.vocabulary, tables)
    find = EmbeddingFinder(embeddings, read_embedding_file, key=part.name, width=width)
    return tokenize_sequence(text, tokenizer, part.row.layout, find_embedding=find)


def tokenizer_of(encoder: TextEncoder, vocabulary: Vocabulary, tables: Iterable[Path]) -> TwoWayTokenizer:
    """The tokenizer of an encoder that reads rows. Raises: FileProblem, if it is missing."""
    return find_tokenizer(vocabulary, tables, stored=lambda: _own_tokenizer(encoder))


def _own_tokenizer(encoder: TextEncoder) -> TwoWayTokenizer | None:
    """The one that came with the encoder, in a folder beside its file or in the file."""
    row = encoder.part.row
    if row is not None and encoder.tokenizer is not None:
        found = read_tokenizer_folder(encoder.tokenizer, row.vocabulary.bytes)
        if found is not None:
            return found
    return stored_tokenizer(encoder.stored.header, encoder.stored.part.prefix)


def _empty_chunk(encoder: TextEncoder) -> list[Token]:
    return tokenize_prompt("", clip_tokenizer(), pad=encoder.part.pad).chunks[0]
