"""The thread on which coroutine nodes wait: one event loop per worker, made when the first of them comes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from contextvars import Context
from typing import Any

from heddle.graph.errors import Cancelled

#: How often one who waits looks whether the job should stop.
LOOK_S = 0.05


class Waiters:
    """Awaitables that wait together. `answers` is there when the last of them has ended, and not before: also one that
    was cancelled may take its time to clean up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answers: Future[list[Any]] = Future()
        self._loop = loop
        self._task: asyncio.Task[list[Any]] | None = None

    def begin(self, awaitables: Sequence[tuple[Awaitable[Any], Context]]) -> None:
        def begin() -> None:
            self._task = self._loop.create_task(_together(awaitables))
            self._task.add_done_callback(self._ended)

        self._loop.call_soon_threadsafe(begin)

    def cancel(self) -> None:
        """Ask them to end."""
        self._loop.call_soon_threadsafe(lambda: self._task.cancel() if self._task is not None else None)

    def _ended(self, task: asyncio.Task[list[Any]]) -> None:
        if task.cancelled():
            self.answers.set_exception(asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self.answers.set_exception(error)
        else:
            self.answers.set_result(task.result())


class Outside:
    """Runs awaitables beside the thread on which nodes compute.

    Args:
        guard: what a node runs under; the loop's thread is in it all its life.
    """

    def __init__(self, guard: Callable[[], AbstractContextManager[Any]]) -> None:
        self._guard = guard
        self._loop: asyncio.AbstractEventLoop | None = None
        self._making = threading.Lock()

    def start(self, awaitables: Sequence[tuple[Awaitable[Any], Context]]) -> Waiters:
        """Begin all of them, each in the context it was made in; the first failure cancels the others."""
        waiters = Waiters(self._running_loop())
        waiters.begin(awaitables)
        return waiters

    def wait_for(self, awaitable: Awaitable[Any], context: Context, stop: threading.Event) -> Any:
        """Wait for one on this thread. Raises: Cancelled, if the person asks to stop meanwhile."""
        waiters = self.start([(awaitable, context)])
        while not wait([waiters.answers], LOOK_S).done:
            if stop.is_set():
                waiters.cancel()
                raise Cancelled()
        return waiters.answers.result()[0]

    def leave_if_stuck(self) -> None:
        """Leave the loop to a coroutine that holds it up; the next to wait get a new one."""
        loop, answers = self._loop, threading.Event()
        if loop is None:
            return
        loop.call_soon_threadsafe(answers.set)
        if not answers.wait(LOOK_S):
            with self._making:
                self._loop = None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._making:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._serve, args=(self._loop,), name="async nodes", daemon=True).start()
        return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        with self._guard():
            while True:
                # SystemExit in a coroutine ends the loop; those that wait on it still want their turn.
                with contextlib.suppress(BaseException):
                    loop.run_forever()


async def _together(awaitables: Sequence[tuple[Awaitable[Any], Context]]) -> list[Any]:
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(_awaited(each), context=context) for each, context in awaitables]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        late = [task for task in tasks if not task.done()]
        for task in late:
            task.cancel()
        if late:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*late, return_exceptions=True)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
