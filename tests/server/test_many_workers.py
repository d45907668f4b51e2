"""Several workers, whom a job goes to, and what happens to one that takes too much or does not stop."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from server import supervisor
from server.store import NewJob, Store
from server.store.rows import accepted
from server.store.waiting import Waiting
from server.translate import JobTeller
from server.workplaces import JobRun
from tests.server.fake_worker import in_a_process, in_a_thread
from tests.server.front_desk import GRAPH, Desk, front_desk, heard_until, is_over
from tests.server.test_jobs import LONG

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="these tests kill with SIGKILL")


def uses(model: str) -> dict[str, Any]:
    return {
        "1": {"class_type": "Load", "inputs": {"name": model}},
        "2": {"class_type": "Save", "inputs": {"count": ["1", 0]}},
    }


async def worker_of(desk: Desk, job_id: str) -> str | None:
    job = await desk.parts.store.job(job_id)
    return None if job is None else job.worker


async def all_idle(desk: Desk) -> None:
    async def idle() -> bool:
        return all(worker["state"] == "ready" for worker in await desk.workers())

    await desk.until(idle)


async def test_jobs_run_side_by_side_on_several_workers(tmp_path: Path) -> None:
    async with front_desk(tmp_path, workers=3) as desk:
        jobs = [await desk.submit(LONG) for _ in range(4)]

        async def running() -> bool:
            return len((await desk.json("/queue"))["queue_running"]) == 3

        await desk.until(running)
        assert {worker["job_id"] for worker in await desk.workers()} == set(jobs[:3])
        assert await desk.parts.supervisor.interrupt()
        for job_id in jobs[:3]:
            assert (await desk.ended(job_id))["status"]["messages"][-1][0] == "execution_interrupted"
        await desk.post("/interrupt")


async def test_a_job_goes_to_the_worker_that_holds_its_models_else_to_the_one_idle_longest(tmp_path: Path) -> None:
    async with front_desk(tmp_path, workers=2) as desk:
        await desk.ready()
        homes: dict[str, str | None] = {}
        for model in ("red.safetensors", "blue.safetensors"):
            job_id = await desk.submit(uses(model))
            await desk.ended(job_id)
            await all_idle(desk)
            homes[model] = await worker_of(desk, job_id)
        assert len(set(homes.values())) == 2
        held = {worker["name"]: worker["holding"] for worker in await desk.workers()}
        assert held == {home: [model] for model, home in homes.items()}
        for model in ("blue.safetensors", "blue.safetensors", "red.safetensors", "blue.safetensors"):
            job_id = await desk.submit(uses(model))
            await desk.ended(job_id)
            await all_idle(desk)
            assert await worker_of(desk, job_id) == homes[model]


async def test_a_background_job_waits_until_nothing_else_does(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        first = await desk.submit(LONG)
        later = await desk.submit(background=True)
        interactive = [await desk.submit(client_id="me") for _ in range(3)]
        urgent = await desk.submit(priority=2)
        await desk.post("/interrupt", json={"prompt_id": first})
        for job_id in (first, later, *interactive, urgent):
            await desk.ended(job_id)
        started = {job.id: (job.started_ms, job.seq) for job in await desk.parts.store.history()}
        order = [job.id for job in await desk.parts.store.history()]
        assert order == [first, urgent, *interactive, later], started


@pytest.mark.parametrize(
    "wrong", [{"priority": "high"}, {"priority": 5000}, {"options": []}, {"options": {"faster": True}}, {"label": 5}]
)
async def test_what_a_job_cannot_be_asked_to_be_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    async with desk.post("/prompt", json={"prompt": GRAPH, **wrong}) as response:
        assert response.status == 400
        assert next(iter(wrong)) in (await response.json())["error"]["message"]


async def test_the_same_key_twice_is_one_job(desk: Desk) -> None:
    first = await desk.submit(client_id="me", idempotency_key="k")
    assert await desk.submit(client_id="me", idempotency_key="k") == first
    assert await desk.submit(client_id="you", idempotency_key="k") != first


async def test_a_nodes_own_check_is_asked_of_a_worker_before_the_job_is_accepted(desk: Desk) -> None:
    await desk.ready()

    def graph(count: str) -> dict[str, Any]:
        return {"1": {"class_type": "Picky", "inputs": {"count": count}}, "2": {**GRAPH["2"]}}

    async with desk.post("/prompt", json={"prompt": graph("bad")}) as response:
        answer = await response.json()
    assert response.status == 400 and answer["error"]["type"] == "prompt_outputs_failed_validation"
    (error,) = answer["node_errors"]["1"]["errors"]
    assert error["type"] == "custom_validation_failed" and error["details"] == "no bad counts"
    assert answer["node_errors"]["1"]["dependent_outputs"] == ["2"]
    await desk.ended(await desk.submit(graph("good")))
    both = graph("bad") | {"3": {"class_type": "Save", "inputs": {}}}
    async with desk.post("/prompt", json={"prompt": both}) as response:
        answer = await response.json()
    assert response.status == 200 and set(answer["node_errors"]) == {"1"}
    assert (await desk.ended(answer["prompt_id"]))["prompt"][4] == ["3"]


async def test_without_a_worker_that_answers_a_job_is_accepted_unasked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.ready()
    (worker,) = desk.parts.supervisor._workers
    monkeypatch.setattr(worker.transport, "send", lambda message: None)
    assert await desk.parts.supervisor.validate(GRAPH, ["1"], 0.05) == {}
    monkeypatch.setattr(worker, "ready_at", None)
    assert await desk.parts.supervisor.validate(GRAPH, ["1"]) == {}


@needs_signals
async def test_a_deaf_node_costs_its_worker_and_nobody_else(tmp_path: Path) -> None:
    settings = {"cancel_patience_s": 0.1}
    async with front_desk(tmp_path, in_a_process(tmp_path / "output"), settings=settings, workers=2) as desk:
        await desk.ready()
        before = {worker["pid"] for worker in await desk.workers()}
        deaf = await desk.submit({"1": {"class_type": "Deaf", "inputs": {}}, "2": GRAPH["2"]})

        async def hears_nothing() -> bool:
            return "node_started" in [e.body["kind"] for e in await desk.parts.store.events_since(deaf, 0) or ()]

        await desk.until(hears_nothing)
        long = await desk.submit(LONG)
        await desk.post("/interrupt", json={"prompt_id": deaf})
        assert (await desk.ended(deaf))["status"]["messages"][-1][0] == "execution_interrupted"
        job = await desk.parts.store.job(deaf)
        assert job is not None and job.state == "cancelled" and job.worker_deaths == 0
        await desk.until(desk.workers)
        assert long in [worker["job_id"] for worker in await desk.workers()]
        assert (await desk.ended(await desk.submit()))["status"]["completed"] is True
        assert len(before & {worker["pid"] for worker in await desk.workers()}) == 1
        await desk.post("/interrupt")


@needs_signals
@pytest.mark.parametrize(
    ("settings", "node", "kind", "said"),
    [
        (
            {"node_timeout_s": 0.3},
            {"class_type": "Deaf", "inputs": {}},
            "NodeTimeout",
            "node 1 ran longer than the 0.3 s of --node-timeout-s",
        ),
        (
            {"node_timeout_s": 0.3},
            {"class_type": "Mute", "inputs": {}},
            "NodeTimeout",
            "said nothing for longer than the 0.3 s of --node-timeout-s while no node was known to run",
        ),
        (
            {"worker_memory_bytes": 200_000_000},
            {"class_type": "Grow", "inputs": {"mb": 300}},
            "WorkerMemoryExceeded",
            "more than the 200 MB of --worker-memory-mb, at node 1",
        ),
    ],
)
async def test_a_node_beyond_its_budget_fails_with_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, node: Any, kind: str, said: str
) -> None:
    monkeypatch.setattr(supervisor, "LOOK_EVERY_S", 0.05)
    async with front_desk(tmp_path, in_a_process(tmp_path / "output"), settings=settings) as desk:
        job_id = await desk.submit({"1": node, "2": GRAPH["2"]})
        entry = await desk.ended(job_id)
        name, told = entry["status"]["messages"][-1]
        assert name == "execution_error" and told["exception_type"] == kind
        assert told["node_id"] == (None if node["class_type"] == "Mute" else "1")
        assert said in told["exception_message"]
        job = await desk.parts.store.job(job_id)
        assert job is not None and job.failure["memory_bytes"] > 1_000_000 and job.error == told["exception_message"]
        assert (await desk.ended(await desk.submit()))["status"]["completed"] is True


@needs_signals
async def test_a_job_that_is_given_up_keeps_signal_node_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(supervisor, "LOOK_EVERY_S", 0.02)
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        job_id = await desk.submit(LONG)
        for deaths in range(2):

            async def is_seen() -> int | None:
                (worker,) = await desk.workers()
                return worker["pid"] if worker["memory_bytes"] and worker["job_id"] == job_id else None

            os.kill(await desk.until(is_seen), signal.SIGKILL)
            if deaths == 0:

                async def is_back() -> bool:
                    job = await desk.parts.store.job(job_id)
                    return job is not None and job.worker_deaths == 1 and job.state == "running"

                await desk.until(is_back)
        await desk.ended(job_id)
        job = await desk.parts.store.job(job_id)
        assert job is not None and job.state == "failed" and job.worker_deaths == 1
        assert job.failure["signal"] == "SIGKILL" and job.failure["node_id"] == "1"
        assert job.failure["memory_bytes"] > 1_000_000 and "MB of memory" in job.failure["message"]


@needs_signals
async def test_outputs_that_were_finished_before_a_death_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.05)
    graph = {
        "2": {"class_type": "Save", "inputs": {}},
        "3": {"class_type": "Count", "inputs": {"steps": 20, "pause_s": 0.02}},
        "4": {"class_type": "Save", "inputs": {"count": ["3", 0]}},
    }
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        job_id = await desk.submit(graph)

        async def counts() -> int | None:
            events = await desk.parts.store.events_since(job_id, 0) or ()
            (worker,) = await desk.workers()
            return worker["pid"] if "node_progress" in [event.body["kind"] for event in events] else None

        os.kill(await desk.until(counts), signal.SIGKILL)
        entry = await desk.ended(job_id)
        assert entry["status"]["completed"] is True and set(entry["outputs"]) == {"2", "4"}
        runs = [line.split()[1] for line in (tmp_path / "output" / "runs.log").read_text().splitlines()]
        assert runs == ["2", "4"]
        told = await desk.parts.store.explain(job_id)
        assert told is not None and told["2"]["how"] == "finished" and told["4"]["how"] == "ran"


@needs_signals
async def test_what_an_earlier_try_showed_is_shown_to_a_client_that_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.05)
    graph = {
        "2": {"class_type": "Save", "inputs": {}},
        "3": {"class_type": "Count", "inputs": {"steps": 60, "pause_s": 0.05}},
        "4": {"class_type": "Save", "inputs": {"count": ["3", 0]}},
    }
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        job_id = await desk.submit(graph, client_id="me")

        async def is_saved() -> bool:
            job = await desk.parts.store.job(job_id)
            return job is not None and "2" in job.results

        await desk.until(is_saved)
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:  # all anew; nobody heard of node 2
        async with desk.client.ws_connect("/ws?clientId=me") as socket:
            heard = [m for m in await heard_until(socket, is_over) if isinstance(m, dict)]
        cached = [m["data"]["nodes"] for m in heard if m["type"] == "execution_cached"]
        shown = [m["data"]["node"] for m in heard if m["type"] == "executed"]
        assert cached == [["2"]] and shown == ["2", "4"]
        entry = await desk.ended(job_id)
        assert set(entry["outputs"]) == {"2", "4"} and entry["status"]["completed"] is True
        kinds = [kind for kind, _ in entry["status"]["messages"]]
        assert kinds == ["execution_start", "execution_cached", "execution_success"]
        events = [event.body for event in await desk.parts.store.events_since(job_id, 0) or ()]
        assert [event["finished"] for event in events if event["kind"] == "job_resumed"] == [["2"]]


@needs_signals
async def test_a_job_that_is_given_up_while_it_is_put_back_does_not_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        job_id = await desk.submit(LONG)
        put_back = desk.parts.store.put_back

        async def interrupted_and_put_back(*args: Any, **options: Any) -> int:
            await desk.parts.supervisor.interrupt([job_id])
            return await put_back(*args, **options)

        monkeypatch.setattr(desk.parts.store, "put_back", interrupted_and_put_back)

        async def runs() -> int | None:
            (worker,) = await desk.workers()
            return worker["pid"] if worker["job_id"] == job_id else None

        os.kill(await desk.until(runs), signal.SIGKILL)
        assert (await desk.ended(job_id))["status"]["messages"][-1][0] == "execution_interrupted"


async def test_an_interruption_is_on_disk_before_the_worker_hears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    ask = Store.ask_cancel

    async def ask_and_tell(store: Store, job_ids: Any) -> None:
        await ask(store, job_ids)
        written.append("on disk")

    monkeypatch.setattr(Store, "ask_cancel", ask_and_tell)
    async with front_desk(tmp_path, in_a_thread(tmp_path / "output")) as desk:
        job_id = await desk.submit(LONG)

        async def runs() -> bool:
            return any(worker["job_id"] == job_id for worker in await desk.workers())

        await desk.until(runs)
        transport: Any = desk.parts.supervisor._workers[0].transport
        send = transport.send
        monkeypatch.setattr(transport, "send", lambda m: (written.append(m["type"]), send(m)))
        await desk.post("/interrupt", json={"prompt_id": job_id})
        assert written[:2] == ["on disk", "interrupt"]
        await desk.ended(job_id)


async def test_a_packs_own_message_reaches_its_client_or_all(desk: Desk) -> None:
    mine, other = await desk.socket("me"), await desk.socket("other")
    (worker,) = desk.parts.supervisor._workers
    for sid in ("me", None):
        message = {"type": "say", "event": "pack.said", "data": {"to": sid}, "client_id": sid}
        desk.parts.supervisor._take(worker, message, None)
    heard = [await mine.receive_json(timeout=60) for _ in range(2)]
    assert heard == [{"type": "pack.said", "data": {"to": "me"}}, {"type": "pack.said", "data": {"to": None}}]
    assert await other.receive_json(timeout=60) == {"type": "pack.said", "data": {"to": None}}


async def test_a_worker_whose_last_words_on_a_job_nobody_understands_gets_the_next_one(desk: Desk) -> None:
    await desk.ready()
    supervisor = desk.parts.supervisor
    (worker,) = supervisor._workers
    worker.run = JobRun(accepted(NewJob("odd", {}, []), Waiting(1, "odd", None, 1.0, 1)), JobTeller("odd", {}), 0)
    events = [{"kind": "nodes_cached", "nodes": 5}, {"kind": "job_finished", "status": "success"}]
    supervisor._take(worker, {"type": "events", "job_id": "odd", "events": events}, None)
    assert (await desk.ended(await desk.submit()))["status"]["completed"] is True
