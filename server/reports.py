"""What workers say about jobs: numbered, written down, and told to clients, an end only once it is on disk.

Of workers it knows nothing: it is given a job's run and what was said of it, and calls back when that is done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from heddle.graph.errors import HeddleError
from heddle.graph.said import said_in
from server.clients import Clients
from server.messages import Executing, Message, NodeText, PackEvent, PackFrame, Status
from server.store import Store, now_ms
from server.tasks import Tasks, pause
from server.translate import EVERY_MS
from server.workplaces import JobRun

log = logging.getLogger("heddle.server.supervisor")

RETRY_S = 1.0  # for a store that is full or busy
# Pictures and texts that are out of date a moment later, and what a pack says to its own page.
UNSTORED_EVENTS = ("node_preview", "node_text")


class Reports:
    """Takes down what happens to jobs and passes it on."""

    def __init__(self, store: Store, clients: Clients, tasks: Tasks, stop: asyncio.Event) -> None:
        """
        Args:
            stop: set when the server ends: what the disk does not take by then is left.
        """
        self._store, self._clients, self._tasks, self._stop = store, clients, tasks, stop

    def finish(
        self,
        run: JobRun,
        closing: dict[str, Any],
        then: Callable[[], None],
        before: list[dict[str, Any]] | None = None,
    ) -> None:
        """Write the end of a job and tell it; `then` is called when both is done, or the server stops.

        Args:
            before: events that came together with it.
        """
        events = [*(before or ()), closing]
        outcome = str(closing.get("status", "error"))
        if (
            outcome == "error"
            and closing.get("message")
            and run.teller.failure is None
            and not any(event.get("kind") == "node_failed" for event in events)
        ):
            why = {"kind": "node_failed", "node_id": None, "message": closing["message"], "exception_type": ""}
            events.insert(-1, why)
        messages, last = self._number(run, events, None)
        self._clients.tell(run.job.client_id, messages[:last])
        messages = messages[last:]

        def tell() -> None:
            self._clients.tell(run.job.client_id, messages)
            self._clients.tell_all(Status(self._store.waiting))
            self._clients.tell(run.job.client_id, [Executing(None, run.job.id)])

        def written(trouble: BaseException | None) -> None:
            # Written before it is told: a client that hears of the end finds the job in the history.
            if trouble is not None:
                log.error("the end of job %s is not written yet: %s", run.job.id, trouble)
                tell()
                self._tasks.begin(self._finish_late(run, outcome, then))
                return
            try:
                tell()
            finally:
                then()

        self._store.finish_soon(run.job.id, outcome, run.teller.history, run.teller.failure, written)

    async def _finish_late(self, run: JobRun, outcome: str, then: Callable[[], None]) -> None:
        """Try again to write the end of a job, until the disk takes it."""
        try:
            while not self._stop.is_set():
                await pause(RETRY_S, self._stop)
                try:
                    await self._store.finish(run.job.id, outcome, run.teller.history, run.teller.failure)
                    break
                except HeddleError as trouble:
                    log.error("the end of job %s is not written yet: %s", run.job.id, trouble.message)
        finally:
            then()

    def publish(self, run: JobRun, events: list[dict[str, Any]], blob: bytes | None = None) -> None:
        """Write events that came together down and tell them. Args: blob: the picture of a lone preview."""
        self._clients.tell(run.job.client_id, self._number(run, events, blob)[0])
        if run.teller.holds_back and run.flushing is None:
            run.flushing = asyncio.get_running_loop().call_later(EVERY_MS / 1000, self._flush, run)

    def _flush(self, run: JobRun) -> None:
        """Tell the progress that was held back."""
        run.flushing = None
        self._clients.tell(run.job.client_id, run.teller.flush(now_ms()))

    def _number(self, run: JobRun, events: list[dict[str, Any]], blob: bytes | None) -> tuple[list[Message], int]:
        """Store events that came together, and translate them.

        Returns: the messages, and where those of the last event begin.
        """
        at_ms, now, teller = now_ms(), time.monotonic(), run.teller
        before = teller.percent
        run.heard = now
        told: list[Message] = []
        kept: list[dict[str, Any]] = []
        last = 0
        for event in events:
            kind = event.get("kind")
            messages = teller.tell(event, blob, at_ms)
            last = len(told)
            told += messages
            if kind == "node_started":
                run.begun[str(event.get("node_id"))] = now
            elif kind in ("node_finished", "node_failed"):
                run.begun.pop(str(event.get("node_id")), None)
            # Progress that is told to nobody is of no use to anybody later.
            if kind not in UNSTORED_EVENTS and (messages or kind != "node_progress"):
                kept.append(event)
        if teller.percent != before:
            self._store.record_progress(run.job.seq, teller.percent)
        if kept:
            self._store.record(run.job.seq, run.job.id, run.last_event + 1, at_ms, kept)
            run.last_event += len(kept)
        return told, last

    def pass_on(self, message: dict[str, Any], blob: bytes | None) -> None:
        """Tell what a pack says to its own page, on one client or on all."""
        event, data, client_id = message.get("event"), message.get("data"), message.get("client_id")
        said: Message
        if isinstance(event, str):
            said = PackEvent(event, data)
        elif isinstance(data, dict):
            said = NodeText(str(data.get("node_id", "")), str(data.get("text", "")), "")
        else:
            said = PackFrame(event if isinstance(event, int) else 0, blob or b"")
        if client_id is None:
            self._clients.tell_all(said)
        else:
            self._clients.tell(str(client_id), [said])

    async def insist(self, write: Callable[[], Any]) -> None:
        """Do a write that must not be left out, however long the disk makes us wait."""
        while True:
            try:
                await write()
                return
            except HeddleError as trouble:
                log.error("%s", trouble.message)
                if self._stop.is_set():
                    return  # the next start puts running jobs back
                await pause(RETRY_S, self._stop)


def failure_of(run: JobRun, node_id: str | None, words: str, kind: str, **more: Any) -> dict[str, Any]:
    """What a worker would say, had it lived to. Args: more: what else is known of its end."""
    node = run.job.prompt.get(node_id) if node_id is not None else None
    return {
        "kind": "node_failed",
        "node_id": node_id,
        "class_type": node.get("class_type") if isinstance(node, dict) else None,
        "message": words,
        "exception_type": kind,
        "traceback": [],
        "inputs": {},
        **said_in(words),
        **more,
    }
