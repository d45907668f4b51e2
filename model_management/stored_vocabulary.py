"""The tokenizer that lies among a text encoder's weights, as some checkpoints have it."""

from __future__ import annotations

from collections.abc import Iterator

from heddle.prompts.gguf_table import read_gguf_tokenizer
from heddle.prompts.vocabularies import PieceTokenizer
from heddle.prompts.words import Tokenizer
from model_management.stored_tensors import Header
from model_management.tensor_reading import open_tensors

_MODEL = "spiece_model"  # a SentencePiece model file's bytes as a tensor
LARGEST_MODEL_BYTES = 100_000_000


def places_around(prefix: str) -> Iterator[str]:
    """What is left of a prefix when its last name is taken off, then the next: `a.b.` gives `a.` and the empty one."""
    while prefix:
        prefix = prefix.removesuffix(".").rpartition(".")[0]
        prefix += "." if prefix else ""
        yield prefix


def stored_tokenizer(header: Header, prefix: str = "") -> Tokenizer | None:
    """The tokenizer below `prefix`, or in a GGUF file's tables; None if there is none.

    Raises: WeightsError, if the file cannot be read; FileProblem, if what lies there is no tokenizer.
    """
    if header.kind == "gguf":
        return read_gguf_tokenizer(header.path)
    key = f"{prefix}{_MODEL}"
    entry = header.tensors.get(key)
    if entry is None or entry.dtype not in ("U8", "I8") or entry.end - entry.begin > LARGEST_MODEL_BYTES:
        return None
    with open_tensors(header) as tensors:
        model = tensors.get_tensor(key).numpy().tobytes()
    return PieceTokenizer(model, f"{key} of {header.path.name}")
