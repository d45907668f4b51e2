"""What copies of weights take in main memory, beside the files that are mapped there."""

from __future__ import annotations

import threading
from collections.abc import Callable


class MainMemory:
    """Counts them, up to a limit.

    Args:
        limit_bytes: None = no limit.
        others_bytes: what else counts against it.
    """

    def __init__(self, limit_bytes: int | None = None, others_bytes: Callable[[], int] = lambda: 0) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._others_bytes = others_bytes
        self._lock = threading.Lock()

    def share(self) -> MemoryShare:
        """A part of it that is given back at once."""
        return MemoryShare(self)

    def take(self, nbytes: int) -> bool:
        """Whether there is room; it counts from then on."""
        others = self._others_bytes()
        with self._lock:
            if self.limit_bytes is not None and self.used_bytes + others + nbytes > self.limit_bytes:
                return False
            self.used_bytes += nbytes
            return True

    def give_back(self, nbytes: int) -> None:
        with self._lock:
            self.used_bytes -= nbytes


class MemoryShare:
    """What one net takes of it; see `weight_sources.MayKeep`."""

    def __init__(self, memory: MainMemory) -> None:
        self._memory = memory
        self.used_bytes = 0

    def __call__(self, nbytes: int) -> bool:
        if not self._memory.take(nbytes):
            return False
        self.used_bytes += nbytes
        return True

    def give_back(self, nbytes: int) -> None:
        self._memory.give_back(nbytes)
        self.used_bytes -= nbytes

    def close(self) -> None:
        """Give back all that was taken."""
        self.give_back(self.used_bytes)
