"""One thread that writes, and writes together what came together: one wait for the disk, however many wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

log = logging.getLogger("heddle.server.store")

T = TypeVar("T")


@dataclass(slots=True)
class Task(Generic[T]):
    """Something to write. `done` runs on the event loop when it is on disk, or has failed with an error."""

    work: Callable[[sqlite3.Connection], T]
    durable: bool
    done: Callable[[T, BaseException | None], None]
    result: Any = None
    error: BaseException | None = None


class GroupWriter:
    """Carries out writes in their order, all that wait at a time in one transaction.

    Each has a savepoint of its own, so one that fails takes no other with it.
    """

    def __init__(self, *, waits_for_disk: bool = True) -> None:
        """Args: waits_for_disk: whether a durable write is on the disk itself when it is told, or only with the system,
        which keeps it if this program dies but not if the power does."""
        self._waits_for_disk = waits_for_disk
        self._tasks: queue.SimpleQueue[Task[Any] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop
        self._connection: sqlite3.Connection
        self._thread: threading.Thread | None = None
        self._is_full = True  # how the connection stands: PRAGMA synchronous = FULL

    def start(self, connection: sqlite3.Connection) -> None:
        """Begin to write on this connection, which is in autocommit mode and synchronous=FULL."""
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._thread = threading.Thread(target=self._work, name="job-store-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Write what waits and end."""
        if self._thread is not None:
            self._tasks.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def do(
        self, work: Callable[[sqlite3.Connection], T], *, durable: bool, then: Callable[[T], None] | None = None
    ) -> asyncio.Future[T]:
        """Have something written. `then` runs on the event loop when it is on disk, before the future tells.

        The future gives its result or its error; it need not be waited for.
        """
        future: asyncio.Future[T] = self._loop.create_future()

        def done(result: T, error: BaseException | None) -> None:
            if error is None and then is not None:
                try:
                    then(result)
                except Exception as trouble:
                    error = trouble
            settle(future, result, error)

        self.post(work, durable=durable, done=done)
        return future

    def post(
        self, work: Callable[[sqlite3.Connection], T], *, durable: bool, done: Callable[[T, BaseException | None], None]
    ) -> None:
        """Have something written and `done` called on the event loop, with what came of it or why it failed.

        Of a write that failed, the result means nothing. `done` must not raise.
        """
        self._tasks.put(Task(work, durable, done))

    def _work(self) -> None:
        stopping = False
        while not stopping:
            waiting = [self._tasks.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting.append(self._tasks.get_nowait())
            stopping = None in waiting
            group = [task for task in waiting if task is not None]
            if group:
                self._write(group)
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(_tell, group)

    def _write(self, group: list[Task[Any]]) -> None:
        try:
            done = self._transaction(group)
        except BaseException as error:  # whatever it is, those who wait must hear of it
            for task in group:
                task.error = error
            return
        if not done:  # something spoilt it for all: on its own, each meets only what it did itself
            for task in group:
                self._write([task])

    def _transaction(self, group: list[Task[Any]]) -> bool:
        """Returns: whether all is written, or has its error. False if it has to be tried one by one."""
        db = self._connection
        full = self._waits_for_disk and any(task.durable for task in group)
        if full != self._is_full:
            db.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._is_full = full
        db.execute("BEGIN IMMEDIATE")
        try:
            if len(group) == 1:  # whatever happens to it, there is no other to be kept
                group[0].error = None
                group[0].result = group[0].work(db)
                db.execute("COMMIT")
                return True
            for task in group:
                task.result, task.error = None, None
                db.execute("SAVEPOINT one")
                try:
                    task.result = task.work(db)
                except Exception as error:
                    if not db.in_transaction:  # a full disk, for one, ends the whole transaction
                        raise
                    task.error = error
                    db.execute("ROLLBACK TO one")
                db.execute("RELEASE one")
            db.execute("COMMIT")
            return True
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if len(group) == 1:
                raise
            return False


def settle(future: asyncio.Future[T], result: T, error: BaseException | None) -> None:
    """Give a future its result or its error, unless nobody waits for it any more."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _tell(group: list[Task[Any]]) -> None:
    for task in group:
        try:
            task.done(task.result, task.error)
        except Exception:  # the others are not to wait for ever
            log.exception("what follows a write in the job database failed")
