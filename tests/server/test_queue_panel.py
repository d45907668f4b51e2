"""The queue as a page shows it: one answer to draw it, words that say when it is out of date, and the second try."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server import queue_news
from tests.server.front_desk import GRAPH, Desk

PANEL = "/heddle/queue"
JOBS = "/api/v1/jobs"
SLOW = {**GRAPH, "1": {"class_type": "Count", "inputs": {"steps": 4, "pause_s": 0.4}}}
FAILS = {**GRAPH, "3": {"class_type": "Fail", "inputs": {"count": ["1", 0]}}}


async def asked(desk: Desk, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    async with desk.client.request(method, path, json=body) as response:
        assert response.status == status, await response.text()
        return json.loads(await response.text())


def ids(jobs: list[dict[str, Any]]) -> list[str]:
    return [job["id"] for job in jobs]


async def test_one_answer_has_what_runs_waits_and_ended(desk: Desk) -> None:
    await desk.ready()
    done = await desk.submit(label="mine", client_id="me")
    await desk.ended(done)
    failed = await desk.submit(FAILS)
    await desk.ended(failed)
    running = await desk.submit(SLOW, client_id="me")
    waiting = [await desk.submit(SLOW, priority=priority, client_id="me") for priority in (0, 5)]

    async def is_under_way() -> Any:
        panel = await desk.json(PANEL)
        return panel if panel["running"] and panel["running"][0]["progress_percent"] > 0 else None

    panel = await desk.until(is_under_way)
    assert ids(panel["running"]) == [running] and ids(panel["waiting"]) == waiting[::-1]
    assert ids(panel["ended"]) == [failed, done]
    assert (panel["waiting_total"], panel["ended_total"], panel["ended_cursor"]) == (2, 2, None)
    at_work = panel["running"][0]
    assert at_work["node"]["node_id"] == "1" and at_work["node"]["class_type"] == "Count"
    assert 1 <= at_work["node"]["value"] <= at_work["node"]["max"] == 4 and at_work["seconds_left"] > 0
    assert [job["position"] for job in panel["waiting"]] == [0, 1] and panel["waiting"][0]["priority"] == 5
    bad, good = panel["ended"]
    assert bad["state"] == "failed" and bad["node"] is None
    assert bad["error"] == {
        "node_id": "3",
        "class_type": "Fail",
        "kind": "RuntimeError",
        "reason": "it cannot be done",
    }
    (shown,) = good["outputs"]
    assert (good["label"], good["outputs_count"], good["error"]) == ("mine", 1, None)
    assert shown["filename"] == f"{done}.png" and shown["thumbnail"] == f"/heddle/thumbnails/output/{done}.png"
    async with desk.get(shown["thumbnail"]) as response:
        assert response.status == 200
    assert "prompt" not in good and "options" not in good


async def test_pages_and_parts_of_a_long_queue(desk: Desk) -> None:
    await desk.ready()
    for _ in range(5):
        await desk.ended(await desk.submit())
    ended = ids((await desk.json(f"{PANEL}?parts=ended"))["ended"])
    first = await desk.json(f"{PANEL}?parts=ended&limit=2")
    second = await desk.json(f"{PANEL}?parts=ended&limit=3&cursor={first['ended_cursor']}")
    assert ids(first["ended"]) + ids(second["ended"]) == ended and first["running"] == first["waiting"] == []
    rest = await desk.json(f"{PANEL}?parts=ended&limit=3&cursor={second['ended_cursor']}")
    assert rest["ended"] == [] and rest["ended_cursor"] is None
    await desk.submit(SLOW)
    waiting = [await desk.submit(SLOW, client_id="me") for _ in range(4)]

    async def runs() -> Any:
        return (await desk.json(f"{PANEL}?parts=running"))["running"]

    await desk.until(runs)
    page = await desk.json(f"{PANEL}?parts=waiting&limit=2&offset=1")
    assert ids(page["waiting"]) == waiting[1:3] and page["waiting_total"] == 4
    for bad in ("parts=all", "limit=-1", "offset=x", "cursor=y"):
        await asked(desk, "GET", f"{PANEL}?{bad}", status=400)


async def test_the_version_changes_with_the_list_and_with_nothing_else(desk: Desk) -> None:
    async def version() -> str:
        return (await desk.json(PANEL))["version"]

    await desk.ready()
    seen = [await version()]
    assert await version() == seen[0]
    await desk.submit(SLOW)
    jobs = [await desk.submit(SLOW, client_id="me") for _ in range(3)]
    seen.append(await version())

    async def runs() -> Any:
        return (await desk.json(f"{PANEL}?parts=running"))["running"]

    await desk.until(runs)
    seen[-1] = await version()
    assert await version() == seen[-1]
    await asked(desk, "POST", f"{JOBS}/{jobs[2]}/move", {"to": "front"})
    seen.append(await version())
    await asked(desk, "POST", f"{JOBS}/{jobs[0]}/cancel")
    seen.append(await version())
    await asked(desk, "DELETE", f"{JOBS}/{jobs[0]}")
    seen.append(await version())
    async with desk.post("/queue", json={"clear": True}) as response:
        assert response.status == 200
    seen.append(await version())
    assert len(set(seen)) == len(seen)


async def test_whoever_knows_the_word_hears_of_every_clients_jobs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_news, "TELL_AFTER_S", 0.02)
    await desk.ready()
    knows, other = await desk.socket("knows", heddle_queue=True), await desk.socket("other", something=True)
    job_id = await desk.submit(SLOW, client_id="somebody else")
    told: list[dict[str, Any]] = []

    async def hear_until(wanted: Any) -> None:
        while not told or not wanted(told[-1]):
            message = await knows.receive_json(timeout=60)
            told.extend([message["data"]] if message["type"] == "heddle_queue" else [])

    await hear_until(lambda heard: heard["running"] and heard["running"][0]["node"])
    at_work = told[-1]["running"][0]
    assert (at_work["id"], at_work["client_id"], at_work["node"]["class_type"]) == (job_id, "somebody else", "Count")
    await desk.ended(job_id)
    version = (await desk.json(PANEL))["version"]
    await hear_until(lambda heard: heard["version"] == version)
    assert told[-1]["running"] == [] and told[-1]["waiting"] == 0
    await other.close()
    assert "heddle_queue" not in [json.loads(m.data)["type"] async for m in other]


async def test_a_failed_job_runs_again_as_it_was_asked(desk: Desk) -> None:
    await desk.ready()
    extra = {"extra_pnginfo": {"workflow": {"id": "w", "nodes": []}}, "api_key_comfy_org": "secret"}
    failed = await desk.submit(
        FAILS, client_id="me", label="mine", priority=3, extra_data=extra, options={"cache": False}
    )
    before = await desk.ended(failed)
    told = await asked(desk, "POST", f"{JOBS}/{failed}/retry", status=201)
    (again,) = told["jobs"]
    assert again["id"] != failed
    after = await desk.ended(again["id"])
    assert after["prompt"][2] == before["prompt"][2] and after["prompt"][4] == before["prompt"][4]
    record = await desk.json(f"{JOBS}/{again['id']}")
    assert (record["client_id"], record["label"], record["priority"], record["workflow_id"]) == ("me", "mine", 3, "w")
    assert record["options"] == {"cache": False} and after["prompt"][3]["extra_pnginfo"] == extra["extra_pnginfo"]
    other = await asked(desk, "POST", f"{JOBS}/{failed}/retry", {"client_id": "you", "priority": 0, "front": True}, 201)
    record = await desk.json(f"{JOBS}/{other['jobs'][0]['id']}")
    assert (record["client_id"], record["priority"]) == ("you", 0)
    assert (await desk.ended(other["jobs"][0]["id"]))["prompt"][3]["client_id"] == "you"


async def test_only_what_has_ended_and_is_known_runs_again(desk: Desk) -> None:
    await desk.ready()
    job_id = await desk.submit(SLOW)
    await asked(desk, "POST", f"{JOBS}/{job_id}/retry", status=409)
    await asked(desk, "POST", f"{JOBS}/nothing/retry", status=404)
    await asked(desk, "POST", f"{JOBS}/{job_id}/cancel")
    await desk.ended(job_id)
    await asked(desk, "POST", f"{JOBS}/{job_id}/retry", {"number": 3}, 400)
    assert (await asked(desk, "POST", f"{JOBS}/{job_id}/retry", status=201))["jobs"]
