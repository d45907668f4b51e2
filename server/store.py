"""Jobs on disk: what was asked, in which order, what came of it.

SQLite in WAL mode with one writer thread, so the event loop never waits for the disk. Two connections write: one that
waits until the disk has the bytes (accepting, claiming and finishing a job), one that does not (events and outputs,
which a later durable commit carries along). Reads have a thread of their own. Prompts are kept as ASCII JSON: NaN,
seeds of any size and broken surrogates come back as they were sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from heddle.graph.errors import FileProblem, HeddleError, SettingsError

log = logging.getLogger("heddle.server.store")

T = TypeVar("T")
State = Literal["pending", "in_progress", "completed", "failed", "cancelled"]
OUTCOME_STATES: dict[str, State] = {
    "success": "completed",
    "partial": "failed",
    "error": "failed",
    "interrupted": "cancelled",
}
LONGEST_HISTORY = 10_000  # entries of /history when a client names no number

# One script per step of the schema; `PRAGMA user_version` counts how many a file has seen.
SCHEMA_STEPS = (
    """
    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        number REAL NOT NULL,            -- place in the queue, lowest first
        state TEXT NOT NULL DEFAULT 'pending',
        prompt TEXT NOT NULL,            -- JSON, as are extra_data, secrets, targets, outputs, messages, failure
        extra_data TEXT NOT NULL,
        secrets TEXT,                    -- keys of outside services; forgotten when the job ends
        client_id TEXT,
        targets TEXT NOT NULL,
        outputs TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        started_ms INTEGER,
        ended_ms INTEGER,
        worker_deaths INTEGER NOT NULL DEFAULT 0,
        outcome TEXT,
        messages TEXT,
        failure TEXT
    );
    CREATE INDEX jobs_waiting ON jobs (state, number, seq) WHERE state IN ('pending', 'in_progress');
    CREATE INDEX jobs_ended ON jobs (ended_ms, seq) WHERE ended_ms IS NOT NULL;
    CREATE TABLE events (
        job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    CREATE TABLE outputs (
        job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
        node_id TEXT NOT NULL,
        output TEXT NOT NULL,
        PRIMARY KEY (job, node_id)
    ) WITHOUT ROWID;
    """,
)


class StoreTrouble(HeddleError):
    """The job database cannot be read or written now. `full` tells a full disk from one that is busy."""

    def __init__(self, message: str, *, full: bool) -> None:
        super().__init__(message)
        self.full = full


class DuplicateJob(HeddleError):
    """Another prompt was already queued under this id."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a client asks for, checked and ready to be queued."""

    id: str
    prompt: dict[str, Any]
    outputs: list[str]  # ids of the output nodes that will run
    extra_data: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    client_id: str | None = None
    targets: list[str] | None = None  # None: every output node
    number: float | None = None  # None: behind all others
    front: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the store. Times in milliseconds since 1970."""

    seq: int
    id: str
    number: float
    state: State
    prompt: dict[str, Any]
    extra_data: dict[str, Any]
    secrets: dict[str, Any]
    client_id: str | None
    targets: list[str] | None
    outputs: list[str]
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    worker_deaths: int
    outcome: str | None
    messages: list[Any]
    failure: Any
    results: dict[str, Any] = field(default_factory=dict)  # node id -> what the node showed, for jobs that ended
    last_event: int = 0


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of a job, numbered from 1."""

    job_seq: int
    number: int
    at_ms: int
    body: dict[str, Any]


class Store:
    """The jobs of one user folder. Open it, close it; every other method is a coroutine or returns at once."""

    def __init__(self, path: Path, *, busy_timeout_s: float = 2.0) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._writer = ThreadPoolExecutor(1, "job-store-writer")
        self._reader = ThreadPoolExecutor(1, "job-store-reader")
        self._connections: list[sqlite3.Connection] = []
        self._durable: sqlite3.Connection
        self._quick: sqlite3.Connection
        self._reading: sqlite3.Connection
        self._unwritten: list[StoredEvent] = []
        self._flush_wanted = False
        self._flushing: set[asyncio.Task[None]] = set()
        self.waiting = 0  # jobs that are queued or running, as of the last write

    # Opening and closing

    async def open(self) -> None:
        """Make or upgrade the database and put jobs that were running when everything ended back into the queue.

        Raises: SettingsError, if another front desk has this folder or it cannot be written to.
        """
        await self._run(self._writer, self._open)

    async def close(self) -> None:
        """Write what is still in memory and let go of the files."""
        await self.flush()
        self._reader.shutdown()
        await self._run(self._writer, self._close)
        self._writer.shutdown()

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._own()
            self._durable = self._connect("FULL")
            self._upgrade(self._durable)
            self._quick = self._connect("NORMAL")
            self._reading = self._connect("NORMAL")
            with self._durable:
                self._durable.execute(
                    "UPDATE jobs SET state = 'pending', started_ms = NULL WHERE state = 'in_progress'"
                )
            self.waiting = self._count_waiting()
        except SettingsError:
            self._close()
            raise
        except (OSError, sqlite3.Error) as error:
            self._close()
            raise SettingsError(
                f"the job database {self._path} cannot be opened ({error}); "
                "make its folder writable or choose another with --user-directory"
            ) from error

    def _own(self) -> None:
        # SQLite's own file lock, held as long as this process lives, is a lock on every system and leaves nothing
        # behind when the process dies.
        path = self._path.with_suffix(".owner")
        owner = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        self._connections.append(owner)
        try:
            owner.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise SettingsError(
                f"{self._path.parent} is in use by another running Heddle; "
                "stop that one or choose another folder with --user-directory"
            ) from error

    def _connect(self, synchronous: str) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=self._busy_timeout_s, check_same_thread=False)
        self._connections.append(connection)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        (seen,) = connection.execute("PRAGMA user_version").fetchone()
        if seen > len(SCHEMA_STEPS):
            raise SettingsError(
                f"{self._path} was written by a newer Heddle (schema {seen}, this one knows {len(SCHEMA_STEPS)}); "
                "update Heddle or choose another folder with --user-directory"
            )
        for step in range(seen, len(SCHEMA_STEPS)):
            connection.executescript(f"BEGIN; {SCHEMA_STEPS[step]} PRAGMA user_version = {step + 1}; COMMIT;")

    def _close(self) -> None:
        while self._connections:  # the lock, which was opened first, goes last
            self._connections.pop().close()

    # The queue

    async def accept(self, new: NewJob) -> Job:
        """Queue a job. When this returns, the job survives a power cut.

        The same id with the same prompt is answered with the job that exists: a client may repeat a request whose
        answer it did not get. Raises: DuplicateJob, if the id belongs to another prompt.
        """

        def write() -> Job:
            prompt = json.dumps(new.prompt)
            with self._durable as db:
                there = db.execute("SELECT * FROM jobs WHERE id = ?", (new.id,)).fetchone()
                if there is not None:
                    if there["prompt"] != prompt:
                        raise DuplicateJob(
                            f"prompt_id {new.id} belongs to another job; leave it out or choose a new one"
                        )
                    return _job(there)
                cursor = db.execute(
                    "INSERT INTO jobs"
                    " (id, number, prompt, extra_data, secrets, client_id, targets, outputs, created_ms)"
                    " VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        new.id,
                        prompt,
                        json.dumps(new.extra_data),
                        json.dumps(new.secrets) if new.secrets else None,
                        new.client_id,
                        json.dumps(new.targets),
                        json.dumps(new.outputs),
                        now_ms(),
                    ),
                )
                seq = cursor.lastrowid
                assert seq is not None
                number = new.number if new.number is not None else float(-seq if new.front else seq)
                db.execute("UPDATE jobs SET number = ? WHERE seq = ?", (number, seq))
                return _job(db.execute("SELECT * FROM jobs WHERE seq = ?", (seq,)).fetchone())

        return await self._write(write)

    async def claim(self) -> Job | None:
        """Take the first job of the queue, at once marked as running, or None when nothing waits."""

        def write() -> Job | None:
            with self._durable as db:
                row = db.execute(
                    "UPDATE jobs SET state = 'in_progress', started_ms = ? WHERE seq = (SELECT seq FROM jobs"
                    " WHERE state = 'pending' ORDER BY number, seq LIMIT 1) RETURNING *",
                    (now_ms(),),
                ).fetchone()
                if row is None:
                    return None
                (last,) = db.execute(
                    "SELECT coalesce(max(number), 0) FROM events WHERE job = ?", (row["seq"],)
                ).fetchone()
            return _job(row, last_event=last)

        return await self._write(write)

    async def put_back(self, job_id: str, *, worker_died: bool) -> int:
        """Return a running job to its place in the queue. Returns: how many workers died over it so far."""

        def write() -> int:
            with self._durable as db:
                row = db.execute(
                    "UPDATE jobs SET state = 'pending', started_ms = NULL, worker_deaths = worker_deaths + ?"
                    " WHERE id = ? AND state = 'in_progress' RETURNING worker_deaths",
                    (int(worker_died), job_id),
                ).fetchone()
            return 0 if row is None else row[0]

        return await self._write(write)

    async def finish(self, job_id: str, outcome: str, messages: Sequence[Any] = (), failure: Any = None) -> None:
        """Write the end of a job: what `/history` shows of it from now on."""

        def write() -> None:
            self._write_events()
            with self._durable as db:
                db.execute(
                    "UPDATE jobs SET state = ?, outcome = ?, ended_ms = ?, messages = ?, failure = ?, secrets = NULL"
                    " WHERE id = ? AND ended_ms IS NULL",
                    (
                        OUTCOME_STATES.get(outcome, "failed"),
                        outcome,
                        now_ms(),
                        json.dumps(list(messages)),
                        json.dumps(failure),
                        job_id,
                    ),
                )

        await self._write(write)

    async def delete_pending(self, job_ids: Iterable[str] | None = None) -> int:
        """Take jobs that have not started out of the queue; all of them, when no ids are given. Returns: how many."""

        def write() -> int:
            with self._durable as db:
                if job_ids is None:
                    return db.execute("DELETE FROM jobs WHERE state = 'pending'").rowcount
                ids = [(job_id,) for job_id in job_ids]
                return db.executemany("DELETE FROM jobs WHERE state = 'pending' AND id = ?", ids).rowcount

        return await self._write(write)

    async def queue(self) -> tuple[list[Job], list[Job]]:
        """The jobs that run and those that wait, each in queue order."""

        def read() -> tuple[list[Job], list[Job]]:
            rows = self._reading.execute(
                "SELECT * FROM jobs WHERE state IN ('pending', 'in_progress') ORDER BY number, seq"
            ).fetchall()
            jobs = [_job(row) for row in rows]
            return [j for j in jobs if j.state == "in_progress"], [j for j in jobs if j.state == "pending"]

        return await self._read(read)

    # What came of it

    async def history(self, max_items: int | None = None, offset: int = -1) -> list[Job]:
        """Jobs that ended, oldest first. A negative offset means the last `max_items` of them."""

        def read() -> list[Job]:
            limit = LONGEST_HISTORY if max_items is None else max(0, min(max_items, LONGEST_HISTORY))
            if offset < 0:
                rows = self._reading.execute(
                    "SELECT * FROM (SELECT * FROM jobs WHERE ended_ms IS NOT NULL"
                    " ORDER BY ended_ms DESC, seq DESC LIMIT ?) ORDER BY ended_ms, seq",
                    (limit,),
                ).fetchall()
            else:
                rows = self._reading.execute(
                    "SELECT * FROM jobs WHERE ended_ms IS NOT NULL ORDER BY ended_ms, seq LIMIT ? OFFSET ?",
                    (limit, offset),
                ).fetchall()
            return [_job(row, results=self._results(row["seq"])) for row in rows]

        return await self._read(read)

    async def job(self, job_id: str) -> Job | None:
        """One job with what its nodes showed so far, or None."""
        await self.flush()

        def read() -> Job | None:
            row = self._reading.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
            return None if row is None else _job(row, results=self._results(row["seq"]))

        return await self._read(read)

    async def delete_history(self, job_ids: Iterable[str] | None = None) -> int:
        """Forget jobs that ended; all of them, when no ids are given. Their pictures stay. Returns: how many."""

        def write() -> int:
            with self._durable as db:
                if job_ids is None:
                    return db.execute("DELETE FROM jobs WHERE ended_ms IS NOT NULL").rowcount
                ids = [(job_id,) for job_id in job_ids]
                return db.executemany("DELETE FROM jobs WHERE ended_ms IS NOT NULL AND id = ?", ids).rowcount

        return await self._write(write)

    # Events

    def record(self, event: StoredEvent) -> None:
        """Keep an event; it is written soon, together with its neighbours. Never fails, never waits."""
        self._unwritten.append(event)
        if not self._flush_wanted:
            self._flush_wanted = True
            task = asyncio.get_running_loop().create_task(self.flush())
            self._flushing.add(task)
            task.add_done_callback(self._flushing.discard)

    async def flush(self) -> None:
        """Write the events that wait. On a full or busy disk they stay in memory and the next flush tries again."""
        self._flush_wanted = False
        if self._unwritten:
            try:
                await self._run(self._writer, self._write_events)
            except HeddleError as trouble:
                log.warning("%d events are kept in memory: %s", len(self._unwritten), trouble.message)

    async def events_since(self, job_id: str, since: int) -> list[StoredEvent] | None:
        """A job's events after number `since`, or None if there is no such job."""
        await self.flush()

        def read() -> list[StoredEvent] | None:
            row = self._reading.execute("SELECT seq FROM jobs WHERE id = ?", (job_id,)).fetchone()
            if row is None:
                return None
            rows = self._reading.execute(
                "SELECT job, number, at_ms, body FROM events WHERE job = ? AND number > ? ORDER BY number",
                (row["seq"], since),
            ).fetchall()
            found = {r["number"]: StoredEvent(r["job"], r["number"], r["at_ms"], json.loads(r["body"])) for r in rows}
            found |= {e.number: e for e in list(self._unwritten) if e.job_seq == row["seq"] and e.number > since}
            return [found[number] for number in sorted(found)]

        return await self._read(read)

    def _write_events(self) -> None:
        batch = list(self._unwritten)
        if not batch:
            return
        with self._quick as db:
            # A job may have been forgotten in the meantime; its late events go with it.
            db.executemany(
                "INSERT OR REPLACE INTO events (job, number, at_ms, body) SELECT seq, ?, ?, ? FROM jobs WHERE seq = ?",
                [(e.number, e.at_ms, json.dumps(e.body), e.job_seq) for e in batch],
            )
            db.executemany(
                "INSERT OR REPLACE INTO outputs (job, node_id, output) SELECT seq, ?, ? FROM jobs WHERE seq = ?",
                [
                    (e.body["node_id"], json.dumps(e.body["output"]), e.job_seq)
                    for e in batch
                    if e.body.get("kind") == "node_finished" and e.body.get("output") is not None
                ],
            )
        # The loop only ever appends, so the batch is still the head of the list.
        del self._unwritten[: len(batch)]

    def _results(self, seq: int) -> dict[str, Any]:
        rows = self._reading.execute("SELECT node_id, output FROM outputs WHERE job = ?", (seq,))
        return {row["node_id"]: json.loads(row["output"]) for row in rows}

    # Threads and errors

    def _count_waiting(self) -> int:
        (count,) = self._durable.execute(
            "SELECT count(*) FROM jobs WHERE state IN ('pending', 'in_progress')"
        ).fetchone()
        return count

    async def _write(self, work: Callable[[], T]) -> T:
        def work_and_count() -> T:
            result = work()
            self.waiting = self._count_waiting()
            return result

        return await self._run(self._writer, work_and_count)

    async def _read(self, work: Callable[[], T]) -> T:
        return await self._run(self._reader, work)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except sqlite3.OperationalError as error:
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            raise StoreTrouble(
                f"the disk with {self._path} is full; free some space and try again"
                if full
                else f"the job database {self._path} cannot be used now ({error}); try again",
                full=full,
            ) from error
        except sqlite3.DatabaseError as error:
            raise FileProblem(
                f"the job database {self._path} is damaged ({error}); move it away and start again", path=self._path
            ) from error


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _job(row: sqlite3.Row, *, results: dict[str, Any] | None = None, last_event: int = 0) -> Job:
    return Job(
        seq=row["seq"],
        id=row["id"],
        number=int(row["number"]) if float(row["number"]).is_integer() else row["number"],
        state=row["state"],
        prompt=json.loads(row["prompt"]),
        extra_data=json.loads(row["extra_data"]),
        secrets=json.loads(row["secrets"] or "{}"),
        client_id=row["client_id"],
        targets=json.loads(row["targets"]),
        outputs=json.loads(row["outputs"]),
        created_ms=row["created_ms"],
        started_ms=row["started_ms"],
        ended_ms=row["ended_ms"],
        worker_deaths=row["worker_deaths"],
        outcome=row["outcome"],
        messages=json.loads(row["messages"] or "[]"),
        failure=json.loads(row["failure"] or "null"),
        results=results or {},
        last_event=last_event,
    )
