"""A page of the jobs that wait, run and ended, as job lists of front ends ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from server.store import KNOWN_STATES, JobRow, Store, Which

Status = Literal["pending", "in_progress", "completed", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = ("pending", "in_progress", "completed", "failed", "cancelled")
LONGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Wish:
    """Which jobs, in which order. `workflow_id`: only those of this saved workflow."""

    statuses: tuple[Status, ...] = STATUSES
    workflow_id: str | None = None
    by: Literal["created_at", "execution_duration"] = "created_at"
    newest_first: bool = True
    limit: int = LONGEST_PAGE
    offset: int = 0


async def page_of_jobs(store: Store, wish: Wish) -> tuple[list[tuple[JobRow, dict[str, Any] | None]], int]:
    """The jobs of one page, each with the `execution_error` that its client heard, and how many are on all pages."""
    which = Which(
        states=[state for state, known in KNOWN_STATES.items() if known in wish.statuses],
        workflow_id=wish.workflow_id,
        by_duration=wish.by == "execution_duration",
        newest_first=wish.newest_first,
    )
    rows, total = await store.list_jobs(which, wish.limit, wish.offset)
    failures = await store.failures(rows)
    return [(row, failures.get(row.seq)) for row in rows], total
