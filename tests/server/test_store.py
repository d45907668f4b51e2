"""The job store by itself: what survives, what is refused, what a full or locked disk does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from heddle.graph.errors import SettingsError
from server.store import DuplicateJob, NewJob, Store, StoreTrouble, Which, schema
from server.store.database import Database
from server.store.fresh import FreshJobs


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


async def test_a_start_on_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def recover(self: Any, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA max_page_count = 1")
        db.execute("CREATE TABLE more (x)")

    monkeypatch.setattr(Database, "_recover", recover)
    with pytest.raises(SettingsError, match="free some space"):
        await opened(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
async def test_no_job_is_accepted_into_a_database_that_was_deleted(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.accept(new("a"))
    for path in tmp_path.glob("jobs.*"):
        path.unlink()
    with pytest.raises(StoreTrouble, match="moved or deleted"):
        await store.accept(new("b"))
    assert await store.claim() is not None
    await store.finish("a", "success")  # what it has, it ends
    assert [job.id for job in await store.history()] == ["a"]
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
    with pytest.raises(SettingsError, match=r"damaged .*move it away .*jobs\.sqlite-wal"):
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


async def test_a_file_of_the_first_schema_opens_and_keeps_its_jobs(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "jobs.sqlite")
    old.executescript(f"BEGIN; {FIRST_SCHEMA} PRAGMA user_version = 1; COMMIT;")
    insert = (
        "INSERT INTO jobs (id, number, state, prompt, extra_data, secrets, client_id, targets, outputs, created_ms,"
        " started_ms, ended_ms, outcome, messages, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    prompt, told = '{"1": {"class_type": "Save", "inputs": {"x": NaN}}}', '[["execution_success", {}]]'
    about = (prompt, '{"client_id": "me"}', None, "me", "null", '["1"]')
    failed = '{"message": "it cannot be done"}'
    old.execute(insert, ("done", 1, "completed", *about, 10, 11, 12, "success", told, None))
    old.execute(insert, ("failed", 2, "failed", *about, 20, 21, 22, "error", "[]", failed))
    old.execute(insert, ("half", 3, "failed", *about, 30, 31, 32, "partial", "[]", failed))
    old.execute(insert, ("ran", 4, "in_progress", *about, 40, 41, None, None, None, None))
    old.execute(insert, ("second", 6, "pending", *about, 50, None, None, None, None, None))
    old.execute(insert, ("first", -6, "pending", *about, 60, None, None, None, None, None))
    old.execute(insert, ("forgotten", 7, "pending", *about, 60, None, None, None, None, None))
    old.execute("DELETE FROM jobs WHERE id = 'forgotten'")
    for number, kind in enumerate(("job_started", "job_finished"), 1):
        old.execute("INSERT INTO events VALUES (1, ?, ?, ?)", (number, 10 + number, f'{{"kind": "{kind}"}}'))
    old.execute("INSERT INTO outputs VALUES (1, '1', '{\"images\": []}')")
    old.commit()
    old.close()
    store = await opened(tmp_path)
    history = {job.id: job for job in await store.history()}
    assert {name: job.state for name, job in history.items()} == {"done": "done", "failed": "failed", "half": "partial"}
    done = history["done"]
    assert (done.created_ms, done.started_ms, done.ended_ms, done.progress) == (10, 11, 12, 100)
    assert done.results == {"1": {"images": []}} and done.messages == [["execution_success", {}]]
    assert str(done.prompt["1"]["inputs"]["x"]) == "nan" and done.client_id == "me"
    assert history["failed"].error == "it cannot be done" and history["failed"].failure == {
        "message": "it cannot be done"
    }
    events = await store.events_since("done", 1)
    assert events is not None and [(event.number, event.body) for event in events] == [(2, {"kind": "job_finished"})]
    _, waiting = await store.queue()
    assert [job.id for job in waiting] == ["first", "ran", "second"]
    assert (await store.accept(new("new"))).seq == 8  # the number of a job that was forgotten is not given again
    await store.close()
    await (await opened(tmp_path)).close()


async def test_a_step_of_the_schema_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await opened(tmp_path)).close()
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, "CREATE TABLE more (x); INSERT INTO missing VALUES (1);"))
    with pytest.raises(SettingsError, match="cannot be opened"):
        await opened(tmp_path)
    monkeypatch.undo()
    store = await opened(tmp_path)
    tables = store._database.reading.execute("SELECT name FROM sqlite_master").fetchall()
    assert "more" not in {row["name"] for row in tables}
    await store.close()


async def test_of_writes_that_came_together_one_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.accept(new("taken"))
    other = NewJob("taken", {"2": {}}, ["2"])
    told = await asyncio.gather(
        *(store.accept(each) for each in (new("a"), other, new("b"), new("taken"))), return_exceptions=True
    )
    assert [each.id if not isinstance(each, BaseException) else type(each) for each in told] == [
        "a",
        DuplicateJob,
        "b",
        "taken",
    ]
    _, waiting = await store.queue()
    assert [job.id for job in waiting] == ["taken", "a", "b"] and store.waiting == 3
    await store.close()


async def test_writes_that_wait_together_wait_once_for_the_disk(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    commits: list[str] = []
    store._database.writing.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    await asyncio.gather(*(store.accept(new(str(i))) for i in range(100)))
    assert store.waiting == 100 and 1 <= len(commits) < 50
    await store.close()


async def test_a_key_stands_for_one_job_of_its_client(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    first = await store.accept(new("a", client_id="me", idempotency_key="k"))
    again = await store.accept(new("b", client_id="me", idempotency_key="k"))
    other = await store.accept(new("c", client_id="you", idempotency_key="k"))
    assert (again.id, other.id) == (first.id, "c") and store.waiting == 2
    with pytest.raises(DuplicateJob, match="idempotency_key"):
        await store.accept(NewJob("d", {"2": {}}, ["2"], client_id="me", idempotency_key="k"))
    await store.close()


async def test_a_job_that_should_stop_does_not_start_again_after_a_crash(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for name in ("stopped", "goes on"):
        await store.accept(new(name))
        await store.claim()
    await store.ask_cancel(["stopped"])
    await store._writer.stop()
    store._database.close()  # as if it had been killed
    store = await opened(tmp_path)
    _, waiting = await store.queue()
    assert [job.id for job in waiting] == ["goes on"]
    stopped = await store.job("stopped")
    assert stopped is not None and stopped.state == "cancelled" and stopped.outcome == "interrupted"
    assert stopped.messages[-1][0] == "execution_interrupted"
    await store.close()


async def test_a_cancelled_job_that_waited_stays_in_the_history_and_a_deleted_one_does_not(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for name in ("a", "b", "c"):
        await store.accept(new(name))
    assert await store.cancel_waiting(["b", "nobody"]) == ["b"]
    assert await store.delete_pending(["a", "b"]) == 1
    assert [(job.id, job.state) for job in await store.history()] == [("b", "cancelled")]
    assert await store.job("a") is None and store.waiting == 1
    await store.close()


async def test_what_an_earlier_try_finished_comes_with_the_next_one(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    job = await store.accept(NewJob("a", {"1": {}, "2": {}, "3": {}}, ["1", "3"]))
    await store.claim()
    events = [
        {"kind": "node_finished", "node_id": "2", "output": None},
        {"kind": "node_finished", "node_id": "1", "output": {"x": 1}},
    ]
    store.record(job.seq, "a", 1, 5, events)
    await store.put_back("a", worker_died=True)
    again = await store.claim()
    assert again is not None and again.finished == {"1": {"x": 1}} and again.last_event == 2
    store.record(job.seq, "a", 3, 9, [{"kind": "node_finished", "node_id": "1", "output": {"x": 1}, "cached": True}])
    told = await store.explain("a")
    assert told is not None and told["1"]["finished_ms"] == 5  # of the try that did it
    await store.close()


async def test_what_an_earlier_try_finished_comes_though_the_end_of_another_job_is_still_taking_it_along(
    tmp_path: Path,
) -> None:
    store = await opened(tmp_path)
    for job_id in "ab":
        await store.accept(new(job_id))
    a, b = await store.claim(), await store.claim()
    assert a is not None and b is not None
    await store.put_back("a", worker_died=True)
    held = threading.Event()
    slow = store._writer.do(lambda db: held.wait(30), durable=False)
    finished = {"kind": "node_finished", "node_id": "1", "output": {"images": []}}
    store.record(a.seq, "a", 1, 1, [finished])  # the last that was heard of the worker that died
    store.finish_soon("b", "success", [], None, lambda trouble: None)
    asyncio.get_running_loop().call_later(0.2, held.set)
    again = await store.claim()
    assert again is not None and again.id == "a" and set(again.finished) == {"1"}
    await slow
    await store.close()


async def test_events_of_all_jobs_have_one_order_which_a_restart_goes_on_with(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    jobs = [await store.accept(new(name)) for name in ("a", "b")]
    for number in (1, 2):
        for job in jobs:
            store.record(job.seq, job.id, number, 0, [{"kind": "node_note", "text": f"{job.id}{number}"}])
    events = await store.events_after(0)
    assert [event.body["text"] for event in events] == ["a1", "b1", "a2", "b2"]
    later = await store.events_after(events[1].seq)
    assert later == events[2:] and not await store.wait_for_events(events[-1].seq, 0.01)
    assert await store.events_after(0, limit=1) == events[:1]
    await store.close()
    store = await opened(tmp_path)
    waiting = asyncio.create_task(store.wait_for_events(events[-1].seq, 10))
    await asyncio.sleep(0)
    store.record(jobs[0].seq, "a", 3, 0, [{"kind": "node_note", "text": "a3"}] * 2)
    assert await waiting
    after = await store.events_after(events[-1].seq)
    assert [event.number for event in after] == [3, 4] and after[0].seq > events[-1].seq + 1
    assert (await store.events_after(after[0].seq))[0] == after[1]
    await store.close()


async def test_jobs_are_listed_in_pages_with_totals_and_without_prompts(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for i in range(7):
        await store.accept(new(str(i), label=f"job {i}", client_id="ab"[i % 2]))
    for _ in range(3):
        job = await store.claim()
        assert job is not None
        await store.finish(job.id, "success" if job.id != "1" else "partial", failure={"message": "why"})
    rows, total = await store.page(("done", "partial"), 2)
    assert ([(row.id, row.state) for row in rows], total) == ([("2", "done"), ("1", "partial")], 3)
    assert rows[1].error == "why" and rows[0].progress == 100 > rows[1].progress
    rows, total = await store.page(("queued", "running", "done", "partial"), 3, 2, newest_first=False)
    assert ([row.id for row in rows], total, rows[0].label) == (["2", "3", "4"], 7, "job 2")
    waiting, total = await store.waiting_page(2, 1)
    assert ([row.id for row in waiting], total) == (["4", "5"], 4)
    assert await store.move("5", front=True) and not await store.move("1", front=True)
    assert store.position("5") == 0
    assert await store.move("3", background=True)
    await store.close()
    store = await opened(tmp_path)
    waiting, _ = await store.waiting_page(10)
    assert [row.id for row in waiting] == ["5", "4", "6", "3"]
    assert store.counts["done"] == 2 and store.counts["partial"] == 1 and store.counts["queued"] == 4
    assert json.loads(await store.queue_json())["queue_pending"][0][1:] == ["5", new("5").prompt, {}, ["1"]]
    await store.close()


async def test_only_the_last_jobs_keep_their_events_and_all_keep_their_outputs(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite", keep_events_of=2)
    await store.open()
    finished = [
        {"kind": "node_finished", "node_id": "1", "output": {"x": 1}},
        {"kind": "node_finished", "node_id": "0", "output": None},
    ]
    for name in "abcd":
        job = await store.accept(new(name))
        await store.claim()
        store.record(job.seq, name, 1, 0, finished)
        await store.finish(name, "success")
    await store.close()
    store = Store(tmp_path / "jobs.sqlite", keep_events_of=2)
    await store.open()
    await store.accept(new("e"))  # written after what a start has to tidy up
    kept = [len(await store.events_since(name, 0) or ()) for name in "abcd"]
    assert kept == [0, 0, 2, 2]
    assert [job.results for job in await store.history()] == [{"1": {"x": 1}}] * 4
    await store.close()


@pytest.mark.parametrize(
    "damage", ["UPDATE job_texts SET prompt = '{' WHERE job = 1", "DELETE FROM jobs WHERE seq = 1"]
)
async def test_a_job_that_cannot_be_read_any_more_holds_up_no_other(tmp_path: Path, damage: str) -> None:
    store = await opened(tmp_path)
    await store.accept(new("a"))
    await store.accept(new("b"))
    await store.close()
    store = await opened(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as damaging:
        damaging.execute("PRAGMA foreign_keys = ON")
        damaging.execute(damage)
        damaging.commit()
    assert await store.claim() is None
    job = await store.claim()
    assert job is not None and job.id == "b" and store.waiting == 1
    await store.close()


async def test_a_database_that_is_damaged_as_a_whole_gives_up_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path)
    await store.accept(new("a"))
    store._fresh = FreshJobs()  # as after a restart

    def fail(db: sqlite3.Connection, seq: int) -> Any:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with monkeypatch.context() as broken:
        broken.setattr("server.store.store.read_again", fail)
        with pytest.raises(StoreTrouble, match="malformed"):
            await store.claim()
    job = await store.claim()
    assert job is not None and job.id == "a"
    await store.close()


async def test_who_waits_for_a_job_hears_of_its_end(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.accept(new("a"))
    assert not await store.wait_until_ended("a", 0.01)
    waiting = asyncio.create_task(store.wait_until_ended("a", 10))
    await store.claim()
    await store.finish("a", "success")
    assert await waiting and await store.wait_until_ended("a", 0)
    await store.close()


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
async def test_a_waiting_job_has_ended_once_that_is_on_disk(tmp_path: Path, how: str) -> None:
    store = await opened(tmp_path)
    await store.accept(new("a"))
    told: list[str] = []
    store.jobs_ended = told.extend
    leaving = asyncio.create_task(store.cancel_waiting(["a"]) if how == "cancelled" else store.delete_pending(["a"]))
    await asyncio.sleep(0)  # it is out of the line now, and being written
    assert await store.claim() is None
    ended = await store.wait_until_ended("a", 0)
    job = await store.job("a")
    assert not ended or job is None or job.state == "cancelled"
    await leaving
    job = await store.job("a")
    assert await store.wait_until_ended("a", 0) and (None if job is None else job.state) != "queued"
    assert told == ["a"]
    await store.close()


async def test_a_wait_that_is_over_when_it_is_broken_off_breaks_off(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    job = await store.accept(new("a"))
    for_its_end = asyncio.create_task(store.wait_until_ended("a", 10))
    for_events = asyncio.create_task(store.wait_for_events(store.last_event, 10))
    await store.claim()

    def at_its_end(job_ids: list[str]) -> None:
        asyncio.get_running_loop().call_soon(for_its_end.cancel)

    store.jobs_ended = at_its_end
    await store.finish("a", "success")
    store.record(job.seq, "a", 1, 1, [{"kind": "job_started"}])
    for_events.cancel()
    await asyncio.wait([for_its_end, for_events])
    assert for_its_end.cancelled() and for_events.cancelled()
    assert store._log._waiters == [] and store._end_waiters._waiting == {}
    await store.close()


async def test_words_that_are_no_whole_letters_end_their_job_and_hold_up_no_other(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    odd = "\udcff.png"  # a file's name that is no UTF-8, as Python reads it
    job = await store.accept(new("a"))
    await store.accept(new("b"))
    await store.claim()
    events = [{"kind": "node_finished", "node_id": odd, "output": {"text": [odd]}}]
    store.record(job.seq, "a", 1, 0, [*events, {"kind": "job_explained", "nodes": {odd: {"how": "ran"}}}])
    await store.finish("a", "error", [["execution_error", {"node_id": odd}]], {"message": f"no file {odd}"})
    await store.claim()
    await store.finish("b", "success")
    rows, _ = await store.list_jobs(Which(), 10, 0)
    assert {row.id: (row.state, row.error) for row in rows} == {
        "a": ("failed", "no file ?.png"),
        "b": ("done", None),
    }
    await store.close()


FIRST_SCHEMA = """
    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, number REAL NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending', prompt TEXT NOT NULL, extra_data TEXT NOT NULL, secrets TEXT,
        client_id TEXT, targets TEXT NOT NULL, outputs TEXT NOT NULL, created_ms INTEGER NOT NULL, started_ms INTEGER,
        ended_ms INTEGER, worker_deaths INTEGER NOT NULL DEFAULT 0, outcome TEXT, messages TEXT, failure TEXT
    );
    CREATE INDEX jobs_waiting ON jobs (state, number, seq) WHERE state IN ('pending', 'in_progress');
    CREATE INDEX jobs_ended ON jobs (ended_ms, seq) WHERE ended_ms IS NOT NULL;
    CREATE TABLE events (
        job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE, number INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    CREATE TABLE outputs (
        job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE, node_id TEXT NOT NULL, output TEXT NOT NULL,
        PRIMARY KEY (job, node_id)
    ) WITHOUT ROWID;
"""
