"""What the thread that reads asks the database: lists, pages, single jobs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from server.store.records import STATES, Delivery, Job, JobRow, Which
from server.store.rows import ROW, WHOLE_JOBS, marks, portions, read_job, read_results, row_values, tidy

NARROWING = ("workflow_id", "label", "client_id")  # columns that a list may ask to have one value
DURATION = "coalesce(ended_ms - started_ms, 0)"  # as the index `jobs_durations` has it


def read_waiting(db: sqlite3.Connection) -> dict[int, Job]:
    """Every job that runs or waits."""
    rows = db.execute(f"{WHOLE_JOBS} WHERE state IN ('queued', 'running')")
    return {row["seq"]: read_job(row) for row in rows}


def read_queue_items(db: sqlite3.Connection) -> dict[int, str]:
    """For every job that runs or waits, its item of `GET /queue` as JSON: the texts go into it as they are."""
    rows = db.execute(
        "SELECT seq, id, number, prompt, extra_data, outputs FROM jobs"
        " JOIN job_texts ON job_texts.job = jobs.seq WHERE state IN ('queued', 'running')"
    )
    return {
        row["seq"]: f"[{json.dumps(tidy(row['number']))}, {json.dumps(row['id'])}, {row['prompt']}, "
        f"{row['extra_data']}, {row['outputs']}]"
        for row in rows
    }


def read_page(
    db: sqlite3.Connection, which: Which, running: Sequence[int], limit: int, offset: int, *, is_most: bool
) -> tuple[list[JobRow], int | None]:
    """A page of a list, and how many jobs it has on all pages; None where the counts of the states say so.

    Args:
        running: the jobs that run now. The database may learn of it later and is not asked for their states.
        is_most: most of all jobs are in these states.
    """
    order = "DESC" if which.newest_first else "ASC"
    asked = [state for state in which.states if state != "running"]
    at_work = list(running) if "running" in which.states else []
    apart, those = f"seq NOT IN ({marks(running)})", f"seq IN ({marks(at_work)})"
    narrow = {name: value for name in NARROWING if (value := getattr(which, name)) is not None}
    beyond = [] if which.beyond is None or which.by_duration else [which.beyond]
    start = [f"seq {'<' if which.newest_first else '>'} ?"] if beyond else []
    chosen, values = [f"{name} = ?" for name in narrow], list(narrow.values())
    if len(which.states) < len(STATES):
        # The states are only looked at (+), so that the index with the order of the list is the one that is walked.
        chosen.append(f"(+state IN ({marks(asked)}) AND {apart} OR {those})")
        values += [*asked, *running, *at_work]
    if narrow or which.by_duration or (is_most and len(asked) > 1):
        index = "INDEXED BY jobs_durations" if which.by_duration and not narrow else ""
        by = f"{DURATION} {order}, seq {order}" if which.by_duration else f"seq {order}"
        statement, bound = f"SELECT seq FROM jobs {index}{_where(chosen + start)} ORDER BY {by}", [*values, *beyond]
    else:  # one index answers for each state, and SQLite merges them
        parts = [f"SELECT seq FROM jobs{_where(['state = ?', apart, *start])}"] * len(asked)
        parts.append(f"SELECT seq FROM jobs{_where([those, *start])}")
        bound = [value for state in asked for value in (state, *running, *beyond)] + [*at_work, *beyond]
        statement = f"{' UNION ALL '.join(parts)} ORDER BY seq {order}"
    found = db.execute(f"{statement} LIMIT ? OFFSET ?", (*bound, limit, offset))
    rows = read_rows(db, [row[0] for row in found])
    if not narrow:
        return rows, None
    return rows, db.execute(f"SELECT count(*) FROM jobs{_where(chosen)}", values).fetchone()[0]


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def read_due(db: sqlite3.Connection, at_ms: int, limit: int) -> list[Delivery]:
    """What others are to be told by now, the oldest first."""
    columns = "id, job_id, event, url, secret, at_ms, attempts"
    rows = db.execute(
        f"SELECT {columns} FROM deliveries WHERE next_ms <= ? ORDER BY next_ms, id LIMIT ?", (at_ms, limit)
    )
    return [Delivery(*row) for row in rows]


def read_failures(db: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What clients were told of the failures of these jobs, by seq; without those that did not fail."""
    return {
        row["job"]: json.loads(row["told"])
        for some in portions(seqs)
        for row in db.execute(f"SELECT job, told FROM job_failures WHERE job IN ({marks(some)})", some)
    }


def read_rows(db: sqlite3.Connection, seqs: Sequence[int]) -> list[JobRow]:
    """Jobs in the given order, without their prompts; those that are gone are left out."""
    results = read_results(db, seqs)
    rows = {
        row["seq"]: JobRow(**row_values(row), results=results.get(row["seq"], {}))
        for some in portions(seqs)
        for row in db.execute(f"SELECT {ROW} FROM jobs WHERE seq IN ({marks(some)})", some)
    }
    return [rows[seq] for seq in seqs if seq in rows]


def read_history(db: sqlite3.Connection, limit: int, offset: int) -> list[Job]:
    """Jobs that ended, oldest first, after the first `offset`; the last `limit` of them, if it is negative."""
    order, skipped = ("DESC", 0) if offset < 0 else ("ASC", offset)
    found = db.execute(
        f"SELECT seq FROM jobs WHERE ended_ms IS NOT NULL ORDER BY ended_ms {order}, seq {order} LIMIT ? OFFSET ?",
        (limit, skipped),
    )
    seqs = [row[0] for row in found]
    results = read_results(db, seqs)
    jobs = {
        row["seq"]: read_job(row, results=results.get(row["seq"], {}))
        for some in portions(seqs)
        for row in db.execute(f"{WHOLE_JOBS} WHERE seq IN ({marks(some)})", some)
    }
    return [jobs[seq] for seq in (reversed(seqs) if offset < 0 else seqs) if seq in jobs]


def read_one(db: sqlite3.Connection, job_id: str) -> Job | None:
    """One job with what its nodes showed so far, or None."""
    row = db.execute(f"{WHOLE_JOBS} WHERE jobs.id = ?", (job_id,)).fetchone()
    return None if row is None else read_job(row, results=read_results(db, [row["seq"]]).get(row["seq"], {}))


def read_explained(db: sqlite3.Connection, job_id: str) -> dict[str, dict[str, Any]] | None:
    """For each node that the worker told of: {how, why, seconds, finished_ms}; None if there is no such job."""
    job = db.execute("SELECT seq FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if job is None:
        return None
    rows = db.execute("SELECT node_id, how, why, seconds, finished_ms FROM node_results WHERE job = ?", (job["seq"],))
    return {
        row["node_id"]: {
            "how": row["how"],
            "why": json.loads(row["why"] or "[]"),
            "seconds": row["seconds"],
            "finished_ms": row["finished_ms"],
        }
        for row in rows
    }
