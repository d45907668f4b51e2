"""What a worker and the packs in it have to do with each other besides calls of nodes.

Packs send messages, report how far other nodes are, stop the job, keep lists of files, change requests. Here stands how
that reaches the front desk; who the packs are and how they are asked is handed in as a `PackSide`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from execution.events import Event, JobFinished, NodeNote, NodePreview, NodeProgress, NodeStarted
from heddle.graph.object_info import record_of
from heddle.graph.plain import plain
from heddle.graph.registry import Registry
from heddle.graph.running import current_context
from heddle.graph.spec import NodeSpec

log = logging.getLogger("heddle.worker")

#: Progress of a node that is not the running one is told no more often; the last is always told.
PROGRESS_S = 0.05

#: Kinds of binary frames on the websocket.
PREVIEW, TEXT = 1, 3

_PNG = b"\x89PNG"

#: Made before any pack is imported: some of them change `json.dumps` for all.
_encode = json.JSONEncoder().encode


@dataclass
class RunningJob:
    """The job that runs, for code that was not told which one it works for."""

    id: str
    client_id: str | None
    prompt: Mapping[str, Any]
    extra_data: Mapping[str, Any]
    stop: threading.Event
    send: Callable[[Event], None]
    follow: Callable[[RunningJob, str | None], None] = lambda job, node_id: None
    node_id: str | None = None  # the node that began last
    _held: dict[str, NodeProgress] = field(default_factory=dict)
    _told_at: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def emit(self, event: Event) -> None:
        """What the job says of itself."""
        if event.kind == NodeStarted.kind:
            self.node_id = getattr(event, "node_id", None)
            self.follow(self, getattr(event, "display_id", None) or getattr(event, "node_id", None))
        elif isinstance(event, JobFinished):
            self._tell_held()
        self.send(event)

    def progress(self, node_id: str, value: float, total: float, picture: bytes | None = None) -> None:
        """How far a node is, told from any thread."""
        event, now = NodeProgress(node_id, value, total), time.monotonic()
        with self._lock:
            due = now - self._told_at.get(node_id, -PROGRESS_S) >= PROGRESS_S
            if due:
                self._told_at[node_id] = now
                self._held.pop(node_id, None)
            else:
                self._held[node_id] = event
        if picture is not None:
            self.send(NodePreview(node_id, "png" if picture.startswith(_PNG) else "jpeg", picture))
        if due:
            self.send(event)

    def _tell_held(self) -> None:
        with self._lock:
            held = list(self._held.values())
            self._held.clear()
        for event in held:
            self.send(event)


@dataclass(frozen=True)
class PackSide:
    """How a worker asks its packs.

    Attributes:
        hello: what the worker's first message tells of packs: their names, folders for the browser, whether they want
            to see requests.
        tell: messages about what packs brought, such as their routes and kinds of files; asked again after each
            refresh, for what came late.
        read_again: read the declarations of packs' nodes again.
        on_prompt: a request as packs' handlers leave it.
        follow: told which node of which job runs; None for a job without a node, None and None after a job.
        holding: names of the model files whose weights are in memory.
        close: the worker ends.
    """

    hello: Callable[[], dict[str, Any]] = dict
    tell: Callable[[], Iterable[dict[str, Any]]] = tuple
    read_again: Callable[[], None] = lambda: None
    on_prompt: Callable[[Any], Any] = lambda body: body
    follow: Callable[[RunningJob | None, str | None], None] = lambda job, node_id: None
    holding: Callable[[], Iterable[str]] = tuple
    close: Callable[[], None] = lambda: None


class Put(Protocol):
    """Sends a message to the front desk, bytes behind it."""

    def __call__(self, message: dict[str, Any], blob: bytes | None = None, /) -> None: ...


class PackVoice:
    """What `heddle.graph.running.hand_in` wants: messages, a stop, progress of nodes that do not run.

    Nothing here raises in a pack's thread, except `Cancelled` where a node reports progress.
    """

    def __init__(self, put: Put, running: Callable[[], RunningJob | None]) -> None:
        self._put = put
        self._running = running

    def send(self, event: str | int, data: Any, client_id: str | None) -> None:
        """A message for one client, or for all; what cannot be said is dropped with a line in the log."""
        try:
            client_id = None if client_id is None else str(client_id)
            if isinstance(event, str):
                self._put({"type": "say", "event": event, "data": as_json(data), "client_id": client_id})
            else:
                self._send_frame(int(event), data, client_id)
        except Exception:  # a pack may hand over anything
            log.warning("a message %r of a pack cannot be sent, so it is dropped", event, exc_info=True)

    def stop(self) -> None:
        """Ask the running job to stop."""
        if (job := self._running()) is not None:
            job.stop.set()

    def progress(self, node_id: str | None, value: float, total: float, picture: bytes | None) -> None:
        """How far a node of the running job is, see `WorkerSide`. Raises: Cancelled, in a node that should stop."""
        if (context := current_context.get()) is not None:
            context.check_cancelled()
        if (job := self._running()) is not None and (node_id := node_id or job.node_id) is not None:
            job.progress(str(node_id), as_json(value), as_json(total), picture)

    def _send_frame(self, kind: int, data: Any, client_id: str | None) -> None:
        job, context = self._running(), current_context.get()
        if kind == TEXT and isinstance(data, Mapping):
            node_id, text = str(data.get("node_id", "")), str(data.get("text", ""))
            if job is not None and client_id in (None, job.client_id):
                job.send(NodeNote(node_id, text))
                return
            told = {"node_id": node_id, "text": text}
            self._put({"type": "say", "event": TEXT, "data": told, "client_id": client_id})
            return
        picture = bytes(memoryview(data))  # refuses what is not bytes
        if kind == PREVIEW and context is not None and job is not None and client_id in (None, job.client_id):
            # Four bytes that number the format open the picture.
            job.send(NodePreview(context.node_id, "png" if picture[4:8] == _PNG else "jpeg", picture[4:]))
            return
        self._put({"type": "say", "event": kind, "data": None, "client_id": client_id}, picture)


class CatalogueChanges:
    """What became of the nodes since the front desk was told last."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._specs: dict[str, NodeSpec] = {}
        self._records: dict[str, dict[str, Any]] = {}

    def whole(self) -> dict[str, Any]:
        """All that there is now."""
        self._specs, self._records = {}, {}
        return self.since()["nodes"]

    def since(self) -> dict[str, Any]:
        """Records of the nodes that are new or read otherwise than told last, and ids of those that are gone."""
        now = {id: self._registry[id] for id in list(self._registry)}
        changed: dict[str, Any] = {}
        for id, spec in now.items():
            if self._specs.get(id) is not spec:
                record = record_of(spec)
                if record != self._records.get(id):
                    changed[id] = self._records[id] = record
        removed = [id for id in self._records if id not in now]
        for id in removed:
            del self._records[id]
        self._specs = now
        return {"nodes": changed, "removed": removed}


def as_json(data: Any) -> Any:
    """A copy of the data as it is now, in the words of JSON. Raises: ValueError, for data that holds itself."""
    try:
        return json.loads(_encode(data))
    except (TypeError, ValueError, RecursionError):
        return plain(data)
