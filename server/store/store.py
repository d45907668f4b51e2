"""The job store: SQLite in WAL mode, and beside it in memory what would cost a query: the line, the counts.

One thread writes (`writer.py`), one reads, so the event loop never waits for the disk. Accepting, cancelling and ending
a job wait until the bytes are safe; that it was handed out, and its events, do not: after a crash a job that ran is in
the line again anyway, and the next durable write carries the rest along. Prompts are kept as ASCII JSON: NaN, seeds of
any size and broken surrogates come back as they were sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from heddle.graph.errors import HeddleError
from server.store import writing
from server.store.database import Database
from server.store.ends import EndWaiters
from server.store.events import EventLog, read_after, read_since, write_events
from server.store.fresh import FreshJobs
from server.store.reading import (
    read_due,
    read_explained,
    read_failures,
    read_history,
    read_one,
    read_page,
    read_queue_items,
    read_rows,
    read_waiting,
)
from server.store.records import (
    OUTCOME_STATES,
    STATES,
    Delivery,
    Job,
    JobRow,
    NewJob,
    State,
    StoreDamaged,
    StoredEvent,
    Which,
    now_ms,
)
from server.store.rows import (
    WHOLE_JOBS,
    accepted,
    in_order,
    read_again,
    read_job,
    storable,
)
from server.store.waiting import Line, Waiting
from server.store.writer import GroupWriter, settle

log = logging.getLogger("heddle.server.store")

T = TypeVar("T")
LONGEST_HISTORY = 10_000  # entries of /history when a client names no number
KEEP_EVENTS_OF = 1_000  # jobs that ended
PRUNE_EVERY = 50  # ends
PRUNE_AT_ONCE = 200  # jobs; others want to write, too


class Watcher(Protocol):
    """Hears of jobs as they go by. It must not fail."""

    def take_claim(self, job: Job) -> None: ...

    def take_events(self, job_id: str, at_ms: int, bodies: list[dict[str, Any]]) -> None: ...


class Nobody:
    """A watcher that pays no attention."""

    def take_claim(self, job: Job) -> None:
        pass

    def take_events(self, job_id: str, at_ms: int, bodies: list[dict[str, Any]]) -> None:
        pass


class Store:
    """The jobs of one user folder. Open it, close it; every other method is a coroutine or returns at once."""

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_s: float = 2.0,
        waits_for_disk: bool = True,
        keep_events_of: int = KEEP_EVENTS_OF,
    ) -> None:
        """
        Args:
            waits_for_disk: see `GroupWriter`.
            keep_events_of: how many ended jobs keep their events; older ones keep their outputs.
        """
        self._database = Database(path, busy_timeout_s)
        self._keep_events_of = keep_events_of
        self._writer = GroupWriter(waits_for_disk=waits_for_disk)
        self._reader = ThreadPoolExecutor(1, "job-store-reader")
        self._line = Line()
        self._running: dict[str, Waiting] = {}
        self._leaving: set[str] = set()  # not in the line any more, and on disk they are still
        self._counts: dict[State, int] = dict.fromkeys(STATES, 0)
        self._next_seq = 1
        self._fresh = FreshJobs()
        self._log = EventLog(self._writer)
        self._ends = 0
        self._end_waiters = EndWaiters()
        self.line_changed: Callable[[], None] = lambda: None  # set by the supervisor
        self.list_changed: Callable[[], None] = lambda: None  # told when `changes` has risen
        self.changes = 0  # rises when lists of jobs show something else: one came, moved, began, ended, was forgotten
        self.jobs_ended: Callable[[list[str]], None] = lambda job_ids: None  # told what will never run again
        self.watcher: Watcher = Nobody()
        self.has_webhooks = False  # whether anybody wants to be told of jobs, or has not been told yet
        self.webhook_changed: Callable[[], None] = lambda: None  # set by the webhooks; a job that has one ended or came

    @property
    def waiting(self) -> int:
        """Jobs that are queued or running."""
        return len(self._line) + len(self._running)

    @property
    def running_ids(self) -> set[str]:
        """The jobs that were claimed and have not ended."""
        return set(self._running)

    @property
    def waiting_ids(self) -> set[str]:
        """The jobs that wait."""
        return self._line.ids

    @property
    def counts(self) -> dict[State, int]:
        """Jobs in each state."""
        return {**self._counts, "queued": len(self._line), "running": len(self._running)}

    # Opening and closing

    async def open(self) -> None:
        """Make or upgrade the database and put jobs that were running when everything ended back into the queue.

        Raises: SettingsError, if another front desk has this folder or it cannot be written to.
        """
        await asyncio.to_thread(self._database.open)
        self._log.next_number = self._database.next_event
        self._load(self._database.writing)
        self._writer.start(self._database.writing)
        self._prune()

    async def close(self) -> None:
        """Write what is still in memory and let go of the files."""
        await self._log.flush()
        await self._writer.stop()
        await asyncio.get_running_loop().run_in_executor(self._reader, self._database.close)
        self._reader.shutdown()

    def _load(self, db: sqlite3.Connection) -> None:
        self._line = Line(
            Waiting(
                row["seq"],
                row["id"],
                row["client_id"],
                row["number"],
                row["turn"],
                row["priority"],
                bool(row["background"]),
            )
            for row in db.execute(
                "SELECT seq, id, client_id, number, turn, priority, background FROM jobs WHERE state = 'queued'"
            )
        )
        for state, count in db.execute("SELECT state, count(*) FROM jobs GROUP BY state"):
            self._counts[state] = count
        (self.has_webhooks,) = db.execute(
            "SELECT EXISTS (SELECT 1 FROM deliveries)"
            " OR EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND webhook LIKE '{%')"
        ).fetchone()
        (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
        self._next_seq = last + 1

    # The queue

    async def accept(self, new: NewJob) -> Job:
        """Queue a job. When this returns, the job survives a power cut.

        The same id, or the same key of the same client, with the same prompt is answered with the job that exists: a
        client may repeat a request whose answer it did not get. Raises: DuplicateJob, if either belongs to another
        prompt.
        """
        return (await self.accept_all([new]))[0]

    async def accept_all(self, batch: Sequence[NewJob]) -> list[Job]:
        """Queue jobs that were asked for together, all in one write or none; see `accept`."""
        # Each one that goes to the front goes before those that are there: the first has to be the last to go.
        seqs = list(range(self._next_seq, self._next_seq + len(batch)))
        self._next_seq += len(batch)
        if all(new.front for new in batch):
            seqs.reverse()
        placed = [
            self._line.place(
                seq,
                new.id,
                new.client_id,
                number=new.number,
                front=new.front,
                priority=new.priority,
                background=new.background,
            )
            for seq, new in zip(seqs, batch)
        ]
        jobs = [accepted(new, place) for new, place in zip(batch, placed)]
        sizes: list[int] = []

        def write(db: sqlite3.Connection) -> list[int]:
            self._database.refuse_lost()
            prompts = [json.dumps(new.prompt) for new in batch]
            sizes[:] = map(len, prompts)
            # A lone job is rarely there already: it is looked for only if it cannot be put in.
            if len(batch) > 1 and (existing := writing.find_all(db, batch, prompts)):
                return existing
            try:
                for job, new, place, prompt in zip(jobs, batch, placed, prompts):
                    writing.insert(db, job, new, place, prompt)
            except sqlite3.IntegrityError:
                if len(batch) > 1 or not (existing := writing.find_all(db, batch, prompts)):
                    raise
                return existing
            return []

        def then(existing: list[int]) -> None:
            # Here and not below: who asked may have gone, the jobs are there all the same.
            if existing:
                return
            for job, place, size in zip(jobs, placed, sizes):
                self._line.add(place)
                self._fresh.add(job, size)
            self._tell_line()
            if any(new.webhook for new in batch):
                self.has_webhooks = True
                self.webhook_changed()

        existing = await self._write(write, then=then)
        if not existing:
            return jobs
        return await self._read(
            lambda db: [read_job(db.execute(f"{WHOLE_JOBS} WHERE seq = ?", (seq,)).fetchone()) for seq in existing]
        )

    def first(self) -> Waiting | None:
        """The job whose turn it is."""
        return self._line.first()

    async def claim(self, choose: Callable[[Job], str | None] = lambda job: None) -> Job | None:
        """Take the job whose turn it is, or None when nothing waits. `choose` names the worker that will run it.

        That it runs is written soon and not waited for. Raises: StoreTrouble; the job waits again then.
        """
        if (job := self.claim_fresh(choose)) is not None:
            return job
        taken = self._line.take()
        if taken is None:
            return None
        self._running[taken.id] = taken
        self._tell_list()
        started_ms = now_ms()
        try:
            await self._log.flush()  # what an earlier try finished may have come just now
            try:
                job = await self._read(lambda db: read_again(db, taken.seq))
            except StoreDamaged as damage:
                if isinstance(damage.__cause__, sqlite3.DatabaseError):  # that is not about this job alone
                    raise
                # It cannot run, and others wait behind it.
                log.error("job %s is given up: %s", taken.id, damage.message)
                await self.finish(taken.id, "error", failure={"message": damage.message})
                return None
        except BaseException:
            del self._running[taken.id]
            self._line.add(taken)
            self._tell_list()
            raise
        return self._begin(job, started_ms, choose)

    def claim_fresh(self, choose: Callable[[Job], str | None] = lambda job: None) -> Job | None:
        """`claim` without waiting, of a job that came lately; None if the one whose turn it is has to be read."""
        first = self._line.first()
        if first is None or (job := self._fresh.take(first.seq)) is None:
            return None
        self._line.take()
        self._running[first.id] = first
        self._tell_list()
        return self._begin(job, now_ms(), choose)

    def _begin(self, job: Job, started_ms: int, choose: Callable[[Job], str | None]) -> Job:
        worker = choose(job)
        self._log.record_start(job.seq, started_ms, worker)
        job = replace(job, state="running", started_ms=started_ms, worker=worker)
        self.watcher.take_claim(job)
        return job

    async def put_back(self, job_id: str, *, worker_died: bool) -> int:
        """Return a running job to its place in the queue. Returns: how many workers died over it so far."""
        taken = self._running.get(job_id)
        if taken is None:
            return 0
        self._log.forget_start(taken.seq)

        def then(deaths: int) -> None:
            if self._running.pop(job_id, None) is not None:
                self._line.add(taken)
                self._tell_line()

        return await self._write(
            lambda db: writing.put_back(db, taken.seq, worker_died=worker_died), durable=worker_died, then=then
        )

    async def ask_cancel(self, job_ids: Iterable[str]) -> None:
        """Write down that these running jobs shall stop, so that no restart takes them up again."""
        seqs = [(self._running[each].seq,) for each in job_ids if each in self._running]
        if seqs:
            await self._write(
                lambda db: db.executemany("UPDATE jobs SET cancel_asked = 1 WHERE seq = ? AND ended_ms IS NULL", seqs)
            )

    async def finish(self, job_id: str, outcome: str, messages: Sequence[Any] = (), failure: Any = None) -> None:
        """Write the end of a job: what `/history` shows of it from now on. Raises: StoreTrouble."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.finish_soon(job_id, outcome, messages, failure, partial(settle, ended, None))
        await ended

    def finish_soon(
        self,
        job_id: str,
        outcome: str,
        messages: Sequence[Any],
        failure: Any,
        then: Callable[[BaseException | None], None],
    ) -> None:
        """`finish`, without a task that waits: `then` is called when the end is on disk, or with why it is not."""
        taken = self._running.get(job_id)
        if taken is None:
            then(None)
            return
        seq = taken.seq
        state = OUTCOME_STATES.get(outcome, "failed")
        message = failure.get("message") if isinstance(failure, dict) else None
        error = None if message is None else storable(message)
        unwritten = self._log.take()
        # Whoever is told of beginnings is told by the trigger of a change that says so; all others read the end alone.
        ending = None if self.has_webhooks else seq
        begun = (None, None) if ending is None else unwritten.starts.get(seq, (None, None))
        progress = 100.0 if outcome == "success" else unwritten.progress.get(seq)

        def write(db: sqlite3.Connection) -> None:
            write_events(db, unwritten, ending)
            writing.end(db, seq, state, outcome, messages, failure, error=error, progress=progress, begun=begun)

        def done(_: None, error: BaseException | None) -> None:
            if error is not None:
                self._log.give_back(unwritten)
                then(self._database.told(error))
                return
            self._log.let_go(unwritten)
            if self._running.pop(job_id, None) is not None:
                self._count_end([job_id], state)
            then(None)

        self._writer.post(write, durable=True, done=done)

    async def delete_pending(self, job_ids: Iterable[str] | None = None) -> int:
        """Take jobs that have not started out of the queue; all of them, when no ids are given. Returns: how many."""
        removed = self._leave_line(job_ids)
        seqs = [(each.seq,) for each in removed]
        await self._write_for(
            removed,
            lambda db: db.executemany("DELETE FROM jobs WHERE seq = ?", seqs),
            lambda: self._tell_ended([each.id for each in removed]),
        )
        return len(removed)

    async def cancel_waiting(self, job_ids: Iterable[str]) -> list[str]:
        """End waiting jobs as cancelled; unlike deleted ones they stay in the history. Returns: which of them."""
        removed = self._leave_line(job_ids)
        ids = [each.id for each in removed]
        await self._write_for(
            removed,
            lambda db: writing.cancel(db, [(each.seq, each.id) for each in removed]),
            lambda: self._count_end(ids, "cancelled"),
        )
        return ids

    async def move(
        self,
        job_id: str,
        *,
        number: float | None = None,
        front: bool = False,
        priority: int | None = None,
        background: bool | None = None,
    ) -> bool:
        """Give a waiting job another place, see `Line.place`. Returns: whether it waits."""

        def place(before: Waiting) -> Waiting:
            return self._line.place(
                before.seq,
                before.id,
                before.client_id,
                number=number,
                front=front,
                priority=before.priority if priority is None else priority,
                background=before.background if background is None else background,
            )

        return await self._move(job_id, place)

    async def move_beside(self, job_id: str, other_id: str, *, behind: bool) -> bool:
        """Let a waiting job run right before another one, or right after it. Returns: whether both wait."""
        other = self._line.get(other_id)
        if other is None or job_id not in self._line:
            return False
        if job_id == other_id:
            return True
        spread: list[tuple[Waiting, Waiting]] = []

        def place(job: Waiting) -> Waiting:
            placed = self._line.beside(job, other, behind=behind)
            if placed is None:
                spread.extend(self._line.spread(other))
                moved = self._line.get(other_id)
                placed = None if moved is None else self._line.beside(job, moved, behind=behind)
            return placed or job

        return await self._move(job_id, place, spread)

    async def move_to_back(self, job_id: str) -> bool:
        """Let a waiting job run after all others of its class and priority. Returns: whether it waits."""
        return await self._move(job_id, self._line.behind_all)

    async def _move(
        self, job_id: str, place: Callable[[Waiting], Waiting], spread: Sequence[tuple[Waiting, Waiting]] = ()
    ) -> bool:
        """Let a job go to its new place. `spread` holds others that `place` numbered anew, as they were and are."""
        before = self._line.remove(job_id)
        if before is None:
            return False
        after = place(before)
        self._line.add(after)
        changed = [after, *(each for _, each in spread)]
        self._fresh.move(changed)
        try:
            await self._write(lambda db: writing.move(db, changed))
        except BaseException:
            if self._line.remove(job_id) is not None:
                self._line.add(before)
            self._line.put_back(spread)
            raise
        self._tell_line()
        return True

    def position(self, job_id: str) -> int | None:
        """How many waiting jobs go before this one; None if it does not wait."""
        return self._line.position(job_id)

    async def queue(self) -> tuple[list[Job], list[Job]]:
        """The jobs that run and those that wait, each in queue order, with their prompts: a long read."""
        jobs = await self._read(read_waiting)
        return in_order(jobs, self._running_in_order()), in_order(jobs, self._line.page(0, len(self._line)))

    async def queue_json(self) -> str:
        """What `GET /queue` answers; the texts go from the disk into the answer as they are."""
        items = await self._read(read_queue_items)
        running = ", ".join(in_order(items, self._running_in_order()))
        waiting = ", ".join(in_order(items, self._line.page(0, len(self._line))))
        return f'{{"queue_running": [{running}], "queue_pending": [{waiting}]}}'

    async def waiting_page(self, limit: int, offset: int = 0) -> tuple[list[JobRow], int]:
        """Waiting jobs in the order in which they will run, after the first `offset`; and how many wait."""
        seqs = [each.seq for each in self._line.page(offset, limit)]
        rows = await self._read(lambda db: read_rows(db, seqs))
        return [row for row in rows if row.id in self._line], len(self._line)

    async def page(
        self, states: Collection[State], limit: int, offset: int = 0, *, newest_first: bool = True
    ) -> tuple[list[JobRow], int]:
        """Jobs in these states by the time of their coming, without their prompts; and how many there are."""
        return await self.list_jobs(Which(states, newest_first=newest_first), limit, offset)

    async def list_jobs(self, which: Which, limit: int, offset: int = 0) -> tuple[list[JobRow], int]:
        """A page of jobs without their prompts, and how many there are on all pages.

        A job that was handed out is running here, even if its row has not heard of it yet.
        """
        await self._log.flush()
        running = {each.seq: each for each in self._running.values()}
        counts = self.counts
        # A state that no job has costs a list its share all the same.
        there = (
            which
            if len(which.states) == len(counts)
            else replace(which, states=[state for state in which.states if counts[state]])
        )
        known = sum(counts[state] for state in there.states)
        if not known:
            return [], 0
        is_most = 2 * known > sum(counts.values())
        rows, total = await self._read(lambda db: read_page(db, there, list(running), limit, offset, is_most=is_most))
        rows = [replace(row, state="running", ended_ms=None) if row.seq in running else row for row in rows]
        return rows, known if total is None else total

    async def jobs_of_workflow(self, workflow_id: str) -> list[str]:
        """The ids of all jobs that one workflow was sent as."""
        await self._log.flush()
        asked = "SELECT id FROM jobs WHERE workflow_id = ?"
        return await self._read(lambda db: [row[0] for row in db.execute(asked, (workflow_id,))])

    async def failures(self, rows: Iterable[JobRow]) -> dict[int, dict[str, Any]]:
        """What clients were told when these jobs failed, by `seq`, for those that did."""
        seqs = [row.seq for row in rows if row.state in ("failed", "partial")]
        return await self._read(lambda db: read_failures(db, seqs)) if seqs else {}

    # What came of it

    async def history(self, max_items: int | None = None, offset: int = -1) -> list[Job]:
        """Jobs that ended, oldest first. A negative offset means the last `max_items` of them."""
        limit = LONGEST_HISTORY if max_items is None else max(0, min(max_items, LONGEST_HISTORY))
        return await self._read(lambda db: read_history(db, limit, offset))

    async def job(self, job_id: str) -> Job | None:
        """One job with what its nodes showed so far, or None."""
        await self._log.flush()
        return await self._read(lambda db: read_one(db, job_id))

    async def explain(self, job_id: str) -> dict[str, dict[str, Any]] | None:
        """For each node that the worker told of: {how, why, seconds, finished_ms}; None if there is no such job."""
        await self._log.flush()
        return await self._read(lambda db: read_explained(db, job_id))

    async def wait_until_ended(self, job_id: str, timeout_s: float) -> bool:
        """Wait for a job's end. Returns: whether it does not wait or run any more."""
        if self._is_under_way(job_id):
            await self._end_waiters.wait(job_id, timeout_s)
        return not self._is_under_way(job_id)

    def _is_under_way(self, job_id: str) -> bool:
        return job_id in self._line or job_id in self._running or job_id in self._leaving

    async def delete_history(self, job_ids: Iterable[str] | None = None) -> int:
        """Forget jobs that ended; all of them, when no ids are given. Their pictures stay. Returns: how many."""
        await self._log.flush()

        def then(removed: dict[State, int]) -> None:
            for state, count in removed.items():
                self._counts[state] -= count
            self._tell_list()

        return sum((await self._write(lambda db: writing.forget(db, job_ids), then=then)).values())

    # Events

    @property
    def last_event(self) -> int:
        """The number, over all jobs, of the latest event."""
        return self._log.next_number - 1

    def record(self, job_seq: int, job_id: str, first_number: int, at_ms: int, bodies: list[dict[str, Any]]) -> None:
        """Keep events that came together, see `EventLog.record`."""
        self._log.record(job_seq, job_id, first_number, at_ms, bodies)
        self.watcher.take_events(job_id, at_ms, bodies)

    def record_progress(self, job_seq: int, percent: float) -> None:
        """Keep how far a running job is; written with the next events."""
        self._log.record_progress(job_seq, percent)

    async def events_since(self, job_id: str, since: int) -> list[StoredEvent] | None:
        """A job's events after number `since` of its own, or None if there is no such job."""
        rest, last = self._log.in_memory(), self.last_event  # as in `events_after`
        found = await self._read(lambda db: read_since(db, job_id, since))
        if found is None:
            return None
        found = [event for event in found if event.seq <= last]
        seen = {event.seq for event in found}
        rest = [each for each in rest if each.job_id == job_id and each.number > since and each.seq not in seen]
        return sorted([*found, *rest], key=lambda event: event.seq)

    async def events_after(self, seq: int, limit: int = 1_000) -> list[StoredEvent]:
        """The first `limit` events of all jobs after number `seq`, in their order."""
        # What is not on disk is taken down before the disk is read, and nothing later: so no event is passed over
        # that is written between the two.
        rest, last = self._log.in_memory(seq), self.last_event
        found = [event for event in await self._read(lambda db: read_after(db, seq, limit)) if event.seq <= last]
        if len(found) >= limit:
            last = found[-1].seq
        seen = {event.seq for event in found}
        found += [event for event in rest if event.seq not in seen and event.seq <= last]
        return sorted(found, key=lambda event: event.seq)[:limit]

    async def wait_for_events(self, seq: int, timeout_s: float) -> bool:
        """Wait until there is an event after number `seq`. Returns: whether there is."""
        return await self._log.wait(seq, timeout_s)

    # Words to others

    async def due_deliveries(self, at_ms: int, limit: int) -> list[Delivery]:
        """What others are to be told by now, the oldest first."""
        return await self._read(lambda db: read_due(db, at_ms, limit))

    async def settle_delivery(self, id: int) -> None:
        """Forget a delivery: it was taken, or given up."""
        await self._write(lambda db: db.execute("DELETE FROM deliveries WHERE id = ?", (id,)), durable=False)

    async def put_off_delivery(self, id: int, attempts: int, next_ms: int) -> None:
        """Try a delivery again later."""
        change = "UPDATE deliveries SET attempts = ?, next_ms = ? WHERE id = ?"
        await self._write(lambda db: db.execute(change, (attempts, next_ms, id)), durable=False)

    # Small things

    def _prune(self) -> None:
        """Forget the events of jobs that ended before the last ones, some at a time."""
        self._post(
            lambda db: writing.prune(db, self._keep_events_of, PRUNE_AT_ONCE),
            lambda count: self._prune() if count == PRUNE_AT_ONCE else None,
        )

    def _leave_line(self, job_ids: Iterable[str] | None) -> list[Waiting]:
        """Take jobs out of the line before their rows change, so that none is handed out meanwhile."""
        if job_ids is None:
            removed = self._line.clear()
        else:
            removed = [job for each in job_ids if (job := self._line.remove(each)) is not None]
        for each in removed:
            self._leaving.add(each.id)
            self._fresh.take(each.seq)
        return removed

    async def _write_for(
        self,
        removed: list[Waiting],
        write: Callable[[sqlite3.Connection], Any],
        then: Callable[[], None],
    ) -> None:
        """Write a change of jobs that have left the line; they are in it again if that fails."""
        if not removed:
            return

        ids = [each.id for each in removed]

        def gone(_: None) -> None:
            self._leaving.difference_update(ids)
            then()

        try:
            await self._write(write, then=gone)
        except HeddleError:
            self._leaving.difference_update(ids)
            for each in removed:
                self._line.add(each)
            raise

    def _count_end(self, job_ids: list[str], state: State) -> None:
        self._counts[state] += len(job_ids)
        self._tell_ended(job_ids)
        before, self._ends = self._ends, self._ends + len(job_ids)
        if self._ends // PRUNE_EVERY != before // PRUNE_EVERY:
            self._prune()

    def _tell_line(self) -> None:
        self.line_changed()
        self._tell_list()

    def _tell_list(self) -> None:
        self.changes += 1
        self.list_changed()

    def _tell_ended(self, job_ids: list[str]) -> None:
        self._tell_list()
        self.jobs_ended(job_ids)
        if self.has_webhooks:
            self.webhook_changed()
        self._end_waiters.tell(job_ids)

    def _running_in_order(self) -> list[Waiting]:
        return sorted(self._running.values(), key=lambda each: each.key)

    def _post(self, work: Callable[[sqlite3.Connection], T], then: Callable[[T], None] | None = None) -> None:
        """Write something that nobody waits for, and that a crash may lose."""

        def done(future: asyncio.Future[Any]) -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                log.warning("a note in the job database is left out: %s", error)

        self._writer.do(work, durable=False, then=then).add_done_callback(done)

    async def _write(
        self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True, then: Callable[[T], None] | None = None
    ) -> T:
        with self._database.in_words():
            return await self._writer.do(work, durable=durable, then=then)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._database.in_words():
            return await asyncio.get_running_loop().run_in_executor(self._reader, lambda: work(self._database.reading))
