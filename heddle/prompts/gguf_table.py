"""The tokenizer that a GGUF file brings along, made of the tables in its header. No weight is read."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.prompts.chats import TwoWayTokenizer
from heddle.prompts.gguf_file import read_gguf
from heddle.prompts.piece_model import PieceModel
from heddle.prompts.vocabularies import BytePairs, PieceTokenizer, TableTokenizer, byte_pair_table

_PLACE = "tokenizer.ggml."


def read_gguf_tokenizer(path: Path, pairs: BytePairs | None = None) -> TwoWayTokenizer | None:
    """The tokenizer in a GGUF file, None if it has none.

    Args:
        pairs: what the model's table of merged bytes does not say itself, if it is of that kind.
    Raises: FileProblem, if the file is damaged, or its tables are of a kind not known here.
    """
    found = read_gguf(path, lambda name: name.startswith(_PLACE)).entries
    entries = {name.removeprefix(_PLACE): value for name, value in found.items()}
    kind, tokens = entries.get("model"), entries.get("tokens")
    if kind is None or tokens is None:
        return None
    try:
        if kind in ("t5", "llama"):
            return PieceTokenizer(_pieces(kind, entries).serialized(), path)
        if kind == "gpt2" and pairs is not None:
            merges = [(left, right) for left, right in (merge.split(" ") for merge in entries["merges"])]
            numbered = {token: number for number, token in enumerate(tokens)}
            return TableTokenizer(path, lambda: byte_pair_table(numbered, merges, pairs))
    except (KeyError, ValueError, TypeError, AttributeError, struct.error) as error:
        raise FileProblem(
            say(
                "{file}: its tokenizer is damaged ({kind}: {why})", file=path.name, kind=type(error).__name__, why=error
            ),
            path=path,
        ) from error
    raise FileProblem(
        say(
            "{file} has a tokenizer of the kind {kind!r}, which is not known here; put the model's "
            "tokenizer.json into a folder below models/tokenizers/",
            file=path.name,
            kind=str(kind)[:100],
        ),
        path=path,
    )


def _pieces(kind: str, entries: Mapping[str, Any]) -> PieceModel:
    tokens = entries["tokens"]
    return PieceModel(
        pieces=list(zip(tokens, entries["scores"], entries["token_type"], strict=True)),
        merges_pairs=kind == "llama",
        charsmap=bytes(number & 0xFF for number in entries.get("precompiled_charsmap", ())),
        adds_blank=bool(entries.get("add_space_prefix", True)),
        joins_blanks=bool(entries.get("remove_extra_whitespaces", kind == "t5")),
    )
