"""Lists, batches and places of the job store, as the interface needs them."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.job_list import Wish, page_of_jobs
from server.store import DuplicateJob, NewJob, State, Store, Which, key_in_batch
from server.store.records import STATES
from server.store.waiting import Line, Waiting

PROMPT = {"1": {"class_type": "Save", "inputs": {}}}


async def opened(folder: Path) -> Store:
    store = Store(folder / "jobs.sqlite")
    await store.open()
    return store


def new(name: str, **more: Any) -> NewJob:
    return NewJob(id=name, prompt=PROMPT, outputs=["1"], **more)


async def ids(store: Store, which: Which, limit: int = 100, offset: int = 0) -> tuple[list[str], int]:
    rows, total = await store.list_jobs(which, limit, offset)
    return [row.id for row in rows], total


async def test_lists_are_narrowed_and_sorted_by_the_database(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for i in range(6):
        saved = {"extra_pnginfo": {"workflow": {"id": f"w{i % 2}"}}}
        await store.accept(new(str(i), label="a" if i < 4 else "b", client_id="xyz"[i % 3], extra_data=saved))
    for outcome in ("success", "error", "success"):
        job = await store.claim()
        assert job is not None
        await store.finish(job.id, outcome)
    ended: list[State] = ["done", "failed"]
    assert await ids(store, Which(workflow_id="w1")) == (["5", "3", "1"], 3)
    assert await ids(store, Which(workflow_id="w1"), 1, 1) == (["3"], 3)
    assert await ids(store, Which(workflow_id="w1", states=ended)) == (["1"], 1)
    assert await ids(store, Which(label="a", newest_first=False)) == (["0", "1", "2", "3"], 4)
    assert await ids(store, Which(client_id="y")) == (["4", "1"], 2)
    assert await ids(store, Which(beyond=4), 2) == (["2", "1"], 6)
    assert await ids(store, Which(beyond=4, newest_first=False)) == (["4", "5"], 6)
    assert await ids(store, Which(states=[])) == ([], 0)
    await store.close()
    with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
        db.execute("UPDATE jobs SET started_ms = 1000, ended_ms = 1000 + (seq * 7 % 5) * 10 WHERE seq < 4")
    db.close()
    store = await opened(tmp_path)
    assert await ids(store, Which(states=ended, by_duration=True)) == (["1", "0", "2"], 3)
    assert await ids(store, Which(states=ended, by_duration=True, newest_first=False), 2) == (["2", "0"], 3)
    assert await ids(store, Which(label="a", by_duration=True)) == (["1", "0", "2", "3"], 4)
    await store.close()


async def test_a_page_of_any_list_is_what_a_look_at_every_job_gives(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for i in range(14):
        await store.accept(new(str(i), client_id="xy"[i % 2]))
    for outcome in ("success", "error", "success", "partial", "success", "interrupted", "success", None, None):
        job = await store.claim()
        assert job is not None
        if outcome is not None:
            await store.finish(job.id, outcome)
    every, _ = await store.list_jobs(Which(), 100)
    assert len(every) == 14 and [row.seq for row in every] == sorted((row.seq for row in every), reverse=True)
    for size in range(1, len(STATES) + 1):
        for states in combinations(STATES, size):
            for client, newest_first in product((None, "x"), (True, False)):
                wanted = [r.id for r in every if r.state in states and client in (None, r.client_id)]
                wanted = wanted if newest_first else wanted[::-1]
                which = Which(states, client_id=client, newest_first=newest_first)
                assert await ids(store, which, 3, 1) == (wanted[1:4], len(wanted)), which
                beyond = replace(which, beyond=7)
                wanted = [each for each in wanted if (int(each) + 1 < 7 if newest_first else int(each) + 1 > 7)]
                assert (await ids(store, beyond))[0] == wanted, beyond
    await store.close()


@pytest.mark.parametrize("states", [STATES, ("done", "failed", "queued")])
@pytest.mark.parametrize(
    "wish",
    [
        {"client_id": "x"},
        {"label": "a"},
        {"workflow_id": "w"},
        {"client_id": "x", "label": "a"},
        {"client_id": "x", "workflow_id": "w"},
        {"client_id": "x", "workflow_id": "w", "label": "a"},
    ],
    ids=str,
)
async def test_no_row_is_looked_at_that_is_not_on_the_page(
    tmp_path: Path, states: tuple[State, ...], wish: dict[str, Any]
) -> None:
    store = await opened(tmp_path)
    for name, outcome in (("done", "success"), ("failed", "error"), ("queued", None)):
        await store.accept(new(name))
        if outcome is not None and (job := await store.claim()) is not None:
            await store.finish(job.id, outcome)
    asked: list[str] = []
    reading = store._database.reading
    reading.set_trace_callback(asked.append)
    await store.list_jobs(Which(states, **wish), 10)
    reading.set_trace_callback(None)
    lists = [each for each in asked if each.startswith(("SELECT seq FROM jobs", "SELECT count"))]
    assert lists
    for each in lists:
        plans = [row["detail"] for row in reading.execute(f"EXPLAIN QUERY PLAN {each}")]
        assert any("USING COVERING INDEX" in plan for plan in plans), (each, plans)
    await store.close()


async def test_a_job_whose_row_lags_is_listed_as_running_all_the_same(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for name in "abc":
        await store.accept(new(name))
    assert (await store.claim()) is not None
    store._log.forget_start(1)  # as with a disk that takes nothing now: the row still says queued
    assert await ids(store, Which(["running"])) == (["a"], 1)
    assert await ids(store, Which(["queued"])) == (["c", "b"], 2)
    for by_duration in (False, True):
        rows, total = await store.list_jobs(Which(by_duration=by_duration), 10)
        assert total == 3 and {row.id: row.state for row in rows} == {"a": "running", "b": "queued", "c": "queued"}
    assert await ids(store, Which(["running"], client_id="nobody")) == ([], 0)
    listed, _ = await page_of_jobs(store, Wish(statuses=("in_progress",)))
    assert [row.known_state for row, _ in listed] == ["in_progress"]
    await store.close()


async def test_what_clients_heard_of_a_failure_is_listed_also_from_an_older_database(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    told = {"node_id": "1", "exception_message": "why"}
    for name in "ab":
        await store.accept(new(name))
        await store.claim()
        await store.finish(name, "error", [["execution_start", {}], ["execution_error", told]], {"message": "why"})
    await store.accept(new("c"))
    await store.claim()
    await store.finish("c", "success", [["execution_start", {}]])
    rows, _ = await store.page(("done", "failed"), 10)
    assert await store.failures(rows) == {1: told, 2: told}
    await store.close()
    with sqlite3.connect(tmp_path / "jobs.sqlite") as db:  # back to how the last release left it
        for name in ("job_failures", "webhook_secrets", "deliveries"):
            db.execute(f"DROP TABLE {name}")
        for name in ("jobs_of_workflows", "jobs_with_labels", "jobs_of_clients", "jobs_durations"):
            db.execute(f"DROP INDEX {name}")
        for name in ("webhooks_of_states", "webhooks_of_the_removed"):
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE job_texts SET messages = 'damaged' WHERE job = 1")
        db.execute("PRAGMA user_version = 3")
    db.close()
    store = await opened(tmp_path)
    assert await store.failures((await store.page(("failed",), 10))[0]) == {2: told}
    await store.close()


async def test_a_batch_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    batch = [new(f"b{i}", idempotency_key=key_in_batch("k", i)) for i in range(3)]
    assert [job.id for job in await store.accept_all(batch)] == ["b0", "b1", "b2"]
    again = [new(f"c{i}", idempotency_key=key_in_batch("k", i)) for i in range(4)]
    assert [job.id for job in await store.accept_all(again[:3])] == ["b0", "b1", "b2"] and store.waiting == 3
    for other in (again[:2], again):
        with pytest.raises(DuplicateJob, match="idempotency_key k belongs to another number"):
            await store.accept_all(other)
    with pytest.raises(DuplicateJob):
        await store.accept_all([new("d0"), NewJob(id="b1", prompt={}, outputs=[])])
    assert store.waiting == 3 and await store.job("d0") is None
    await store.accept_all([new("f0", front=True), new("f1", front=True)])
    rows, _ = await store.waiting_page(10)
    assert [row.id for row in rows] == ["f0", "f1", "b0", "b1", "b2"]
    await store.close()


async def test_jobs_move_beside_others_and_stay_there_after_a_restart(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for i, client in enumerate("xxyyz"):
        await store.accept(new(str(i), client_id=client))
    await store.accept(new("late", background=True))

    async def order() -> str:
        return " ".join(row.id for row in (await store.waiting_page(10))[0])

    before = await order()
    assert before.endswith("late")
    assert await store.move_beside("late", "0", behind=False) and (await order()).startswith("late 0")
    assert await store.move_beside("late", "0", behind=True) and (await order()).startswith("0 late")
    assert await store.move_to_back("0") and (await order()).endswith(" 0")
    assert not await store.move_beside("0", "gone", behind=True) and not await store.move_beside(
        "gone", "0", behind=True
    )
    assert await store.move_beside("0", "0", behind=True)
    last = await order()
    await store.close()
    store = await opened(tmp_path)
    assert await order() == last
    await store.close()


numbers = st.sampled_from([0.0, -0.5, 1.0, 2.0, 2.0**53, -(2.0**53)])


@given(st.lists(st.tuples(numbers, st.integers(0, 2), st.booleans()), min_size=2, max_size=12), st.data())
def test_a_job_stands_right_beside_the_other_one_whatever_the_line_holds(
    jobs: list[tuple[float, int, bool]], data: st.DataObject
) -> None:
    line = Line(Waiting(i, str(i), None, number, turn, 0, back) for i, (number, turn, back) in enumerate(jobs))
    for _ in range(60):
        job_id, other_id = data.draw(st.permutations([each.id for each in line.page(0, 99)]))[:2]
        behind = data.draw(st.booleans())
        other, job = line.get(other_id), line.remove(job_id)
        assert other is not None and job is not None
        placed = line.beside(job, other, behind=behind)
        if placed is None:
            before = [each.id for each in line.page(0, 99)]
            line.spread(other)
            assert [each.id for each in line.page(0, 99)] == before
            other = line.get(other_id)
            assert other is not None
            placed = line.beside(job, other, behind=behind)
        assert placed is not None
        line.add(placed)
        order = [each.id for each in line.page(0, 99)]
        assert order.index(job_id) == order.index(other_id) + (1 if behind else -1)


async def test_jobs_move_around_each_other_without_an_end(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for name in ("a", "b", "c", "d"):
        await store.accept(new(name, client_id="me"))

    async def order() -> list[str]:
        return [row.id for row in (await store.waiting_page(10))[0]]

    for _ in range(120):  # each time half as much room is left between two numbers
        first, second, third, _ = await order()
        assert await store.move_beside(third, first, behind=True)
        assert (await order())[:3] == [first, third, second]
    last = await order()
    await store.close()
    store = await opened(tmp_path)
    assert await order() == last
    await store.close()


async def test_no_event_is_passed_over_while_it_is_being_written(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    job = await store.accept(new("a"))
    total = 400

    async def tell() -> None:
        for number in range(1, total + 1):
            store.record(job.seq, job.id, number, 0, [{"kind": "node_note", "text": str(number)}])
            await asyncio.sleep(0 if number % 3 else 0.002)

    async def follow(own: bool) -> list[int]:
        seen: list[int] = []
        last = 0
        while len(seen) < total:
            await store.wait_for_events(last, 5)
            events = (await store.events_since("a", len(seen)) or []) if own else await store.events_after(last)
            seen += [event.number for event in events]
            last = events[-1].seq if events else last
        return seen

    telling = asyncio.create_task(tell())
    for seen in await asyncio.gather(follow(False), follow(True), follow(False)):
        assert seen == list(range(1, total + 1))
    await telling
    await store.close()
