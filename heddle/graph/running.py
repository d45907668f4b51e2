"""Where in a job the code that runs right now stands, for code that is called without being told.

Packs ask `ProgressBar`, `GraphBuilder` or `nodes.VAEDecode()` without handing anything over. The executor says it once
around every call of a node, on the thread or in the task that makes it:

    with call_of(context, node_id, call_index, job_id):
        result = calls.run(**inputs)

`current_context` then holds the node's `Context`, `call_place` the place of the call. Both are context variables: they
follow `async` code, and a thread that a node starts with `contextvars.copy_context()`. What packs may ask of the worker
as a whole (send a message, stop the job) is handed in with `hand_in`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from heddle.graph.context import Context


@dataclass(slots=True)
class CallPlace:
    """One call of one node in one job.

    Attributes:
        call_index: 0, or the number of the call where a list makes several.
        graphs: how many graphs this call has begun to build; it numbers them, so that their ids differ.
        shown_at: where an editor shows what the node does, if not at the node itself.
    """

    node_id: str
    call_index: int = 0
    job_id: str = ""
    graphs: int = 0
    shown_at: str = ""

    def next_graph(self) -> int:
        """The number of one more graph."""
        self.graphs += 1
        return self.graphs - 1


current_context: ContextVar[Context | None] = ContextVar("heddle_current_context", default=None)
call_place: ContextVar[CallPlace | None] = ContextVar("heddle_call_place", default=None)


class call_of:
    """Says which call of which node runs inside its block."""

    __slots__ = ("_before", "_context", "place")

    def __init__(
        self, context: Context | None, node_id: str, call_index: int = 0, job_id: str = "", shown_at: str = ""
    ) -> None:
        self.place = CallPlace(node_id, call_index, job_id, shown_at=shown_at)
        self._context = context

    def __enter__(self) -> CallPlace:
        self._before = current_context.set(self._context), call_place.set(self.place)
        return self.place

    def __exit__(self, *error: object) -> None:
        context_before, place_before = self._before
        call_place.reset(place_before)
        current_context.reset(context_before)


def _nobody_listens(event: str | int, data: Any, client: str | None) -> None:
    """No worker has said where messages go: a command line, or a test."""


def _nothing_to_stop() -> None:
    """No worker runs a job here."""


@dataclass(frozen=True)
class WorkerSide:
    """What the worker does for code that knows no node: packs' background threads and routes.

    Attributes:
        send: a message for one client, or for all if None: a name with JSON, or the number of a binary frame with its
            bytes (3, a line of text, with {node_id, text}).
        stop: ask the job that runs to stop.
        progress: how far a node is that does not say so itself: node id (None = the one that began last), value, total,
            encoded JPEG or None.
    """

    send: Callable[[str | int, Any, str | None], None] = _nobody_listens
    stop: Callable[[], None] = _nothing_to_stop
    progress: Callable[[str | None, float, float, bytes | None], None] | None = None


_worker_side = WorkerSide()


def worker_side() -> WorkerSide:
    """What was handed in last; nothing listens before that."""
    return _worker_side


def hand_in(**functions: Any) -> None:
    """Replace some of the functions of `WorkerSide`."""
    global _worker_side
    _worker_side = replace(_worker_side, **functions)
