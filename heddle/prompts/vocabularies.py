"""Tokenizers of text encoders other than CLIP's, made of the tables that come with a model.

None of these tables is part of this repository. They are looked for in the user's folder for the model (below
models/tokenizers/), and then in the file of the text encoder itself: as a SentencePiece model that lies in it among the
weights, or as the tables of a GGUF file.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.prompts.chats import TwoWayTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Table

_PIECES_FILES = ("spiece.model", "tokenizer.model", "sentencepiece.model")
_TABLE_FILE = "tokenizer.json"
_VOCABULARY_FILES = ("vocab.json", "merges.txt")


@dataclass(frozen=True)
class BytePairs:
    """What belongs to a table of merged bytes besides its entries and merges.

    Attributes:
        words: the pattern of what is never merged across.
        special: entries that stand for themselves wherever they are written, with their ids; they are no text.
        marks: the same of entries that are text.
    """

    words: str
    special: Mapping[str, int]
    marks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Vocabulary:
    """The table that a text encoder reads with.

    Attributes:
        folder: its name below models/tokenizers/.
        title: what people call the model that it belongs to.
        bytes: what a table of merged bytes does not say itself, for models that have one.
    """

    folder: str
    title: str
    bytes: BytePairs | None = None


# How Qwen's tokenizer (the published tokenizer.json) cuts text before it merges: contractions, letters with one sign
# before them, single digits, signs with the line ends behind them, line ends, blanks.
_QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
T5 = Vocabulary("t5", "T5 (SD3, Flux, PixArt)")
PILE_T5 = Vocabulary("pile_t5", "Pile-T5 (AuraFlow)")
GEMMA_2 = Vocabulary("gemma2", "Gemma 2 (Lumina Image 2)")
_QWEN_SPECIAL = {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645}
QWEN_2_5 = Vocabulary("qwen25", "Qwen2.5 (Qwen-Image)", BytePairs(_QWEN_WORDS, _QWEN_SPECIAL))
QWEN_3 = Vocabulary("qwen3", "Qwen 3", BytePairs(_QWEN_WORDS, _QWEN_SPECIAL, {"<think>": 151667, "</think>": 151668}))
GEMMA_3 = Vocabulary("gemma3", "Gemma 3")


def find_tokenizer(
    vocabulary: Vocabulary,
    folders: Iterable[Path],
    *,
    stored: Callable[[], TwoWayTokenizer | None] = lambda: None,
) -> TwoWayTokenizer:
    """The tokenizer of a text encoder.

    Args:
        folders: those for tokenizers, which hold one folder for each vocabulary.
        stored: the one that lies in the encoder's own file, if there is one.
    Raises: FileProblem, naming the files that are wanted; or the one that cannot be read.
    """
    folders = list(folders)
    for folder in folders:
        if found := read_tokenizer_folder(folder / vocabulary.folder, vocabulary.bytes):
            return found
    if found := stored():
        return found
    wanted = folders[0] / vocabulary.folder if folders else Path("models/tokenizers") / vocabulary.folder
    others = _PIECES_FILES[0] if vocabulary.bytes is None else " with ".join(_VOCABULARY_FILES)
    raise FileProblem(
        say(
            "the tokenizer of {title} is not there: put {table_file} (or {others}) of the model into "
            "{wanted}, or use a file of the text encoder that has it inside (many .safetensors and every "
            ".gguf do)",
            title=vocabulary.title,
            table_file=_TABLE_FILE,
            others=others,
            wanted=wanted,
        ),
        path=wanted,
    )


def read_tokenizer_folder(folder: Path, pairs: BytePairs | None = None) -> TwoWayTokenizer | None:
    """The tokenizer whose files lie in the folder, None if none do. Raises: FileProblem, if they cannot be read."""
    if (path := folder / _TABLE_FILE).is_file():
        return TableTokenizer(path, lambda: _read_table(path))
    for name in _PIECES_FILES:
        if (path := folder / name).is_file():
            return PieceTokenizer(_read_bytes(path), path)
    paths = [folder / name for name in _VOCABULARY_FILES]
    if pairs is not None and all(path.is_file() for path in paths):
        return TableTokenizer(folder, lambda: _read_merges(paths[0], paths[1], pairs))
    return None


class TableTokenizer:
    """A table of the package `tokenizers`, read at its first use.

    Args:
        source: where it comes from, for messages.
        build: makes it. What it raises becomes a FileProblem.
    """

    def __init__(self, source: Path | str, build: Callable[[], Table]) -> None:
        self._source, self._build = source, build
        self._table: Table | None = None
        self._lock = threading.Lock()

    def encode(self, text: str, /) -> list[int]:
        """The ids of a text, without what models put around one."""
        return self._built().encode(_characters(text), add_special_tokens=False).ids

    def decode(self, tokens: Sequence[int], /) -> str:
        """The text of ids; entries that stand for no text have none."""
        return self._built().decode(list(tokens), skip_special_tokens=True)

    def _built(self) -> Table:
        with self._lock:
            if self._table is None:
                try:
                    self._table = self._build()
                except FileProblem:
                    raise
                except Exception as error:  # the package raises bare Exceptions
                    raise FileProblem(
                        say("{source} is no tokenizer: {why}", source=self._source, why=error), path=str(self._source)
                    ) from error
            return self._table


class PieceTokenizer:
    """A SentencePiece model, as T5, Llama and their kin have it.

    Args:
        model: the model file's bytes.
        source: where they come from, for messages.
    Raises: FileProblem, if they are no such model.
    """

    def __init__(self, model: bytes, source: Path | str) -> None:
        from sentencepiece import SentencePieceProcessor  # a compiled package that only these prompts need

        try:
            self._pieces = SentencePieceProcessor()
            self._pieces.LoadFromSerializedProto(model)
        except (RuntimeError, OSError, ValueError) as error:
            raise FileProblem(
                say("{source} is no SentencePiece model: {why}", source=source, why=error), path=str(source)
            ) from error

    def encode(self, text: str, /) -> list[int]:
        """The ids of a text, without what models put around one."""
        return list(self._pieces.EncodeAsIds(_characters(text)))

    def decode(self, tokens: Sequence[int], /) -> str:
        """The text of ids; those that stand for no text, or are none of the model's, have none."""
        count = self._pieces.GetPieceSize()
        return self._pieces.DecodeIds([token for token in tokens if token < count])


def byte_pair_table(vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]], pairs: BytePairs) -> Table:
    """A table that merges bytes, as GPT-2's and its successors do."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
    )  # see PieceTokenizer

    table = Tokenizer(models.BPE({**vocabulary, **pairs.special, **pairs.marks}, list(merges)))
    table.normalizer = normalizers.NFC()
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    table.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pairs.words), "isolated"), letters])
    table.decoder = decoders.ByteLevel()
    table.add_special_tokens([AddedToken(entry, normalized=False) for entry in pairs.special])
    table.add_tokens([AddedToken(entry, normalized=False) for entry in pairs.marks])
    return table


def _read_table(path: Path) -> Table:
    from tokenizers import Tokenizer  # see PieceTokenizer

    table = Tokenizer.from_file(str(path))
    table.no_padding()
    table.no_truncation()  # files bring the length of their training along
    return table


def _read_merges(vocabulary_path: Path, merges_path: Path, pairs: BytePairs) -> Table:
    vocabulary = json.loads(_read_bytes(vocabulary_path).decode("utf-8"))
    lines = _read_bytes(merges_path).decode("utf-8").split("\n")
    split = [line.split(" ") for line in lines if not line.startswith("#version")]
    return byte_pair_table(vocabulary, [(pair[0], pair[1]) for pair in split if len(pair) == 2], pairs)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileProblem(
            say("{path} cannot be read: {why}", path=path, why=error.strerror or error), path=path
        ) from error


def _characters(text: str) -> str:
    """The text, with what is half of a character replaced: tokenizers take none."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
