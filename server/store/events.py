"""The log of what happened to jobs: numbered over all of them, kept in memory until it is written."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from server.store.records import StoredEvent
from server.store.writer import GroupWriter

log = logging.getLogger("heddle.server.store")


@dataclass(slots=True)
class EventBatch:
    """Events of one job that came together."""

    first: int
    job: int
    job_id: str
    first_number: int
    at_ms: int
    bodies: list[dict[str, Any]]


class EventLog:
    """Takes events at once and has them written soon."""

    def __init__(self, writer: GroupWriter) -> None:
        self._writer = writer
        self.next_number = 1  # over all jobs; set when the database is opened
        self._unwritten: list[EventBatch] = []
        self.progress: dict[int, float] = {}  # job -> percent, written with the next events
        self._flushing: asyncio.Future[Any] | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def record(self, job_seq: int, job_id: str, first_number: int, at_ms: int, bodies: list[dict[str, Any]]) -> None:
        """Keep events that came together; `first_number` is that of the first within its job.

        They are written soon, together with their neighbours. Never fails, never waits.
        """
        self._unwritten.append(EventBatch(self.next_number, job_seq, job_id, first_number, at_ms, bodies))
        self.next_number += len(bodies)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._flush_soon()

    async def flush(self) -> None:
        """Write the events that wait. On a full or busy disk they stay in memory and the next flush tries again."""
        while self._unwritten or self._flushing is not None:
            self._flush_soon()
            assert self._flushing is not None
            with contextlib.suppress(sqlite3.Error):
                await asyncio.shield(self._flushing)
                await asyncio.sleep(0)  # it may have been done before it was waited for, and not been cleared away
                continue
            break

    async def wait(self, seq: int, timeout_s: float) -> bool:
        """Wait until there is an event after number `seq`. Returns: whether there is."""
        if self.next_number - 1 <= seq:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(waiter, timeout_s)
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
        return self.next_number - 1 > seq

    def in_memory(self) -> Iterator[StoredEvent]:
        """Events that a full or busy disk has not taken yet."""
        for batch in self._unwritten:
            for i, body in enumerate(batch.bodies):
                yield StoredEvent(batch.first + i, batch.job_id, batch.first_number + i, batch.at_ms, body)

    def _flush_soon(self) -> None:
        if self._flushing is not None or not self._unwritten:
            return
        batches, progress = self.take()
        self._flushing = self._writer.do(lambda db: write_events(db, batches, progress), durable=False)

        def flushed(future: asyncio.Future[None]) -> None:
            self._flushing = None
            if future.cancelled() or (error := future.exception()) is None:
                self._flush_soon()  # what came meanwhile
                return
            self.give_back(batches, progress)
            log.warning("%d batches of events are kept in memory: %s", len(self._unwritten), error)

        self._flushing.add_done_callback(flushed)

    def take(self) -> tuple[list[EventBatch], list[tuple[float, int]]]:
        """What is not written, for a write of the caller's own; `give_back`, if that fails."""
        batches, self._unwritten = self._unwritten, []
        progress, self.progress = [(percent, seq) for seq, percent in self.progress.items()], {}
        return batches, progress

    def give_back(self, batches: list[EventBatch], progress: list[tuple[float, int]]) -> None:
        """Keep events in memory that could not be written."""
        self._unwritten = sorted([*batches, *self._unwritten], key=lambda batch: batch.first)
        self.progress = {seq: percent for percent, seq in progress} | self.progress


def write_events(db: sqlite3.Connection, batches: list[EventBatch], progress: list[tuple[float, int]]) -> None:
    """Write events, what they say of single nodes, and how far jobs are, as pairs of percent and job."""
    # A job may have been forgotten in the meantime; its late events go with it.
    db.executemany(
        "INSERT OR REPLACE INTO event_batches (first, job, first_number, count, at_ms, body)"
        " SELECT ?, seq, ?, ?, ?, ? FROM jobs WHERE seq = ?",
        [(b.first, b.first_number, len(b.bodies), b.at_ms, json.dumps(b.bodies), b.job) for b in batches],
    )
    finished, explained = [], []
    for batch in batches:
        for body in batch.bodies:
            kind = body.get("kind")
            if kind == "node_finished":
                output = body.get("output")
                how = "memory" if body.get("cached") else "ran"
                shown = None if output is None else json.dumps(output)
                finished.append((str(body.get("node_id")), how, shown, batch.at_ms, batch.job))
            elif kind == "job_explained" and isinstance(nodes := body.get("nodes"), dict):
                explained += [
                    (str(node), str(told.get("how")), _seconds(told), json.dumps(told.get("why") or []), batch.job)
                    for node, told in nodes.items()
                    if isinstance(told, dict)
                ]
    # The time of the first end stays: a node that an earlier try of the job finished is only told of again.
    db.executemany(
        "INSERT INTO node_results (node_id, how, output, finished_ms, job)"
        " SELECT ?, ?, ?, ?, seq FROM jobs WHERE seq = ?"
        " ON CONFLICT (job, node_id) DO UPDATE SET output = coalesce(excluded.output, output),"
        " finished_ms = coalesce(finished_ms, excluded.finished_ms)",
        finished,
    )
    db.executemany(
        "INSERT INTO node_results (node_id, how, seconds, why, job) SELECT ?, ?, ?, ?, seq FROM jobs WHERE seq = ?"
        " ON CONFLICT (job, node_id) DO UPDATE SET how = excluded.how, seconds = excluded.seconds, why = excluded.why",
        explained,
    )
    db.executemany("UPDATE jobs SET progress = ? WHERE seq = ?", progress)


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
