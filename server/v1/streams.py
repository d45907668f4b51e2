"""Answers that take long, and end when the server does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from aiohttp import web


class Streams:
    """The requests that are being answered for as long as there is something to say."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[object]] = set()
        self.is_over = False

    def end(self) -> None:
        """Break them off; clients come back with the last number that they heard."""
        self.is_over = True
        for task in self.tasks:
            task.cancel()


STREAMS = web.AppKey("streams", Streams)


@contextlib.contextmanager
def held(request: web.Request) -> Iterator[None]:
    """While this is open, the end of the server breaks the request off instead of waiting for it."""
    tasks, task = request.app[STREAMS].tasks, asyncio.current_task()
    assert task is not None, "requests are answered in tasks"
    tasks.add(task)
    if request.app[STREAMS].is_over:  # it came when the others had been broken off
        task.cancel()
    try:
        yield
    finally:
        tasks.discard(task)
