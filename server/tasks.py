"""Work that goes on beside requests and messages: held until it ends, its failure in the log, broken off at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Tasks:
    """The tasks that one object has begun and that nobody waits for. asyncio itself holds a task only weakly."""

    def __init__(self, log: logging.Logger, words: str) -> None:
        """
        Args:
            words: said in the log when one fails, above its traceback.
        """
        self._log, self._words = log, words
        self._running: set[asyncio.Task[Any]] = set()
        self._is_broken_off = False

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def end(self, patience_s: float = 0.0) -> None:
        """Break off what has not ended after so long. What fails over that is not told."""
        if self._running and patience_s:
            await asyncio.wait(self._running, timeout=patience_s)
        self._is_broken_off = True
        late = list(self._running)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._is_broken_off:
            self._log.error("%s", self._words, exc_info=error)


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Sleep, but no longer than until `stop` is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
