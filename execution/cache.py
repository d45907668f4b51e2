"""Results of nodes, kept across runs by content key, the longest unused given up first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """What a node gave: for each output the list of its values (one, unless lists flow), and what it shows."""

    outputs: tuple[list[Any], ...]
    ui: Mapping[str, Any] | None = None


class ResultCache:
    """Holds results up to `limit_bytes`; what a result weighs is counted by `bytes_of`, which the worker hands in."""

    def __init__(self, limit_bytes: int, bytes_of: Callable[[Any], int]) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._bytes_of = bytes_of
        self._results: OrderedDict[str, tuple[Result, int]] = OrderedDict()

    def get(self, key: str) -> Result | None:
        if key not in self._results:
            return None
        self._results.move_to_end(key)
        return self._results[key][0]

    def put(self, key: str, result: Result) -> None:
        """Keep a result, unless it alone is larger than the limit."""
        size = self._bytes_of(result.outputs)
        self._drop(key)
        if size > self.limit_bytes:
            return
        self._results[key] = (result, size)
        self.held_bytes += size
        while self.held_bytes > self.limit_bytes:
            self._drop(next(iter(self._results)))

    def clear(self) -> None:
        self._results.clear()
        self.held_bytes = 0

    def __contains__(self, key: str) -> bool:
        return key in self._results

    def __len__(self) -> int:
        return len(self._results)

    def _drop(self, key: str) -> None:
        if key in self._results:
            self.held_bytes -= self._results.pop(key)[1]
