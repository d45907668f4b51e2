"""The log of what happened to jobs: numbered over all of them, kept in memory until it is written."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.store.records import StoredEvent
from server.store.rows import marks, storable
from server.store.writer import GroupWriter

log = logging.getLogger("heddle.server.store")


FLUSH_AFTER_S = 0.01  # a small job ends in this time, and then its events are written with its end
ROWS_AT_ONCE = 100  # in one statement; older SQLite takes 999 values
FEW_NODES = 50  # whose rows take no time that anybody notices


@dataclass(slots=True)
class EventBatch:
    """Events of one job that came together."""

    first: int
    job: int
    job_id: str
    first_number: int
    at_ms: int
    bodies: list[dict[str, Any]]


@dataclass(slots=True)
class Unwritten:
    """What is known and not on disk yet."""

    batches: list[EventBatch] = field(default_factory=list)
    starts: dict[int, tuple[int, str | None]] = field(default_factory=dict)  # job -> when it started, on which worker
    progress: dict[int, float] = field(default_factory=dict)  # job -> percent
    explained: dict[int, dict[str, Any]] = field(default_factory=dict)  # job -> how its nodes came to their results

    def __bool__(self) -> bool:
        return bool(self.batches or self.starts or self.progress or self.explained)


class EventLog:
    """Takes events at once and has them written soon."""

    def __init__(self, writer: GroupWriter) -> None:
        self._writer = writer
        self.next_number = 1  # over all jobs; set when the database is opened
        self._unwritten = Unwritten()
        self._being_written: list[Unwritten] = []
        self._flushing: asyncio.Future[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None  # when what waits is to be written, on the loop's clock
        self._waiters: list[asyncio.Future[None]] = []

    def record(self, job_seq: int, job_id: str, first_number: int, at_ms: int, bodies: list[dict[str, Any]]) -> None:
        """Keep events that came together; `first_number` is that of the first within its job.

        They are written soon, together with their neighbours. Never fails, never waits.
        """
        self._unwritten.batches.append(EventBatch(self.next_number, job_seq, job_id, first_number, at_ms, bodies))
        self.next_number += len(bodies)
        for body in bodies:
            if body.get("kind") == "job_explained" and isinstance(nodes := body.get("nodes"), dict):
                self._unwritten.explained[job_seq] = nodes
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._flush_soon()

    def record_start(self, job_seq: int, started_ms: int, worker: str | None) -> None:
        """Keep that a job was handed out; `forget_start`, if it is put back before that was written."""
        self._unwritten.starts[job_seq] = (started_ms, worker)
        self._flush_soon()

    def forget_start(self, job_seq: int) -> None:
        self._unwritten.starts.pop(job_seq, None)

    def record_progress(self, job_seq: int, percent: float) -> None:
        """Keep how far a running job is."""
        self._unwritten.progress[job_seq] = percent
        self._flush_soon()

    async def flush(self) -> None:
        """Write what is here now. On a full or busy disk it stays in memory and the next flush tries again."""
        for _ in range(2):  # what is being written already, and then what came since
            self._flush_now()
            if self._flushing is None and not self._being_written:
                return
            # What the end of a job took along is written by nobody's flush; a write that does nothing comes after it.
            writing = self._flushing or self._writer.do(lambda db: None, durable=False)
            try:
                await asyncio.shield(writing)
            except sqlite3.Error:
                return
            await asyncio.sleep(0)  # it may have been done before it was waited for, and not been cleared away

    async def wait(self, seq: int, timeout_s: float) -> bool:
        """Wait until there is an event after number `seq`. Returns: whether there is."""
        if self.next_number - 1 <= seq:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timeout_s):
                        await waiter
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        return self.next_number - 1 > seq

    def in_memory(self, after: int = 0) -> list[StoredEvent]:
        """Events after number `after` that are not on disk, or perhaps only just, in their order."""
        batches = [batch for each in (*self._being_written, self._unwritten) for batch in each.batches]
        return [
            StoredEvent(batch.first + i, batch.job_id, batch.first_number + i, batch.at_ms, body)
            for batch in sorted(batches, key=lambda batch: batch.first)
            if batch.first + len(batch.bodies) - 1 > after
            for i, body in enumerate(batch.bodies)
            if batch.first + i > after
        ]

    def _flush_soon(self) -> None:
        if self._due is not None:
            return
        loop = asyncio.get_running_loop()
        self._due = loop.time() + FLUSH_AFTER_S
        if self._timer is None:  # one that ran on for what is written already is not made anew for each small job
            self._timer = loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._due:
            self._timer = loop.call_at(self._due, self._look)
        else:
            self._flush_now()

    def _flush_now(self) -> None:
        self._due = None
        if self._flushing is not None or not self._unwritten:
            return
        taken, self._unwritten = self._unwritten, Unwritten()
        self._being_written.append(taken)
        self._flushing = self._writer.do(lambda db: write_events(db, taken), durable=False)

        def flushed(future: asyncio.Future[None]) -> None:
            self._flushing = None
            if future.cancelled() or (error := future.exception()) is None:
                self.let_go(taken)
                if self._unwritten:
                    self._flush_soon()  # what came meanwhile
            else:
                self.give_back(taken)
                log.warning("%d batches of events are kept in memory: %s", len(taken.batches), error)

        self._flushing.add_done_callback(flushed)

    def take(self) -> Unwritten:
        """What is not written, for a write of the caller's own; `let_go` after that, `give_back` if it fails.

        Without what is told of many single nodes afterwards: a row for each of a thousand nodes is written after the
        end of their job, which clients wait for, and before anybody reads it.
        """
        self._due = None
        taken = self._unwritten
        later = {job: nodes for job, nodes in taken.explained.items() if len(nodes) > FEW_NODES}
        taken.explained = {job: nodes for job, nodes in taken.explained.items() if job not in later}
        self._unwritten = Unwritten(explained=later)
        self._being_written.append(taken)
        if later:
            self._flush_soon()
        return taken

    def let_go(self, taken: Unwritten) -> None:
        """Forget what is on disk now."""
        self._being_written = [each for each in self._being_written if each is not taken]

    def give_back(self, taken: Unwritten) -> None:
        """Keep in memory what could not be written; the next flush tries again."""
        self.let_go(taken)
        later = self._unwritten
        batches = sorted([*taken.batches, *later.batches], key=lambda batch: batch.first)
        self._unwritten = Unwritten(
            batches,
            taken.starts | later.starts,
            taken.progress | later.progress,
            taken.explained | later.explained,
        )


def write_events(db: sqlite3.Connection, unwritten: Unwritten, ending: int | None = None) -> None:
    """Write events, what they say of single nodes, and how far jobs are.

    Args:
        ending: a job whose end the caller writes, and with it when the job began and how far it is.
    """
    if starts := [(*how, seq) for seq, how in unwritten.starts.items() if seq != ending]:
        db.executemany(
            "UPDATE jobs SET state = 'running', started_ms = ?, worker = ? WHERE seq = ? AND ended_ms IS NULL", starts
        )
    # A job may have been forgotten in the meantime; its late events go with it.
    if batches := unwritten.batches:
        db.executemany(
            "INSERT OR REPLACE INTO event_batches (first, job, first_number, count, at_ms, body)"
            " SELECT ?, seq, ?, ?, ?, ? FROM jobs WHERE seq = ?",
            [(b.first, b.first_number, len(b.bodies), b.at_ms, json.dumps(b.bodies), b.job) for b in batches],
        )
    _write_nodes(db, [(*told.values(), job) for (job, _), told in _nodes_of(unwritten).items()])
    if progress := [(percent, seq) for seq, percent in unwritten.progress.items() if seq != ending]:
        db.executemany("UPDATE jobs SET progress = ? WHERE seq = ?", progress)


def _nodes_of(unwritten: Unwritten) -> dict[tuple[int, str], dict[str, Any]]:
    """What is told of nodes, by job and node: the columns of its row in the order of `_write_nodes`."""
    nodes: dict[tuple[int, str], dict[str, Any]] = {}
    for batch in unwritten.batches:
        for body in batch.bodies:
            if body.get("kind") == "node_finished":
                output, node = body.get("output"), storable(body.get("node_id"))
                shown = None if output is None else json.dumps(output)
                how = "memory" if body.get("cached") else "ran"
                new = {"node_id": node, "how": how, "output": None, "seconds": None, "at_ms": batch.at_ms, "why": None}
                row = nodes.setdefault((batch.job, node), new)
                row["output"] = shown or row["output"]
    for job, explained in unwritten.explained.items():
        for node, told in explained.items():
            if isinstance(told, dict):
                node = storable(node)
                new = {"node_id": node, "how": None, "output": None, "seconds": None, "at_ms": None, "why": None}
                row = nodes.setdefault((job, node), new)
                row["how"], row["seconds"] = storable(told.get("how")), _seconds(told)
                row["why"] = json.dumps(told.get("why") or [])
    return nodes


def _write_nodes(db: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write what is known of nodes of jobs that are there. Each statement gives up Python's lock: many rows in one."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        values = ", ".join([f"({marks(some[0])})"] * len(some))
        # The time of the first end stays: a node that an earlier try of the job finished is only told of again. A row
        # without `why` says that a node has ended, one with it how that came about.
        db.execute(
            "INSERT INTO node_results (node_id, how, output, seconds, finished_ms, why, job)"
            f" SELECT given.* FROM (VALUES {values}) AS given JOIN jobs ON jobs.seq = given.column7"
            " WHERE true ON CONFLICT (job, node_id) DO UPDATE SET output = coalesce(excluded.output, output),"
            " finished_ms = coalesce(finished_ms, excluded.finished_ms), why = coalesce(excluded.why, why),"
            " how = iif(excluded.why IS NULL, how, excluded.how),"
            " seconds = iif(excluded.why IS NULL, seconds, excluded.seconds)",
            [value for row in some for value in row],
        )


def read_since(db: sqlite3.Connection, job_id: str, since: int) -> list[StoredEvent] | None:
    """A job's events after number `since` of its own, or None if there is no such job."""
    job = db.execute("SELECT seq FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if job is None:
        return None
    rows = db.execute(
        "SELECT first, first_number, at_ms, body FROM event_batches"
        " WHERE job = ? AND first_number + count > ? ORDER BY first",
        (job["seq"], since + 1),
    )
    return [event for row in rows for event in _events_of(row, job_id) if event.number > since]


def read_after(db: sqlite3.Connection, seq: int, limit: int) -> list[StoredEvent]:
    """Events of all jobs after number `seq`, in their order, at least `limit` of them if there are as many."""
    (begins,) = db.execute("SELECT max(first) FROM event_batches WHERE first <= ?", (seq + 1,)).fetchone()
    rows = db.execute(
        "SELECT first, id, first_number, at_ms, body FROM event_batches JOIN jobs ON jobs.seq = job"
        " WHERE first >= ? ORDER BY first",
        (begins or 0,),
    )
    found: list[StoredEvent] = []
    for row in rows:
        found += [event for event in _events_of(row, row["id"]) if event.seq > seq]
        if len(found) >= limit:
            break
    return found


def _events_of(row: sqlite3.Row, job_id: str) -> Iterator[StoredEvent]:
    for i, body in enumerate(json.loads(row["body"])):
        yield StoredEvent(row["first"] + i, job_id, row["first_number"] + i, row["at_ms"], body)


def _seconds(told: dict[str, Any]) -> float | None:
    seconds = told.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else None
