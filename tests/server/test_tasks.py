"""Work beside the requests: who fails is named, who takes too long is broken off."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from server.tasks import Tasks

log = logging.getLogger("test.tasks")


async def test_a_failure_is_told_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("full of eels")

    tasks = Tasks(log, "the aquarium failed")
    with pytest.raises(ValueError, match="eels"):
        await tasks.begin(fail())
    (told,) = caplog.records
    assert told.message == "the aquarium failed" and "full of eels" in caplog.text


async def test_what_nobody_waits_for_runs_to_its_end() -> None:
    ended = asyncio.Event()

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()  # held by nothing but this task

    async def work() -> None:
        await asyncio.sleep(0.02)
        ended.set()

    tasks = Tasks(log, "")
    tasks.begin(work())
    tasks.begin(wait())
    gc.collect()
    async with asyncio.timeout(60):
        await ended.wait()
    await tasks.end()


async def test_the_end_waits_as_long_as_it_may_and_breaks_off_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    async def work(name: str, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            done.append(name)
        finally:
            if seconds > 1:
                raise OSError("the disk went away meanwhile")

    tasks = Tasks(log, "it failed")
    quick, slow = tasks.begin(work("quick", 0.01)), tasks.begin(work("slow", 60))
    await asyncio.sleep(0)
    await tasks.end(patience_s=0.2)
    assert done == ["quick"] and quick.done() and slow.done()
    assert not caplog.records, "what fails because it was broken off is no news"
