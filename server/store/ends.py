"""Who waits for the ends of jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable


class EndWaiters:
    """Clients that want to know when a job is over."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    async def wait(self, job_id: str, timeout_s: float) -> None:
        """Wait until this job's end is told, at most so long."""
        ended = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(job_id, [])
        waiters.append(ended)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await ended
        finally:
            if ended in waiters:
                waiters.remove(ended)
            if not waiters and self._waiting.get(job_id) is waiters:
                del self._waiting[job_id]

    def tell(self, job_ids: Iterable[str]) -> None:
        """These jobs will never run again."""
        for job_id in job_ids:
            for waiter in self._waiting.pop(job_id, ()):
                if not waiter.done():
                    waiter.set_result(None)
