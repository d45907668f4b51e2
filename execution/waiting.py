"""The nodes of one job that wait for their coroutines, and who hears when one of them has ended."""

from __future__ import annotations

import contextvars
import queue
import time
from typing import Any

from execution.node_run import NodeRun
from execution.outside import LOOK_S, Outside

#: How long coroutines that were cancelled may take to clean up.
FAREWELL_S = 2.0


class WaitingNodes:
    """Nodes between the call that gave coroutines and the end of the last of these."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._runs: dict[str, NodeRun] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    def begin(self, run: NodeRun, awaitables: dict[int, tuple[Any, contextvars.Context]]) -> None:
        """Let a node's coroutines run; `awaitables` holds them by the place of the answer that each will be."""
        node_id = run.node.id
        run.waiting = self._outside.start(list(awaitables.values()))
        self._runs[node_id] = run
        run.waiting.answers.add_done_callback(lambda _: self._ended.put(node_id))

    def ended(self) -> NodeRun | None:
        """One that has ended meanwhile, if there is any."""
        return None if self._ended.empty() else self._runs.pop(self._ended.get())

    def next(self) -> NodeRun | None:
        """The next to end; None after a moment in which none did."""
        try:
            return self._runs.pop(self._ended.get(timeout=LOOK_S))
        except queue.Empty:
            return None

    def cancel(self) -> None:
        """Ask all of them to end."""
        for run in self._runs.values():
            if run.waiting is not None:
                run.waiting.cancel()

    def see_off(self) -> None:
        """Ask all of them to end, and give them a while to do so."""
        self.cancel()
        deadline = time.monotonic() + FAREWELL_S
        while self._runs and time.monotonic() < deadline:
            self.next()
        if self._runs:
            self._outside.leave_if_stuck()
