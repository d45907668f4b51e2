"""Results of nodes, kept across runs by content key, up to a number of bytes or of results.

What is given up first is what would cost least to make again for the room it takes (Young 1994, GreedyDual, with
costs per byte): a result's worth is the seconds it took over its bytes, counted from the worth of the last one that
had to go, so that what is never asked for grows old.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: What any result counts as at least, so that one made in no measurable time still has a worth per byte.
LEAST_SECONDS = 1e-5

#: Entries of results that are gone may stand in the queue, as many as there are results, and these.
SURPLUS = 1_000


@dataclass(frozen=True, slots=True)
class Result:
    """What a node gave: for each output the list of its values (one, unless lists flow), and what it shows."""

    outputs: tuple[list[Any], ...]
    ui: Mapping[str, Any] | None = None


@dataclass(slots=True)
class _Kept:
    result: Result
    bytes: int
    seconds: float
    worth: float


class ResultCache:
    """Holds results; what a result weighs is counted by `bytes_of`, which the worker hands in.

    Args:
        limit_bytes: 0 keeps nothing.
        most: how many results at most, the longest unused given up first instead; None for as many as fit.
    """

    def __init__(self, limit_bytes: int, bytes_of: Callable[[Any], int], most: int | None = None) -> None:
        self.limit_bytes = limit_bytes
        self.most = most
        self.held_bytes = 0
        self._bytes_of = bytes_of
        self._kept: dict[str, _Kept] = {}
        self._queue: list[tuple[float, int, str]] = []  # worth when it was put in, a number for ties, key
        self._ticks = itertools.count()
        self._floor = 0.0

    def get(self, key: str) -> Result | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        kept.worth = self._worth(kept)
        return kept.result

    def put(self, key: str, result: Result, seconds: float = 0.0) -> None:
        """Keep a result, unless it alone is larger than the limit.

        Args:
            seconds: what it took to make.
        """
        size = max(1, self._bytes_of(result.outputs))
        self.drop(key)
        if size > self.limit_bytes or self.most == 0:
            return
        kept = _Kept(result, size, max(seconds, LEAST_SECONDS), 0.0)
        kept.worth = self._worth(kept)
        self._kept[key] = kept
        self.held_bytes += size
        heapq.heappush(self._queue, (kept.worth, next(self._ticks), key))
        if len(self._queue) > 2 * len(self._kept) + SURPLUS:
            self._queue = [(each.worth, next(self._ticks), known) for known, each in self._kept.items()]
            heapq.heapify(self._queue)
        while self.held_bytes > self.limit_bytes or (self.most is not None and len(self._kept) > self.most):
            self._give_up_one()

    def drop(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.held_bytes -= kept.bytes

    def drop_where(self, is_meant: Callable[[Result], bool]) -> None:
        for key in [key for key, kept in self._kept.items() if is_meant(kept.result)]:
            self.drop(key)

    def clear(self) -> None:
        self._kept.clear()
        self._queue.clear()
        self.held_bytes = 0
        self._floor = 0.0

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def _worth(self, kept: _Kept) -> float:
        if self.most is not None:
            return float(next(self._ticks))
        return self._floor + kept.seconds / kept.bytes

    def _give_up_one(self) -> None:
        while True:
            worth, _, key = heapq.heappop(self._queue)
            kept = self._kept.get(key)
            if kept is None:
                continue  # dropped since
            if kept.worth > worth:  # asked for since: it stands further behind
                heapq.heappush(self._queue, (kept.worth, next(self._ticks), key))
                continue
            self._floor = worth
            self.drop(key)
            return
