"""Workers that die, jobs that outlive them, and a front desk that starts again."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from server import reports, supervisor
from server.store import StoreTrouble
from tests.server.fake_worker import in_a_process
from tests.server.front_desk import GRAPH, Desk, front_desk, heard_until, is_over
from tests.server.test_jobs import LONG

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these tests kill with SIGKILL")


@pytest.fixture(autouse=True)
def quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.05)


async def _event_kinds(desk: Desk, job_id: str) -> list[str]:
    return [e["event"]["kind"] for e in (await desk.json(f"/heddle/jobs/{job_id}/events"))["events"]]


async def _pid_of_the_runner(desk: Desk, job_id: str) -> int:
    async def found() -> int | None:
        (worker,) = await desk.workers()
        return worker["pid"] if "node_progress" in await _event_kinds(desk, job_id) else None

    return await desk.until(found)


async def test_a_job_whose_worker_is_killed_runs_again_on_a_new_one(tmp_path: Path) -> None:
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        socket = await desk.socket("me")
        graph = {"1": {"class_type": "Count", "inputs": {"steps": 20, "pause_s": 0.02}}, "2": GRAPH["2"]}
        job_id = await desk.submit(graph, client_id="me")
        waiting = await desk.submit()
        first_pid = await _pid_of_the_runner(desk, job_id)
        os.kill(first_pid, signal.SIGKILL)
        assert (await desk.ended(job_id))["status"]["status_str"] == "success"
        assert (await desk.ended(waiting))["status"]["status_str"] == "success"
        (worker,) = await desk.workers()
        assert worker["pid"] not in (None, first_pid)
        kinds = await _event_kinds(desk, job_id)
        assert kinds.count("job_started") == 2 and kinds.count("job_requeued") == 1
        heard = [m for m in await heard_until(socket, is_over) if isinstance(m, dict)]
        (notice,) = [m["data"]["value"] for m in heard if m["type"] == "notification"]
        assert "SIGKILL" in notice and "starts again" in notice


async def test_a_job_that_ends_two_workers_is_given_up_with_its_node_named(tmp_path: Path) -> None:
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        deadly = {"1": GRAPH["1"], "2": {"class_type": "Die", "inputs": {}}, "3": {"class_type": "Save", "inputs": {}}}
        job_id = await desk.submit(deadly)
        after = await desk.submit()
        entry = await desk.ended(job_id)
        kind, told = entry["status"]["messages"][-1]
        assert kind == "execution_error" and (told["node_id"], told["node_type"]) == ("2", "Die")
        assert "SIGKILL" in told["exception_message"] and "2 workers" in told["exception_message"]
        assert (await desk.ended(after))["status"]["status_str"] == "success"


async def test_an_interrupted_job_whose_worker_dies_is_not_started_again(tmp_path: Path) -> None:
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        job_id = await desk.submit(LONG)
        pid = await _pid_of_the_runner(desk, job_id)
        os.kill(pid, signal.SIGSTOP)  # so that it cannot answer the interruption itself
        await desk.post("/interrupt", json={"prompt_id": job_id})
        os.kill(pid, signal.SIGKILL)
        entry = await desk.ended(job_id)
        assert entry["status"]["messages"][-1][0] == "execution_interrupted"


async def test_a_node_that_does_not_hear_an_interruption_takes_its_worker_down(tmp_path: Path) -> None:
    async with front_desk(tmp_path, in_a_process(tmp_path / "output"), settings={"cancel_patience_s": 0.2}) as desk:
        job_id = await desk.submit(LONG)
        pid = await _pid_of_the_runner(desk, job_id)
        os.kill(pid, signal.SIGSTOP)
        for _ in range(2):  # a double click is one interruption
            await desk.post("/interrupt")
        entry = await desk.ended(job_id)
        assert entry["status"]["messages"][-1][0] == "execution_interrupted"
        assert (await desk.ended(await desk.submit()))["status"]["completed"] is True


async def test_a_job_that_was_being_interrupted_when_the_front_desk_stopped_does_not_come_back(tmp_path: Path) -> None:
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        job_id = await desk.submit(LONG)
        os.kill(await _pid_of_the_runner(desk, job_id), signal.SIGSTOP)
        await desk.post("/interrupt")
    async with front_desk(tmp_path) as desk:
        assert (await desk.json("/queue")) == {"queue_running": [], "queue_pending": []}
        assert (await desk.ended(job_id))["status"]["messages"][-1][0] == "execution_interrupted"


async def test_what_comes_with_the_end_of_a_job_that_stops_with_the_front_desk_is_kept(tmp_path: Path) -> None:
    """The job is no interrupted one, since nobody gave it up: it goes on, without the output that it had finished."""
    async with front_desk(tmp_path) as desk:
        job_id = await desk.submit({**LONG, "3": {"class_type": "Save", "inputs": {"count": ["1", 0]}}})
        await desk.until(lambda: desk.json("/heddle/queue?parts=running"))
        worker = desk.parts.supervisor._workers[0]

        async def runs() -> bool:
            return worker.run is not None

        await desk.until(runs)
        desk.parts.supervisor._stop.set()
        shown = {"kind": "node_finished", "node_id": "3", "output": {"text": ["kept"]}}
        end = {"kind": "job_finished", "status": "interrupted", "executed": []}
        message = {"type": "events", "job_id": job_id, "events": [{"kind": "node_started", "node_id": "3"}, shown, end]}
        desk.parts.supervisor._take(worker, message, None)

    def no_worker() -> Any:
        raise OSError("not now")

    async with front_desk(tmp_path, no_worker) as desk:
        assert [item[1] for item in (await desk.json("/queue"))["queue_pending"]] == [job_id]
        kinds = await _event_kinds(desk, job_id)
        assert "node_finished" in kinds and "job_finished" not in kinds
        job = await desk.parts.store.claim(lambda _: "a worker")
        assert job is not None and job.finished == {"3": {"text": ["kept"]}}


async def test_workers_end_with_the_front_desk(tmp_path: Path) -> None:
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        await desk.ready()
        pid = (await desk.workers())[0]["pid"]
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_front_desk_that_starts_again_keeps_queue_history_and_nodes(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        done = await desk.submit()
        await desk.ended(done)
        running = await desk.submit({**GRAPH, "1": {"class_type": "Count", "inputs": {"steps": 20, "pause_s": 0.05}}})
        waiting = [await desk.submit() for _ in range(3)]
        nodes = await desk.json("/object_info")

    def no_worker() -> Any:
        raise OSError("not now")

    async with front_desk(tmp_path, no_worker) as desk:
        assert await desk.json("/object_info") == nodes
        assert list(await desk.json("/history")) == [done]
        queue = await desk.json("/queue")
        assert [item[1] for item in queue["queue_pending"]] == [running, *waiting]
        assert queue["queue_running"] == []
    async with front_desk(tmp_path) as desk:
        for job_id in (running, *waiting):
            assert (await desk.ended(job_id))["status"]["status_str"] == "success"


async def test_a_disk_that_is_full_for_a_while_delays_jobs_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "RETRY_S", 0.05)
    async with front_desk(tmp_path) as desk:
        store = desk.parts.store
        failures: list[str] = []

        def fail_twice(name: str) -> None:
            works = getattr(store, name)

            async def method(*args: Any, **options: Any) -> Any:
                if failures.count(name) < 2:
                    failures.append(name)
                    raise StoreTrouble("the disk is full", full=True)
                return await works(*args, **options)

            monkeypatch.setattr(store, name, method)

        finish_works = store.finish_soon

        def finish_soon(*args: Any) -> None:
            if failures.count("finish") < 2:
                failures.append("finish")
                args[-1](StoreTrouble("the disk is full", full=True))
            else:
                finish_works(*args)

        fail_twice("claim")
        monkeypatch.setattr(store, "claim_fresh", lambda choose: None)
        monkeypatch.setattr(store, "finish_soon", finish_soon)
        socket = await desk.socket("me")
        job_id = await desk.submit(client_id="me")
        heard = [m["type"] for m in await heard_until(socket, is_over) if isinstance(m, dict)]
        assert heard.count("execution_success") == 1
        assert (await desk.ended(job_id))["status"]["completed"] is True
        assert failures == ["claim", "claim", "finish", "finish"]
        assert (await desk.ended(await desk.submit()))["status"]["completed"] is True
