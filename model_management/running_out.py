"""The various errors by which torch and Python say that memory is used up, as one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from heddle.graph.errors import OutOfMemory
from heddle.graph.said import listed, say

_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def as_out_of_memory(error: BaseException) -> OutOfMemory | None:
    """The error that says what was asked for and what is free; None, if this one is about something else."""
    if isinstance(error, OutOfMemory):
        return error
    if isinstance(error, torch.OutOfMemoryError):
        return _out_of_memory(str(error), torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None)
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("not enough memory" in str(error) or "can't allocate memory" in str(error))
    ):
        return _out_of_memory(str(error), psutil.virtual_memory().available)
    return None


@contextmanager
def told_as_out_of_memory() -> Iterator[None]:
    """Raises: OutOfMemory, in place of other errors that mean it."""
    problem: OutOfMemory | None = None
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        problem = as_out_of_memory(error)
        if problem is None:
            raise
    if problem is not None:
        raise problem  # outside of the handler: its traceback would hold what was computed so far


def bytes_asked(text: str) -> int | None:
    """What an error of torch says that was asked for."""
    found = re.search(r"allocate ([\d.]+) ?(bytes|[KMGT]iB)", text)
    return int(float(found[1]) * _UNITS[found[2]]) if found else None


def too_small(needed: int, free: int) -> OutOfMemory:
    """Of a place where not even one weight fits that is used."""
    return OutOfMemory(
        say(
            "one use of a weight takes {needed:,.0f} MB, but {free:,.0f} MB are free for weights; "
            "use a smaller model or raise the limit",
            needed=needed / 1e6,
            free=max(0, free) / 1e6,
        ),
        asked=needed,
        free=max(0, free),
    )


def too_full(needed: int, limit: int, free: int) -> OutOfMemory:
    """Of a place where a net does not fit that must be there whole."""
    return OutOfMemory(
        say(
            "the weights take {needed:,.0f} MB, but of the {limit:,.0f} MB for weights "
            "{free:,.0f} MB are free; use a smaller model or raise the limit",
            needed=needed / 1e6,
            limit=limit / 1e6,
            free=max(0, free) / 1e6,
        ),
        asked=needed,
        free=max(0, free),
    )


def _out_of_memory(text: str, free: int | None) -> OutOfMemory:
    asked = bytes_asked(text)
    sizes = [] if asked is None else [say("{asked:,.0f} MB asked for", asked=asked / (1 << 20))]
    sizes += [] if free is None else [say("{free:,.0f} MB free", free=free / (1 << 20))]
    found = say(" ({sizes})", sizes=listed(sizes)) if sizes else ""
    return OutOfMemory(
        say("out of memory{found}; make the picture or the batch smaller, or close other programs", found=found),
        asked=asked,
        free=free,
    )
