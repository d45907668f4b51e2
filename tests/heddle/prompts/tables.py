"""Small tokenizer tables, trained here."""

import io
import json
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

TEXTS = [
    "a photo of a cat and a small dog under the old bridge",
    "the river bends, the boats drift; (red:1.3) paper birds",
    "a cat, a cat, a cat on the wooden boat",
    "under seven bridges the quiet river runs to the sea",
] * 5
GGUF_ALIGNMENT = 32
SENTENCES = ["a photo of a cat", "the  old   river", " ", "boats\ndrift", "naïve 猫 ﬁsh", "", "bridge bridge,bridge"]


@cache
def trained_pieces(kind: str) -> bytes:
    """A SentencePiece model: "unigram", with T5's way with blanks, or "bpe", with Llama's."""
    written = io.BytesIO()
    is_pairs = kind == "bpe"
    SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=written,
        vocab_size=330 if is_pairs else 60,
        model_type=kind,
        byte_fallback=is_pairs,
        normalization_rule_name="identity" if is_pairs else "nmt_nfkc",
        remove_extra_whitespaces=not is_pairs,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return written.getvalue()


def processor(model: bytes) -> Any:
    pieces = SentencePieceProcessor()
    pieces.LoadFromSerializedProto(model)
    return pieces


def kind_of(pieces: Any, number: int) -> int:
    """As model files number them."""
    asks = (pieces.IsUnknown, pieces.IsControl, pieces.IsUnused, pieces.IsByte)
    return next((kind for ask, kind in zip(asks, (2, 3, 5, 6), strict=True) if ask(number)), 1)


def parts_of(model: bytes) -> list[tuple[str, float, int]]:
    """Text, score and kind of every piece."""
    pieces = processor(model)
    return [
        (pieces.IdToPiece(number), pieces.GetScore(number), kind_of(pieces, number))
        for number in range(pieces.GetPieceSize())
    ]


def trained_byte_pairs(folder: Path) -> Tokenizer:
    """vocab.json and merges.txt of a table that merges bytes, and the table itself, without special entries."""
    table = Tokenizer(models.BPE())
    table.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    table.train_from_iterator(TEXTS, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    table.model.save(str(folder))
    return table


def write_gguf(
    path: Path,
    entries: dict[str, Any],
    version: int = 3,
    tensors: Mapping[str, tuple[int, tuple[int, ...], bytes]] | None = None,
) -> Path:
    """A GGUF file. tensors: by name, ggml's number for their kind, their shape, their bytes."""
    tensors = tensors or {}

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def value(content: Any) -> bytes:
        if isinstance(content, str):
            return struct.pack("<I", 8) + text(content)
        if isinstance(content, bool):
            return struct.pack("<I?", 7, content)
        if isinstance(content, int):
            return struct.pack("<II", 4, content)
        if isinstance(content, bytes):
            return struct.pack("<IIQ", 9, 0, len(content)) + content
        if isinstance(content[0], str):
            return struct.pack("<IIQ", 9, 8, len(content)) + b"".join(map(text, content))
        code, number = ("f", 6) if isinstance(content[0], float) else ("i", 5)
        return struct.pack(f"<IIQ{len(content)}{code}", 9, number, len(content), *content)

    body = b"".join(text(name) + value(content) for name, content in entries.items())
    data = b""
    for name, (kind, shape, content) in tensors.items():
        body += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, len(data))
        data += content + bytes(-len(content) % GGUF_ALIGNMENT)
    start = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries)) + body
    path.write_bytes(start + bytes(-len(start) % GGUF_ALIGNMENT) + data if tensors else start)
    return path


def gguf_pieces(kind: str, model: bytes, **more: Any) -> dict[str, Any]:
    """A GGUF file's entries for a SentencePiece model."""
    tokens, scores, kinds = zip(*parts_of(model), strict=True)
    return {
        "general.architecture": kind,
        "general.file_type": 7,
        "tokenizer.ggml.model": kind,
        "tokenizer.ggml.tokens": list(tokens),
        "tokenizer.ggml.scores": list(scores),
        "tokenizer.ggml.token_type": list(kinds),
        **{f"tokenizer.ggml.{name}": value for name, value in more.items()},
    }


def merges_in(folder: Path) -> list[str]:
    return [line for line in (folder / "merges.txt").read_text("utf-8").split("\n") if " " in line and line[0] != "#"]


def tokens_in(folder: Path) -> list[str]:
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    return sorted(vocabulary, key=lambda token: vocabulary[token])
