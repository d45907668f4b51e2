"""The statements that change jobs in the database. Each is one step of the writing thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from heddle.graph.said import say
from server.store.records import DuplicateJob, Job, NewJob, State, key_in_batch, now_ms
from server.store.waiting import Waiting


def find_same(db: sqlite3.Connection, new: NewJob) -> sqlite3.Row | None:
    texts = "SELECT seq, id, prompt FROM jobs JOIN job_texts ON job_texts.job = jobs.seq"
    there = db.execute(f"{texts} WHERE jobs.id = ?", (new.id,)).fetchone()
    if there is None and new.idempotency_key is not None:
        there = db.execute(
            f"{texts} WHERE coalesce(client_id, '') = ? AND idempotency_key = ?",
            (new.client_id or "", new.idempotency_key),
        ).fetchone()
    return there


def find_all(db: sqlite3.Connection, batch: Sequence[NewJob], prompts: Sequence[str]) -> list[int]:
    """The jobs, by seq, that an earlier request of the same batch has made; none if it is new.

    Raises: DuplicateJob, if an id or a key belongs to another job, or to a batch of another size.
    """
    found = [find_same(db, new) for new in batch]
    for new, there, prompt in zip(batch, found, prompts):
        if there is not None and there["prompt"] != prompt:
            raise DuplicateJob(
                say("prompt_id {id} belongs to another job; leave it out or choose a new one", id=new.id)
                if there["id"] == new.id
                else say("idempotency_key {key} belongs to another job; choose a new one", key=_own_key(batch[0]))
            )
    seqs = [there["seq"] for there in found if there is not None]
    if not seqs:
        return []
    longer = key_in_batch(batch[0].idempotency_key, len(batch))
    more = "SELECT 1 FROM jobs WHERE coalesce(client_id, '') = ? AND idempotency_key = ?"
    if len(seqs) < len(batch) or db.execute(more, (batch[0].client_id or "", longer)).fetchone():
        words = "idempotency_key {key} belongs to another number of jobs; choose a new one"
        raise DuplicateJob(say(words, key=_own_key(batch[0])))
    return seqs


def insert(db: sqlite3.Connection, job: Job, new: NewJob, placed: Waiting, prompt: str) -> None:
    """Write a new job down. Args: prompt: its JSON."""
    db.execute(
        "INSERT INTO jobs (seq, id, number, turn, priority, background, client_id, idempotency_key, label,"
        " webhook, options, workflow_id, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(job.seq, new.id, placed.number, placed.turn, new.priority, new.background, new.client_id),
            *(new.idempotency_key, new.label, json.dumps(new.webhook), json.dumps(new.options)),
            *(job.workflow_id, job.created_ms),
        ),
    )
    db.execute(
        "INSERT INTO job_texts (job, prompt, extra_data, secrets, targets, outputs) VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(job.seq, prompt, json.dumps(new.extra_data), json.dumps(new.secrets) if new.secrets else None),
            *(json.dumps(new.targets), json.dumps(new.outputs)),
        ),
    )
    if new.webhook_secret is not None:
        db.execute("INSERT INTO webhook_secrets VALUES (?, ?)", (job.seq, new.webhook_secret))


def _own_key(new: NewJob) -> str:
    return (new.idempotency_key or new.id).partition("\x1f")[0]


def move(db: sqlite3.Connection, moved: Iterable[Waiting]) -> None:
    """Write the places of waiting jobs down."""
    db.executemany(
        "UPDATE jobs SET number = ?, turn = ?, priority = ?, background = ? WHERE seq = ?",
        [(each.number, each.turn, each.priority, each.background, each.seq) for each in moved],
    )


def put_back(db: sqlite3.Connection, seq: int, *, worker_died: bool) -> int:
    """Have a job that ran wait again. Returns: how many workers died over it so far; 0, if it has ended."""
    row = db.execute(
        "UPDATE jobs SET state = 'queued', started_ms = NULL, worker_deaths = worker_deaths + ?"
        " WHERE seq = ? AND ended_ms IS NULL RETURNING worker_deaths",
        (int(worker_died), seq),
    ).fetchone()
    return 0 if row is None else row[0]


def cancel(db: sqlite3.Connection, jobs: list[tuple[int, str]]) -> None:
    """End jobs that do not run, given as (seq, id), as interrupted before their first node."""
    at_ms = now_ms()
    for seq, job_id in jobs:
        about = {"prompt_id": job_id, "node_id": None, "node_type": None, "executed": [], "timestamp": at_ms}
        db.execute(
            "UPDATE jobs SET state = 'cancelled', outcome = 'interrupted', ended_ms = ? WHERE seq = ?", (at_ms, seq)
        )
        db.execute(
            "UPDATE job_texts SET messages = ?, secrets = NULL WHERE job = ?",
            (json.dumps([["execution_interrupted", about]]), seq),
        )


def end(
    db: sqlite3.Connection,
    seq: int,
    state: State,
    outcome: str,
    messages: Sequence[Any],
    failure: Any,
    *,
    error: str | None,
    progress: float | None,
    begun: tuple[int | None, str | None],
) -> None:
    """Write the end of a job. Args: begun: when, and on which worker, if its row has not heard of that yet."""
    db.execute(
        "UPDATE jobs SET state = ?, outcome = ?, ended_ms = ?, error = ?, progress = coalesce(?, progress),"
        " started_ms = coalesce(?, started_ms), worker = coalesce(?, worker)"
        " WHERE seq = ? AND ended_ms IS NULL",
        (state, outcome, now_ms(), error, progress, *begun, seq),
    )
    db.execute(
        "UPDATE job_texts SET messages = ?, failure = ?, secrets = NULL WHERE job = ?",
        (json.dumps(list(messages)), json.dumps(failure), seq),
    )
    if (told := next((about for kind, about in messages if kind == "execution_error"), None)) is not None:
        db.execute("INSERT OR REPLACE INTO job_failures VALUES (?, ?)", (seq, json.dumps(told)))


def forget(db: sqlite3.Connection, job_ids: Iterable[str] | None) -> dict[State, int]:
    """Delete jobs that ended; all of them, when no ids are given. Returns: how many of each state."""
    removed: dict[State, int] = {}
    if job_ids is None:
        rows = db.execute("DELETE FROM jobs WHERE ended_ms IS NOT NULL RETURNING state").fetchall()
    else:
        statement = "DELETE FROM jobs WHERE id = ? AND ended_ms IS NOT NULL RETURNING state"
        rows = [row for each in job_ids for row in db.execute(statement, (each,)).fetchall()]
    for (state,) in rows:
        removed[state] = removed.get(state, 0) + 1
    return removed


def prune(db: sqlite3.Connection, keep: int, at_once: int) -> int:
    """Delete the events of jobs that ended before the last `keep`, of some of them. Returns: of how many."""
    old = db.execute(
        "SELECT seq FROM jobs WHERE ended_ms IS NOT NULL AND NOT pruned"
        " ORDER BY ended_ms DESC, seq DESC LIMIT ? OFFSET ?",
        (at_once, keep),
    ).fetchall()
    seqs = [(row["seq"],) for row in old]
    db.executemany("DELETE FROM event_batches WHERE job = ?", seqs)
    db.executemany("DELETE FROM node_results WHERE job = ? AND output IS NULL", seqs)
    db.executemany("UPDATE jobs SET pruned = 1 WHERE seq = ?", seqs)
    return len(old)
