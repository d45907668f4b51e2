"""The places for worker processes: what the supervisor knows of each, and of the job that it has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from heddle.graph.said import say
from server.store import Job
from server.translate import JobTeller
from server.transport import Transport

WorkerState = Literal["starting", "ready", "busy", "waiting", "stopped"]


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker may take before it is ended. None: as much as it likes."""

    cancel_patience_s: float = 5.0  # between an interruption and the end of a worker that does not hear it
    node_timeout_s: float | None = None
    worker_memory_bytes: int | None = None


@dataclass
class JobRun:
    """A job on a worker, from being sent to its last event."""

    job: Job
    teller: JobTeller
    last_event: int
    has_ended: bool = False  # its worker said the last word on it, or is gone
    interrupted: bool = False
    verdict: dict[str, Any] | None = None  # the failure for which the supervisor ended the worker
    begun: dict[str, float] = field(default_factory=dict)  # running nodes -> seconds of the monotonic clock
    flushing: asyncio.TimerHandle | None = None
    heard: float = field(default_factory=time.monotonic)  # when its worker last said anything of it


@dataclass
class Worker:
    """One place for a worker process, whichever process fills it at the moment."""

    name: str
    make_transport: Callable[[], Transport]
    transport: Transport | None = None
    state: WorkerState = "starting"
    note: str = ""  # how the last process ended, until the next one is ready
    signal: str | None = None  # that the last process was killed by
    hello: dict[str, Any] = field(default_factory=dict)
    holding: frozenset[str] = frozenset()  # names of the model files that it has in memory
    memory_bytes: int | None = None  # resident, at the last look
    run: JobRun | None = None
    burying: asyncio.Task[None] | None = None  # decides on the job that its process left behind
    closing: JobRun | None = None  # the job before, while its end is written; until then nothing later is told
    closed: asyncio.Event = field(default_factory=asyncio.Event)  # set when there is none of that
    backlog: list[tuple[dict[str, Any], bytes | None]] = field(default_factory=list)  # what it said meanwhile
    loading: str | None = None  # the pack whose code it is about to run
    failing: str | None = None  # why it cannot work, in its own words
    ready_at: float | None = None
    idle_since: float = 0.0
    gone: bool = False
    ended_by_us: bool = False

    @property
    def is_idle(self) -> bool:
        return self.ready_at is not None and not self.gone and self.run is None


def place_of(node_id: str | None) -> str:
    """Where a worker was, in words."""
    return say("at node {node}", node=node_id) if node_id is not None else say("before its first node")


def texts_of(prompt: dict[str, Any]) -> set[str]:
    """Every text among the values of a prompt: the names of its model files are some of them."""
    return {
        value
        for node in prompt.values()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
        for value in node["inputs"].values()
        if isinstance(value, str)
    }


def memory_of(pids: Sequence[int]) -> list[int | None]:
    """Resident bytes of processes; None for one that cannot be looked at."""
    import psutil  # here, since the front desk starts fast and needs it only beside a worker

    found: list[int | None] = []
    for pid in pids:
        try:
            found.append(psutil.Process(pid).memory_info().rss or None)  # 0: it has died and is not buried yet
        except psutil.Error:
            found.append(None)
    return found
