"""Several who hear of jobs as they go by, where the store knows one."""

from __future__ import annotations

from typing import Any

from server.store import Job
from server.store.store import Watcher


class Watchers:
    """Tells each of them, in their order."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def take_claim(self, job: Job) -> None:
        for each in self._watchers:
            each.take_claim(job)

    def take_events(self, job_id: str, at_ms: int, bodies: list[dict[str, Any]]) -> None:
        for each in self._watchers:
            each.take_events(job_id, at_ms, bodies)
