"""What a node runs under: no gradients, one kernel of attention, and errors that say what memory was asked and free."""

from __future__ import annotations

import re
from typing import Any

import psutil
import torch

from heddle.graph.errors import OutOfMemory
from heddle.numerics.attention import AttentionKernel, attending_by, torch_attention

_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


class node_guard:
    """Run a node without recording gradients, with attention by one kernel where a model asks for no other.

    Raises: OutOfMemory, in place of the various errors by which torch and Python say so.
    """

    __slots__ = ("_attention", "_mode")

    def __init__(self, kernel: AttentionKernel = torch_attention) -> None:
        self._attention = attending_by(kernel)

    def __enter__(self) -> None:
        self._mode = torch.inference_mode()
        self._mode.__enter__()
        self._attention.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._attention.__exit__(None, None, None)
        self._mode.__exit__(kind, error, trace)
        if error is None:
            return
        if isinstance(error, torch.OutOfMemoryError):
            free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None
            raise _out_of_memory(str(error), free) from error
        if is_out_of_memory(error):
            raise _out_of_memory(str(error), psutil.virtual_memory().available) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is one of the various errors by which torch and Python say that memory is short."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError, OutOfMemory)) or (
        isinstance(error, RuntimeError) and ("not enough memory" in str(error) or "can't allocate memory" in str(error))
    )


def _out_of_memory(text: str, free: int | None) -> OutOfMemory:
    asked = _bytes_asked(text)
    sizes = ", ".join(
        f"{value / (1 << 20):,.0f} MB {word}"
        for word, value in (("asked for", asked), ("free", free))
        if value is not None
    )
    found = f" ({sizes})" if sizes else ""
    return OutOfMemory(
        f"out of memory{found}; make the picture or the batch smaller, or close other programs",
        asked=asked,
        free=free,
    )


def _bytes_asked(text: str) -> int | None:
    found = re.search(r"allocate ([\d.]+) ?(bytes|[KMGT]iB)", text)
    return int(float(found[1]) * _UNITS[found[2]]) if found else None
