"""How the process keeps memory that was freed: enough for the next step of a sampler, no more.

By itself glibc hands each large block back to the system when it is freed and gets it anew, page by page and zeroed,
at the next call. A convolution takes its scratch memory that way: half of a UNet step on a CPU went into it. Elsewhere
than on glibc nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

# Source: mallopt(3) and malloc_trim(3) of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

#: Blocks from this size on still come from the system and go back to it: more than any one weight of the families.
MAPPED_BYTES = 256 << 20
#: So much freed memory is kept at the heap's end. Scratch memory of a step fits several times.
KEPT_BYTES = 512 << 20


def keep_freed_memory() -> None:
    """Set up this process's allocator, before large memory is taken. Whoever set it up by variables keeps their way."""
    libc = _glibc()
    if libc is None or any(name.startswith("MALLOC_") for name in os.environ) or "GLIBC_TUNABLES" in os.environ:
        return
    libc.mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)
    libc.mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
    # A thread's own arena cannot hold blocks of this size; nodes run in threads.
    libc.mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Hand all freed memory to the system. Takes milliseconds for each gigabyte."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> Any:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
