"""The tokenizer that lies among a text encoder's weights, as some checkpoints have it."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from heddle.prompts.chats import TwoWayTokenizer
from heddle.prompts.gguf_table import read_gguf_tokenizer
from heddle.prompts.vocabularies import PieceTokenizer
from model_management.stored_tensors import Header, TensorEntry
from model_management.tensor_reading import open_tensors

MODEL = "spiece_model"  # a SentencePiece model file's bytes as a tensor
LARGEST_MODEL_BYTES = 100_000_000


def places_around(prefix: str) -> Iterator[str]:
    """What is left of a prefix when its last name is taken off, then the next: `a.b.` gives `a.` and the empty one."""
    while prefix:
        prefix = prefix.removesuffix(".").rpartition(".")[0]
        prefix += "." if prefix else ""
        yield prefix


def stored_tokenizer(header: Header, prefix: str = "") -> TwoWayTokenizer | None:
    """The tokenizer below `prefix` or at a place around it, or in a GGUF file's tables; None if there is none.

    Raises: WeightsError, if the file cannot be read; FileProblem, if what lies there is no tokenizer.
    """
    if header.kind == "gguf":
        return read_gguf_tokenizer(header.path)
    if (key := model_key(header, prefix)) is None:
        return None
    return PieceTokenizer(read_model(header, key).numpy().tobytes(), f"{key} of {header.path.name}")


def model_key(header: Header, prefix: str) -> str | None:
    """The name of the SentencePiece model below `prefix` or at a place around it."""
    keys = (f"{place}{MODEL}" for place in (prefix, *places_around(prefix)))
    return next((key for key in keys if _is_model(header.tensors.get(key))), None)


def read_model(header: Header, key: str) -> Tensor:
    """Its bytes, [n], whole numbers of 8 bits. Raises: WeightsError, if the file cannot be read."""
    with open_tensors(header) as tensors:
        return tensors.get_tensor(key)


def _is_model(entry: TensorEntry | None) -> bool:
    return entry is not None and entry.dtype in ("U8", "I8") and entry.end - entry.begin <= LARGEST_MODEL_BYTES
