"""Rows of the database as records."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from server.store.records import Job, MissingRow, NewJob, now_ms
from server.store.waiting import Waiting

T = TypeVar("T")
IDS_AT_ONCE = 500  # in one statement; older SQLite takes 999 values

ROW = (
    "jobs.seq, jobs.id, number, state, priority, background, client_id, label, webhook, options, workflow_id,"
    " created_ms, started_ms, ended_ms, worker, worker_deaths, progress, outcome, error"
)
WHOLE = f"{ROW}, prompt, extra_data, secrets, targets, outputs, messages, failure"
WHOLE_JOBS = f"SELECT {WHOLE} FROM jobs JOIN job_texts ON job_texts.job = jobs.seq"


def storable(text: Any) -> str:
    """A text as SQLite takes it: packs' words may hold half a pair of surrogates, for which UTF-8 has no form."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def read_again(db: sqlite3.Connection, seq: int) -> Job:
    """A job that is not in memory, with what an earlier try of it has done."""
    row = db.execute(f"{WHOLE_JOBS} WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        raise MissingRow("a job that waits is not in it")
    job = read_job(row)
    (last,) = db.execute(
        "SELECT coalesce(max(first_number + count - 1), 0) FROM event_batches WHERE job = ?", (seq,)
    ).fetchone()
    rows = db.execute(
        "SELECT node_id, output FROM node_results WHERE job = ? AND finished_ms IS NOT NULL", (seq,)
    ).fetchall()
    wanted = set(job.outputs)
    finished = {row["node_id"]: json.loads(row["output"] or "null") for row in rows if row["node_id"] in wanted}
    return replace(job, last_event=last, finished=finished)


def read_results(db: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for some in portions(seqs):
        statement = "SELECT job, node_id, output FROM node_results WHERE output IS NOT NULL AND job IN"
        for row in db.execute(f"{statement} ({marks(some)})", some):
            found.setdefault(row["job"], {})[row["node_id"]] = json.loads(row["output"])
    return found


def portions(seqs: Sequence[int]) -> Iterator[Sequence[int]]:
    return (seqs[start : start + IDS_AT_ONCE] for start in range(0, len(seqs), IDS_AT_ONCE))


def marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def in_order(found: dict[int, T], order: Iterable[Waiting]) -> list[T]:
    return [found[each.seq] for each in order if each.seq in found]


def tidy(number: float) -> float:
    return int(number) if float(number).is_integer() else number


def accepted(new: NewJob, placed: Waiting) -> Job:
    workflow = (new.extra_data.get("extra_pnginfo") or {}) if isinstance(new.extra_data, dict) else {}
    workflow = workflow.get("workflow") if isinstance(workflow, dict) else None
    workflow_id = workflow.get("id") if isinstance(workflow, dict) else None
    return Job(
        seq=placed.seq,
        id=new.id,
        number=tidy(placed.number),
        state="queued",
        priority=new.priority,
        background=new.background,
        client_id=new.client_id,
        label=new.label,
        webhook=new.webhook,
        options=new.options,
        workflow_id=workflow_id if isinstance(workflow_id, str) and workflow_id.isprintable() else None,
        created_ms=now_ms(),
        started_ms=None,
        ended_ms=None,
        worker=None,
        worker_deaths=0,
        progress=0.0,
        outcome=None,
        error=None,
        results={},
        prompt=new.prompt,
        extra_data=new.extra_data,
        secrets=new.secrets,
        targets=new.targets,
        outputs=new.outputs,
    )


def row_values(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "seq": row["seq"],
        "id": row["id"],
        "number": tidy(row["number"]),
        "state": row["state"],
        "priority": row["priority"],
        "background": bool(row["background"]),
        "client_id": row["client_id"],
        "label": row["label"],
        "webhook": json.loads(row["webhook"] or "null"),
        "options": json.loads(row["options"]),
        "workflow_id": row["workflow_id"],
        "created_ms": row["created_ms"],
        "started_ms": row["started_ms"],
        "ended_ms": row["ended_ms"],
        "worker": row["worker"],
        "worker_deaths": row["worker_deaths"],
        "progress": row["progress"],
        "outcome": row["outcome"],
        "error": row["error"],
    }


def read_job(row: sqlite3.Row, *, results: dict[str, Any] | None = None) -> Job:
    return Job(
        **row_values(row),
        results=results or {},
        prompt=json.loads(row["prompt"]),
        extra_data=json.loads(row["extra_data"]),
        secrets=json.loads(row["secrets"] or "{}"),
        targets=json.loads(row["targets"]),
        outputs=json.loads(row["outputs"]),
        messages=json.loads(row["messages"] or "[]"),
        failure=json.loads(row["failure"] or "null"),
    )
