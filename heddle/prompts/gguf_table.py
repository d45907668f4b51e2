"""The tokenizer that a GGUF file brings along, made of the tables in its header.

The format (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): `GGUF`, a version, the numbers of tensors and of
entries, then each entry as a name, a kind and a value. Only entries below `tokenizer.` are kept; no weight is read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from heddle.graph.errors import FileProblem
from heddle.prompts.piece_model import PieceModel
from heddle.prompts.vocabularies import BytePairs, PieceTokenizer, TableTokenizer, byte_pair_table
from heddle.prompts.words import Tokenizer

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_PLACE = "tokenizer.ggml."
_TEXT, _LIST = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_CONTROL = 3


def read_gguf_tokenizer(path: Path, pairs: BytePairs | None = None) -> Tokenizer | None:
    """The tokenizer in a GGUF file, None if it has none.

    Args:
        pairs: what the model's table of merged bytes does not say itself, if it is of that kind.
    Raises: FileProblem, if the file is damaged, or its tables are of a kind not known here.
    """
    try:
        with path.open("rb") as file:
            entries = _Header(file).entries()
    except (OSError, ValueError, struct.error, MemoryError) as error:
        raise FileProblem(f"{path.name} is damaged, or no GGUF file: {error}", path=path) from error
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
            f"{path.name}: its tokenizer is damaged ({type(error).__name__}: {error})", path=path
        ) from error
    raise FileProblem(
        f"{path.name} has a tokenizer of the kind {str(kind)[:100]!r}, which is not known here; put the model's "
        "tokenizer.json into a folder below models/tokenizers/",
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


class _Header:
    """Reads the entries. Lengths are believed only as far as the file goes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = os.fstat(file.fileno()).st_size

    def entries(self) -> dict[str, Any]:
        """Those of the tokenizer, by what follows `tokenizer.ggml.` in their names."""
        magic, version = self._take(4), self._number("I")
        if magic != _MAGIC or version not in _VERSIONS:
            raise ValueError(f"it begins with {magic!r} and version {version}")
        self._number("Q")  # tensors
        found: dict[str, Any] = {}
        for _ in range(self._number("Q")):
            name = self._text()
            value = self._value(self._number("I"))
            if name.startswith(_PLACE):
                found[name[len(_PLACE) :]] = value
        return found

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._text()
        if kind != _LIST:
            return self._number(_NUMBERS[kind]) if kind in _NUMBERS else self._refuse(kind)
        of, length = self._number("I"), self._number("Q")
        if of == _TEXT:
            return [self._text() for _ in range(length)]  # ends with the file at the latest
        if of not in _NUMBERS:
            self._refuse(of)
        size = struct.calcsize(f"<{_NUMBERS[of]}")
        return list(struct.unpack(f"<{length}{_NUMBERS[of]}", self._take(length * size)))

    def _refuse(self, kind: int) -> Any:
        raise ValueError(f"an entry has the unknown kind {kind}")

    def _text(self) -> str:
        return self._take(self._number("Q")).decode("utf-8", "replace")

    def _number(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self._take(struct.calcsize(f"<{code}")))[0]

    def _take(self, size: int) -> bytes:
        if size > self._left:
            raise ValueError("it is cut short, or a length in it is wrong")
        self._left -= size
        return self._file.read(size)
