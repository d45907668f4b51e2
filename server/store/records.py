"""What the job store takes and gives: plain records, and its two errors."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from heddle.graph.errors import HeddleError

State = Literal["queued", "running", "partial", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = ("queued", "running", "partial", "done", "failed", "cancelled")
ENDED: tuple[State, ...] = ("partial", "done", "failed", "cancelled")
OUTCOME_STATES: dict[str, State] = {
    "success": "done",
    "partial": "partial",
    "error": "failed",
    "interrupted": "cancelled",
}
# What clients of the known interface call our states.
KNOWN_STATES: dict[State, str] = {
    "queued": "pending",
    "running": "in_progress",
    "partial": "failed",
    "done": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}


class StoreTrouble(HeddleError):
    """The job database cannot be read or written now. `full` tells a full disk from one that is busy."""

    def __init__(self, message: str, *, full: bool) -> None:
        super().__init__(message)
        self.full = full


class StoreDamaged(StoreTrouble):
    """What the job database holds cannot be read any more."""

    def __init__(self, message: str) -> None:
        super().__init__(message, full=False)


class MissingRow(LookupError):
    """A job is known and not in the database."""


def key_in_batch(key: str | None, place: int) -> str | None:
    """The idempotency key of one of several jobs that were asked for together; the first, 0, has the client's own."""
    return key if key is None or place == 0 else f"{key}\x1f{place}"  # a sign that clients' keys cannot have


class DuplicateJob(HeddleError):
    """Another prompt was already queued under this id or key."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a client asks for, checked and ready to be queued."""

    id: str
    prompt: dict[str, Any]
    outputs: list[str]  # ids of the output nodes that will run
    extra_data: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    client_id: str | None = None  # who asks: clients take turns
    targets: list[str] | None = None  # None: every output node
    number: float | None = None  # place among the client's own jobs; None: behind them
    front: bool = False
    priority: int = 0  # higher runs first
    background: bool = False  # runs only while nothing else waits
    idempotency_key: str | None = None  # one job per client and key, however often it is sent
    options: dict[str, Any] = field(default_factory=dict)
    label: str | None = None  # a name for people
    webhook: Any = None  # {url, events}: whom to tell when the job comes to one of these states
    webhook_secret: str | None = None  # that what it is told is signed with; None: with the server's own


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as lists show it, without its prompt. Times in milliseconds since 1970."""

    seq: int
    id: str
    number: float
    state: State
    priority: int
    background: bool
    client_id: str | None
    label: str | None
    webhook: Any
    options: dict[str, Any]
    workflow_id: str | None
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    worker: str | None  # that it ran on last
    worker_deaths: int
    progress: float  # percent; 100 only when all is done
    outcome: str | None
    error: str | None  # the first thing that went wrong, in one sentence
    results: dict[str, Any]  # node id -> what the node showed

    @property
    def known_state(self) -> str:
        """The state as clients of the known interface call it."""
        return KNOWN_STATES[self.state]


@dataclass(frozen=True, slots=True)
class Job(JobRow):
    """A job with everything that belongs to it."""

    prompt: dict[str, Any]
    extra_data: dict[str, Any]
    secrets: dict[str, Any]
    targets: list[str] | None
    outputs: list[str]
    messages: list[Any] = field(default_factory=list)
    failure: Any = None
    last_event: int = 0
    finished: dict[str, Any] = field(default_factory=dict)  # output node of an earlier try -> what it showed


@dataclass(frozen=True, slots=True)
class Which:
    """Which jobs a list has, and in which order."""

    states: Collection[State] = STATES
    workflow_id: str | None = None
    label: str | None = None
    client_id: str | None = None
    by_duration: bool = False  # instead of by the time of their coming
    newest_first: bool = True  # or longest first
    beyond: int | None = None  # a job's seq: only those that come after it in a list by time


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event. `number` counts within its job from 1, `seq` over all jobs, rising and with gaps."""

    seq: int
    job_id: str
    number: int
    at_ms: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What another program is to be told: that a job came to a state."""

    id: int
    job_id: str
    event: State
    url: str
    secret: str | None
    at_ms: int
    attempts: int  # that failed


def now_ms() -> int:
    return time.time_ns() // 1_000_000
