"""Jobs over HTTP: queued, run by a worker, found in the history."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.server.fake_worker import PNG
from tests.server.front_desk import GRAPH, Desk, front_desk, heard_until

LONG = {
    "1": {"class_type": "Count", "inputs": {"steps": 1000, "pause_s": 0.02}},
    "2": {"class_type": "Save", "inputs": {}},
}


async def test_a_job_runs_and_its_picture_can_be_seen(desk: Desk) -> None:
    job_id = await desk.submit()
    entry = await desk.ended(job_id)
    assert entry["status"]["status_str"] == "success" and entry["status"]["completed"] is True
    assert [kind for kind, _ in entry["status"]["messages"]] == [
        "execution_start",
        "execution_cached",
        "execution_success",
    ]
    assert entry["prompt"][1:3] == [job_id, GRAPH]
    assert entry["prompt"][4] == ["2"]
    (image,) = entry["outputs"]["2"]["images"]
    async with desk.get("/api/view", params=image) as response:
        assert response.status == 200 and response.content_type == "image/png"
        assert await response.read() == PNG


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_both_paths_answer(desk: Desk, prefix: str) -> None:
    async with desk.post(f"{prefix}/prompt", json={"prompt": GRAPH}) as response:
        answer = await response.json()
    assert set(answer) == {"prompt_id", "number", "node_errors"}
    await desk.ended(answer["prompt_id"])
    for path in ("prompt", "queue", "history", "object_info", "system_stats", "embeddings", "models", "features"):
        await desk.json(f"{prefix}/{path}")


async def test_the_queue_lists_what_runs_and_what_waits_and_can_be_changed(desk: Desk) -> None:
    running = await desk.submit(LONG)
    await desk.until(lambda: _running(desk))
    first, second, third = [await desk.submit() for _ in range(3)]
    urgent = await desk.submit(front=True)
    queue = await desk.json("/queue")
    assert [item[1] for item in queue["queue_running"]] == [running]
    assert [item[1] for item in queue["queue_pending"]] == [urgent, first, second, third]
    assert len(queue["queue_pending"][0]) == 5
    assert await desk.json("/prompt") == {"exec_info": {"queue_remaining": 5}}
    await desk.post("/queue", json={"delete": [second, running, "unknown", "\ud800", 7]})
    assert [i[1] for i in (await desk.json("/queue"))["queue_pending"]] == [urgent, first, third]
    await desk.post("/queue", json={"clear": True})
    assert (await desk.json("/queue"))["queue_pending"] == []
    await desk.post("/interrupt", json={"prompt_id": "another"})
    assert (await desk.json("/queue"))["queue_running"]
    await desk.post("/interrupt")
    entry = await desk.ended(running)
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
    assert entry["status"]["messages"][-1][1]["node_id"] == "1"


async def test_a_failing_node_is_named_in_the_history(desk: Desk) -> None:
    graph = {"1": GRAPH["1"], "2": {"class_type": "Fail", "inputs": {}}, "3": {"class_type": "Save", "inputs": {}}}
    entry = await desk.ended(await desk.submit(graph))
    assert entry["status"]["status_str"] == "error" and entry["status"]["completed"] is False
    kind, told = entry["status"]["messages"][-1]
    assert kind == "execution_error"
    assert (told["node_id"], told["node_type"], told["executed"]) == ("2", "Fail", ["1"])
    assert told["exception_message"] == "it cannot be done" and told["traceback"] == ["line 1\n"]


async def test_an_invalid_prompt_is_refused_with_the_nodes_errors(desk: Desk) -> None:
    async with desk.post("/prompt", json={"prompt": {"7": {"class_type": "Nope", "inputs": {}}}}) as response:
        answer = await response.json()
    assert response.status == 400
    assert set(answer["error"]) == {"type", "message", "details", "extra_info"}
    assert answer["error"]["type"] == "missing_node_type"
    assert answer["node_errors"]["7"]["class_type"] == "Nope"
    assert await desk.json("/prompt") == {"exec_info": {"queue_remaining": 0}}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"prompt": {"1": ', "invalid_json"),
        (b"", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"prompt": ' + b"9" * 5000 + b"}", "invalid_json"),
        (b"[]", "invalid_prompt"),
        (b"{}", "no_prompt"),
        (b'{"prompt": "text"}', "invalid_prompt"),
        (b'{"prompt": {"\\ud800": {}}}', "invalid_prompt"),
        (b'{"prompt": {"1": {"class_type": "Save"}}, "client_id": 5}', "invalid_prompt"),
        (b'{"prompt": {"1": {"class_type": "Save"}}, "number": NaN}', "invalid_prompt"),
        (b'{"prompt": {"1": {"class_type": "Save"}}, "number": "first"}', "invalid_prompt"),
        (b'{"prompt": {"1": {"class_type": "Save"}}, "extra_data": []}', None),
        (b'{"prompt": {"1": {"class_type": "Save"}}, "extra_data": [1]}', "invalid_prompt"),
        (b'{"prompt": {"1": {"class_type": "Save"}}, "partial_execution_targets": "1"}', "invalid_prompt"),
        (b'{"prompt": {"nodes": [1, 2]}}', "invalid_graph"),
    ],
)
async def test_broken_requests_are_refused_in_the_known_form(desk: Desk, body: bytes, kind: str | None) -> None:
    async with desk.post("/prompt", data=body) as response:
        answer = json.loads(await response.text())
    if kind is None:
        assert response.status == 200
    else:
        assert (response.status, answer["error"]["type"]) == (400, kind)
        assert answer["error"]["message"] and "Traceback" not in json.dumps(answer)


async def test_large_seeds_come_back_from_the_history_and_nan_as_nothing(desk: Desk) -> None:
    graph = {**GRAPH, "1": {"class_type": "Count", "inputs": {"steps": 1, "seed": 2**64 - 1, "strange": math.nan}}}
    job_id = await desk.submit(graph)
    inputs = (await desk.ended(job_id))["prompt"][2]["1"]["inputs"]
    assert inputs["seed"] == 2**64 - 1
    assert inputs["strange"] is None  # JSON has no word for it, and a browser would refuse the whole answer
    kept = await desk.parts.store.job(job_id)
    assert kept is not None and math.isnan(kept.prompt["1"]["inputs"]["strange"])


async def test_the_same_request_twice_is_one_job(desk: Desk) -> None:
    assert await desk.submit(prompt_id="mine") == "mine"
    assert await desk.submit(prompt_id="mine") == "mine"
    await desk.ended("mine")
    assert list(await desk.json("/history")) == ["mine"]
    async with desk.post("/prompt", json={"prompt": {"9": GRAPH["2"]}, "prompt_id": "mine"}) as response:
        assert response.status == 409


async def test_history_can_be_cut_listed_in_part_and_forgotten(desk: Desk) -> None:
    jobs = [await desk.submit() for _ in range(4)]
    await desk.ended(jobs[-1])
    assert list(await desk.json("/history")) == jobs
    assert list(await desk.json("/history?max_items=2")) == jobs[2:]
    assert list(await desk.json("/history?max_items=2&offset=1")) == jobs[1:3]
    assert await desk.json("/history/unknown") == {}
    async with desk.get("/history?max_items=x") as response:
        assert response.status == 400
    await desk.post("/history", json={"delete": jobs[:1]})
    assert list(await desk.json("/history")) == jobs[1:]
    await desk.post("/history", json={"clear": True})
    assert await desk.json("/history") == {}


async def test_keys_of_outside_services_are_shown_to_nobody(desk: Desk) -> None:
    job_id = await desk.submit(extra_data={"api_key_comfy_org": "hush", "extra_pnginfo": {"a": 1}}, client_id="me")
    entry = await desk.ended(job_id)
    assert entry["prompt"][3] == {"extra_pnginfo": {"a": 1}, "client_id": "me"}
    database = b"".join(path.read_bytes() for path in desk.parts.folders.user.glob("jobs.sqlite"))
    assert b"hush" not in database


async def test_every_event_has_a_number_and_can_be_asked_for_again(desk: Desk) -> None:
    job_id = await desk.submit()
    await desk.ended(job_id)
    events = (await desk.json(f"/heddle/jobs/{job_id}/events"))["events"]
    assert [e["number"] for e in events] == list(range(1, len(events) + 1))
    kinds = [e["event"]["kind"] for e in events]
    assert kinds[0] == "job_started" and kinds[-1] == "job_finished"
    assert kinds.count("node_progress") >= 1 and "node_preview" not in kinds
    later = (await desk.json(f"/heddle/jobs/{job_id}/events?since=5"))["events"]
    assert later == events[5:]
    finished = (await desk.json(f"/heddle/jobs/{job_id}/events?kind=node_finished"))["events"]
    assert finished == [e for e in events if e["event"]["kind"] == "node_finished"] != []
    async with desk.get("/heddle/jobs/unknown/events") as response:
        assert response.status == 404
    job = await desk.json(f"/heddle/jobs/{job_id}")
    assert job["status"] == "completed" and job["outputs"]["2"]["images"]


async def test_a_saved_workflow_is_converted_and_rides_along_for_the_picture(desk: Desk) -> None:
    saved = {"version": 0.4, "nodes": [{"id": 1, "becomes": GRAPH["1"]}, {"id": 2, "becomes": GRAPH["2"]}]}
    async with desk.post("/heddle/convert", json=saved) as response:
        assert await response.json() == GRAPH
    entry = await desk.ended(await desk.submit(saved))
    assert entry["prompt"][2] == GRAPH
    assert entry["prompt"][3]["extra_pnginfo"]["workflow"] == saved


async def test_what_a_conversion_left_out_is_told_at_once_and_in_the_history(desk: Desk) -> None:
    saved = {"nodes": [{"id": int(id), "becomes": GRAPH[id]} for id in GRAPH], "notes": ["node 7 was left out"]}
    async with desk.post("/prompt", json={"prompt": saved}) as response:
        answer = await response.json()
    assert answer["notes"] == ["node 7 was left out"]
    entry = await desk.ended(answer["prompt_id"])
    assert entry["prompt"][3]["conversion_notes"] == answer["notes"]
    async with desk.post("/prompt", json={"prompt": GRAPH}) as response:
        assert "notes" not in await response.json()


async def test_only_the_wanted_outputs_run(desk: Desk) -> None:
    graph = {**GRAPH, "3": {"class_type": "Save", "inputs": {}}}
    entry = await desk.ended(await desk.submit(graph, partial_execution_targets=["3"]))
    assert entry["prompt"][4] == ["3"]


async def test_before_any_worker_told_its_nodes_a_prompt_is_asked_to_come_back(tmp_path: Path) -> None:
    def fails() -> None:
        raise OSError("no such program")

    async with front_desk(tmp_path, fails) as desk:  # type: ignore[arg-type]
        desk.parts.intake._patience_s = 0.2
        async with desk.post("/prompt", json={"prompt": GRAPH}) as response:
            assert response.status == 503 and "Retry-After" in response.headers
            assert "cannot be started" in (await response.json())["error"]["message"]
        async with desk.get("/object_info") as response:
            assert response.status == 503
        assert (await desk.json("/heddle/status"))["knows_nodes"] is False


async def test_jobs_are_cancelled_whether_they_wait_or_run(desk: Desk) -> None:
    running, waiting = await desk.submit(LONG), await desk.submit()
    await desk.until(lambda: _running(desk))
    for body, cancelled in (([waiting], True), ([waiting], False), ([running, "unknown"], True)):
        async with desk.post("/api/jobs/cancel", json={"job_ids": body}) as response:
            assert await response.json() == {"cancelled": cancelled}
    assert (await desk.ended(running))["status"]["messages"][-1][0] == "execution_interrupted"
    async with desk.post(f"/api/jobs/{running}/cancel") as response:
        assert await response.json() == {"cancelled": False}


async def test_what_a_worker_prints_is_in_the_log_of_the_page(desk: Desk) -> None:
    await desk.ready()
    reader = await desk.socket("reader")
    async with desk.client.patch("/internal/logs/subscribe", json={"clientId": "reader", "enabled": True}) as response:
        assert response.status == 200
    await desk.post("/free", json={"unload_models": True})
    (told,) = [m for m in await heard_until(reader, lambda m: m["type"] == "logs") if m["type"] == "logs"]
    assert [entry["m"] for entry in told["data"]["entries"]] == ["free True\n"]

    async def heard() -> bool:
        return "free True" in await desk.json("/internal/logs")

    await desk.until(heard)


async def _running(desk: Desk) -> bool:
    return bool((await desk.json("/queue"))["queue_running"])
