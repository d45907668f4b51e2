"""From a prompt's text to the chunks that each encoder of a clip reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from heddle.graph.errors import GraphError
from heddle.prompts.chunks import Token, tokenize_prompt
from heddle.prompts.embeddings import EmbeddingFinder
from heddle.prompts.tokenizer import clip_tokenizer
from model_management.embedding_files import read_embedding_file
from model_management.handles import Clip, TextEncoder

#: Prompts that people write have one to four chunks of 75 tokens. Each more makes every step slower, and a text of
#: hundreds is a file pasted by mistake.
MAX_CHUNKS = 64


@dataclass(frozen=True)
class ClipTokens:
    """chunks: for each encoder by its name, equally many. notes: what the person who wrote the prompt should know."""

    chunks: dict[str, list[list[Token]]]
    notes: list[str]


def tokenize_for(clip: Clip, texts: str | Mapping[str, str], embedding_folders: Iterable[Path]) -> ClipTokens:
    """Tokenize a prompt for every encoder of a clip.

    Where one encoder's text is longer, the others' are filled up with empty chunks.

    Args:
        texts: one for all encoders, or one for each by its name.
        embedding_folders: where textual inversions lie.
    Raises: GraphError, if a text is too long.
    """
    folders = list(embedding_folders)
    chunks: dict[str, list[list[Token]]] = {}
    notes: dict[str, None] = {}  # each once: encoders that read the same text miss the same files
    for encoder in clip.encoders:
        name = encoder.part.name
        text = texts if isinstance(texts, str) else texts[name]
        find = EmbeddingFinder(folders, read_embedding_file, key=f"clip_{name}", width=encoder.config.width)
        tokenized = tokenize_prompt(text, clip_tokenizer(), pad=encoder.part.pad, find_embedding=find)
        notes |= dict.fromkeys(tokenized.notes)
        chunks[name] = tokenized.chunks
        if len(tokenized.chunks) > MAX_CHUNKS:
            raise GraphError(
                f"text: {len(text):,} characters make {len(tokenized.chunks)} chunks of 75 tokens, "
                f"but {MAX_CHUNKS} is the most that is encoded; shorten the text",
                input_name="text",
                found=len(tokenized.chunks),
                wanted=MAX_CHUNKS,
            )
    longest = max(map(len, chunks.values()))
    for encoder in clip.encoders:
        own = chunks[encoder.part.name]
        own.extend(_empty_chunk(encoder) for _ in range(longest - len(own)))
    return ClipTokens(chunks, list(notes))


def _empty_chunk(encoder: TextEncoder) -> list[Token]:
    return tokenize_prompt("", clip_tokenizer(), pad=encoder.part.pad).chunks[0]
