"""A page of the jobs that wait, run and ended, as job lists of front ends ask for it.

All of them are read for one page: what stands here is the place for a query of the store.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from server.store import Job, Store

Status = Literal["pending", "in_progress", "completed", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = ("pending", "in_progress", "completed", "failed", "cancelled")
LONGEST_PAGE = 1000

# The store's words for where a job stands, in the words that clients know.
_STATUS_OF: dict[str, Status] = {
    "queued": "pending",
    "running": "in_progress",
    "done": "completed",
    "partial": "failed",
    **{status: status for status in STATUSES},
}


@dataclass(frozen=True, slots=True)
class Wish:
    """Which jobs, in which order. `workflow_id`: only those of this saved workflow."""

    statuses: tuple[Status, ...] = STATUSES
    workflow_id: str | None = None
    by: Literal["created_at", "execution_duration"] = "created_at"
    newest_first: bool = True
    limit: int = LONGEST_PAGE
    offset: int = 0


async def page_of_jobs(store: Store, wish: Wish) -> tuple[list[Job], int]:
    """The jobs of one page, and how many there are on all pages."""
    jobs: list[Job] = []
    if {"pending", "in_progress"} & set(wish.statuses):
        running, waiting = await store.queue()
        jobs += [*(replace(job, state="running") for job in running), *waiting]
    if {"completed", "failed", "cancelled"} & set(wish.statuses):
        jobs += await store.history()
    if wish.workflow_id is not None:
        jobs = [job for job in jobs if workflow_id_of(job) == wish.workflow_id]
    jobs = [job for job in jobs if status_of(job) in wish.statuses]
    jobs.sort(key=_duration_ms if wish.by == "execution_duration" else _created, reverse=wish.newest_first)
    return jobs[wish.offset : wish.offset + wish.limit], len(jobs)


def status_of(job: Job) -> Status:
    """Where a job stands, in the clients' words."""
    return _STATUS_OF[job.state]


def workflow_id_of(job: Job) -> str | None:
    """The id of the saved workflow that a job was queued from, if it rode along."""
    told = job.extra_data.get("extra_pnginfo")
    workflow = told.get("workflow") if isinstance(told, dict) else None
    id = workflow.get("id") if isinstance(workflow, dict) else None
    return id if isinstance(id, str) else None


def _created(job: Job) -> tuple[int, int]:
    return job.created_ms, job.seq


def _duration_ms(job: Job) -> tuple[int, int]:
    if job.started_ms is None or job.ended_ms is None:
        return 0, job.seq
    return job.ended_ms - job.started_ms, job.seq
