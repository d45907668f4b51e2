"""The job store by itself: what survives, what is refused, what a full or locked disk does."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from heddle.graph.errors import SettingsError
from server.store import NewJob, Store, StoreTrouble


def new(job_id: str, **more: object) -> NewJob:
    return NewJob(job_id, {"1": {"class_type": "Save", "inputs": {}}}, ["1"], **more)  # type: ignore[arg-type]


async def opened(tmp_path: Path) -> Store:
    store = Store(tmp_path / "jobs.sqlite", busy_timeout_s=0.1)
    await store.open()
    return store


async def test_jobs_are_claimed_in_the_order_of_their_numbers_and_only_once(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.accept(new("a"))
    await store.accept(new("b"))
    await store.accept(new("first", front=True))
    await store.accept(new("between", number=1.5))
    claimed = await asyncio.gather(*(store.claim() for _ in range(5)))
    assert [job.id if job else None for job in claimed] == ["first", "a", "between", "b", None]
    await store.close()


async def test_a_job_that_is_put_back_keeps_its_place(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for name in "abc":
        await store.accept(new(name))
    first = await store.claim()
    assert first is not None
    assert await store.put_back("a", worker_died=True) == 1
    assert await store.put_back("a", worker_died=True) == 0  # it does not run
    again = await store.claim()
    assert again is not None and (again.id, again.worker_deaths) == ("a", 1)
    await store.close()


async def test_events_are_numbered_on_after_a_restart(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    job = await store.accept(new("a"))
    await store.claim()
    finished = {"kind": "node_finished", "node_id": "1", "output": {"x": 1}}
    store.record(job.seq, "a", 1, 0, [{"kind": "job_started"}, finished])
    store.record(99, "gone", 1, 0, [{"kind": "job_started"}])  # of a job that is forgotten
    await store.close()
    store = await opened(tmp_path)
    again = await store.claim()
    assert again is not None and again.last_event == 2
    known = await store.job("a")
    assert known is not None and known.results == {"1": {"x": 1}}
    events = await store.events_since("a", 1)
    assert events is not None and [event.number for event in events] == [2]
    await store.close()


async def test_a_full_disk_refuses_new_jobs_and_loses_nothing(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    job = await store.accept(new("a"))
    writing = store._database.writing
    (pages,) = writing.execute("PRAGMA page_count").fetchone()
    writing.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreTrouble) as refused:
        await store.accept(NewJob("b", {"1": {"text": "x" * 100_000}}, ["1"]))
    assert refused.value.full and "full" in refused.value.message
    store.record(job.seq, "a", 1, 0, [{"kind": "node_note", "text": "y" * 100_000}])
    events = await store.events_since("a", 0)
    assert events is not None and len(events) == 1  # from memory
    writing.execute("PRAGMA max_page_count = 100000")
    await store.accept(NewJob("b", {"1": {"text": "x" * 100_000}}, ["1"]))
    await store.close()
    store = await opened(tmp_path)
    events = await store.events_since("a", 0)
    assert events is not None and len(events) == 1  # from the disk
    _, pending = await store.queue()
    assert [job.id for job in pending] == ["a", "b"]
    await store.close()


async def test_a_locked_database_is_busy_not_full(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    other = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreTrouble) as refused:
        await store.accept(new("a"))
    assert not refused.value.full
    other.execute("ROLLBACK")
    other.close()
    assert (await store.accept(new("a"))).number > 0
    await store.close()


async def test_a_second_front_desk_is_kept_out_of_the_same_folder(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    with pytest.raises(SettingsError, match="--user-directory"):
        await opened(tmp_path)
    await store.close()
    await (await opened(tmp_path)).close()


async def test_a_file_that_is_no_database_or_from_the_future_is_named(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(SettingsError, match="cannot be opened"):
        await opened(tmp_path)
    path.unlink()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(SettingsError, match="newer Heddle"):
        await opened(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_no_accepted_job_is_lost_when_the_front_desk_is_killed(tmp_path: Path) -> None:
    program = dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from server.store import NewJob, Store

        async def main():
            store = Store(Path(sys.argv[1]))
            await store.open()
            for i in range(10_000):
                await store.accept(NewJob(str(i), {"1": {"text": "x" * 1000}}, ["1"]))
                if i % 3 == 0:
                    await store.claim()
                print(i, flush=True)

        asyncio.run(main())
        """
    )
    path = tmp_path / "jobs.sqlite"
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    accepted = [child.stdout.readline() for _ in range(50)]
    os.kill(child.pid, signal.SIGKILL)
    accepted += child.stdout.readlines()
    child.wait()
    child.stdout.close()

    async def look() -> None:
        store = await opened(tmp_path)
        running, pending = await store.queue()
        assert running == []  # those that ran wait again
        assert {line.strip() for line in accepted} <= {job.id for job in pending}
        await store.close()

    asyncio.run(look())
