"""Jobs in memory from being accepted to being handed out, so that nobody has to read them back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from server.store.records import Job
from server.store.waiting import Waiting

MOST_JOBS = 256
MOST_BYTES = 8 << 20


class FreshJobs:
    """The jobs that came last and wait, as many as there is room for."""

    def __init__(self) -> None:
        self._jobs: dict[int, tuple[Job, int]] = {}
        self._bytes = 0

    def add(self, job: Job, size: int) -> None:
        """Keep a job, if there is room. Args: size: the length of its prompt."""
        if len(self._jobs) < MOST_JOBS and self._bytes + size < MOST_BYTES:
            self._jobs[job.seq] = (job, size)
            self._bytes += size

    def take(self, seq: int) -> Job | None:
        """The job, which is not kept any more; None if it was not."""
        job, size = self._jobs.pop(seq, (None, 0))
        self._bytes -= size
        return job

    def move(self, moved: Iterable[Waiting]) -> None:
        """Jobs have other places in the line."""
        for each in moved:
            if (kept := self._jobs.get(each.seq)) is not None:
                job, size = kept
                job = replace(job, number=each.number, priority=each.priority, background=each.background)
                self._jobs[each.seq] = (job, size)
