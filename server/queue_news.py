"""Tells pages that show the queue what moves in it, a few times a second, whoever's jobs they are."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from server.clients import Clients
from server.messages import QueueChanged
from server.store import Job, Store
from server.supervisor import Supervisor

TELL_AFTER_S = 0.25


class QueueNews:
    """Watches the store. What it tells goes to the clients that announced `heddle_queue`."""

    def __init__(self, store: Store, supervisor: Supervisor, clients: Clients) -> None:
        self._store = store
        self._supervisor = supervisor
        self._clients = clients
        self._run = secrets.token_hex(4)  # numbers of another run of the server are others
        self._timer: asyncio.TimerHandle | None = None
        store.list_changed = self.note

    @property
    def version(self) -> str:
        """Another one as soon as a list of jobs would be another: one came, moved, began, ended or was forgotten."""
        return f"{self._run}-{self._store.changes}"

    def note(self) -> None:
        """Something moved."""
        if self._timer is None and self._clients.knows(QueueChanged.type):
            self._timer = asyncio.get_running_loop().call_later(TELL_AFTER_S, self._tell)

    def take_claim(self, job: Job) -> None:
        """As a watcher of the store: beginnings change its lists, which is told by that."""

    def take_events(self, job_id: str, at_ms: int, bodies: list[dict[str, Any]]) -> None:
        """Something happened to a job."""
        self.note()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        self._timer = None
        running = [self._supervisor.at_work(job_id) for job_id in self._store.running_ids]
        waiting = self._store.counts["queued"]
        told = [each for each in running if each is not None]
        self._clients.tell_those_who_know(QueueChanged(self.version, waiting, told))
