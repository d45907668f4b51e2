"""What the programs share that open videos and sounds: they may die, and open nothing but the file they were given."""

from __future__ import annotations

import sys
from typing import Any

from heddle.media.containers import FORMATS

MOST_MEMORY_BYTES = 3 << 30  # of addresses; a frame of 8K takes 130 MB


def open_media(path: str) -> Any:
    """A container of PyAV's, to be used with `with`. Raises: whatever its reader does."""
    import av  # heavy, and only these programs need it

    return av.open(path, options={"protocol_whitelist": "file", "format_whitelist": FORMATS})


def limit_process(cpu_s: int) -> None:
    """This process may take so much processor time, and no endless memory."""
    if sys.platform == "win32":
        return
    import resource  # not there on Windows

    for kind, most in ((resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_AS, MOST_MEMORY_BYTES)):
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):  # a system without this limit
            continue
