"""What a node runs under: no gradients, and an out-of-memory that says what was asked and what was free."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from heddle.graph.errors import OutOfMemory

_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


@contextmanager
def node_guard() -> Iterator[None]:
    """Run a node without recording gradients.

    Raises: OutOfMemory, in place of the various errors by which torch and Python say so.
    """
    try:
        with torch.inference_mode():
            yield
    except torch.OutOfMemoryError as error:
        free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None
        raise _out_of_memory(str(error), free) from error
    except MemoryError as error:
        raise _out_of_memory(str(error), psutil.virtual_memory().available) from error
    except RuntimeError as error:
        if "not enough memory" not in str(error) and "can't allocate memory" not in str(error):
            raise
        raise _out_of_memory(str(error), psutil.virtual_memory().available) from error


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
