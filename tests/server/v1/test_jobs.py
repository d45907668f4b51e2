"""Jobs of /api/v1: one and many at a time, what is told of them, waiting, moving, forgetting."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from server import intake
from tests.server.fake_worker import PNG
from tests.server.front_desk import GRAPH, Desk
from tests.server.test_jobs import LONG

JOBS = "/api/v1/jobs"
SEEDED = {"1": {"class_type": "Count", "inputs": {"steps": 1, "seed": 5}}, "2": GRAPH["2"]}


async def asked(desk: Desk, method: str, path: str, status: int, body: Any = None, **headers: str) -> Any:
    async with desk.client.request(method, path, json=body, headers=headers) as response:
        assert response.status == status, await response.text()
        return json.loads(await response.text())


async def submitted(desk: Desk, **body: Any) -> list[str]:
    answer = await asked(desk, "POST", JOBS, 201, {"workflow": GRAPH, **body})
    return [job["id"] for job in answer["jobs"]]


async def prompt_of(desk: Desk, job_id: str) -> Any:
    job = await desk.parts.store.job(job_id)
    assert job is not None
    return job.prompt


async def test_a_job_is_submitted_waited_for_and_shown_with_its_outputs(desk: Desk) -> None:
    [job_id] = await submitted(desk, label="mine", client_id="me", priority=3, options={"cache": False})
    answer = await desk.json(f"{JOBS}/{job_id}/wait?timeout_s=20&outputs=inline")
    job = answer["job"]
    assert answer["ended"] and job["state"] == "done" and job["progress_percent"] == 100 and job["position"] is None
    assert (job["label"], job["client_id"], job["priority"], job["options"]) == ("mine", "me", 3, {"cache": False})
    assert job["created_ms"] <= job["started_ms"] <= job["ended_ms"] and job["worker"] == "worker 0"
    [output] = job["outputs"]
    assert base64.b64decode(output["data"]) == PNG and output["media_type"] == "image/png"
    async with desk.get(output["url"]) as response:
        assert await response.read() == PNG
    assert "data" not in (await desk.json(f"{JOBS}/{job_id}"))["outputs"][0]
    nodes = (await desk.json(f"{JOBS}/{job_id}/explain"))["nodes"]
    assert {node_id: node["how"] for node_id, node in nodes.items()} == {"1": "ran", "2": "ran"}
    lines = (await desk.json(f"{JOBS}/{job_id}/logs"))["lines"]
    assert [(line["node_id"], line["text"]) for line in lines] == [("1", "counted")]
    assert await asked(desk, "DELETE", f"{JOBS}/{job_id}", 200) == {"removed": True}
    for path in ("", "/explain", "/logs", "/wait", "/events"):
        await asked(desk, "GET", f"{JOBS}/{job_id}{path}", 404)


async def test_a_failure_is_told_with_its_node_and_reason(desk: Desk) -> None:
    [job_id] = await submitted(desk, workflow={**GRAPH, "9": {"class_type": "Fail", "inputs": {}}})
    job = (await desk.json(f"{JOBS}/{job_id}/wait"))["job"]
    assert job["state"] == "failed"
    assert job["error"] == {
        "node_id": "9",
        "class_type": "Fail",
        "kind": "RuntimeError",
        "reason": "it cannot be done",
    }
    assert "it cannot be done" in [line["text"] for line in (await desk.json(f"{JOBS}/{job_id}/logs"))["lines"]]
    [listed] = (await desk.json(f"{JOBS}?state=failed"))["jobs"]
    assert listed["id"] == job_id and listed["error"]["reason"] == "it cannot be done"


async def test_a_batch_makes_many_jobs_or_none(desk: Desk) -> None:
    ids = await submitted(desk, workflow=SEEDED, batch=[{"1.steps": 1}, {"1.steps": 2, "1.seed": 9}, {}])
    assert [(await prompt_of(desk, each))["1"]["inputs"] for each in ids] == [
        {"steps": 1, "seed": 5},
        {"steps": 2, "seed": 9},
        {"steps": 1, "seed": 5},
    ]
    ids = await submitted(desk, workflow=SEEDED, seeds=[7, 8])
    assert [(await prompt_of(desk, each))["1"]["inputs"]["seed"] for each in ids] == [7, 8]
    first = [(await prompt_of(desk, each))["1"] for each in await submitted(desk, workflow=SEEDED, count=3, seed=1)]
    again = [(await prompt_of(desk, each))["1"] for each in await submitted(desk, workflow=SEEDED, count=3, seed=1)]
    assert first == again and len({node["inputs"]["seed"] for node in first}) == 3
    before = (await desk.json(JOBS))["total"]
    assert before == 11
    for body, said in (
        ({"batch": [{}, {"1.nothing": 1}]}, "no input '1.nothing'"),
        ({"batch": [{"7.steps": 1}]}, "7.steps"),
        ({"batch": []}, "batch"),
        ({"seeds": [1], "workflow": GRAPH}, "no seed input"),
        ({"seeds": [1], "count": 2}, "one of"),
        ({"seeds": [-1]}, "seeds.0"),
        ({"count": 1001}, "count"),
        ({"unknown": 1}, "unknown"),
        ({"workflow": None}, "workflow"),
        ({"priority": "1"}, "priority"),
        ({"webhook": {"url": "ftp://a"}}, "webhook"),
    ):
        answer = await asked(desk, "POST", JOBS, 400, {"workflow": SEEDED, **body})
        assert said in answer["error"]["message"] + str(answer["error"]["details"]), answer
    assert (await desk.json(JOBS))["total"] == before


async def test_a_batch_of_more_than_the_server_should_hold_at_once_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST_BATCH_BYTES", 1000)
    assert len(await submitted(desk, workflow=SEEDED, count=2)) == 2
    answer = await asked(desk, "POST", JOBS, 400, {"workflow": SEEDED, "count": 100})
    assert answer["error"]["type"] == "invalid_batch" and "at a time" in answer["error"]["message"]
    large = {"extra_pnginfo": {"note": "x" * 600}}
    await asked(desk, "POST", JOBS, 400, {"workflow": SEEDED, "count": 2, "extra_data": large})
    assert len(await submitted(desk, workflow=SEEDED, extra_data=large)) == 1


async def test_a_request_that_is_sent_again_makes_no_second_job(desk: Desk) -> None:
    saved = {"nodes": [{"id": 1, "becomes": SEEDED["1"], "words": ["a", "b", "c"]}, {"id": 2, "becomes": GRAPH["2"]}]}
    bodies = ({"workflow": GRAPH}, {"workflow": SEEDED, "count": 3}, {"workflow": saved, "count": 2})
    for i, body in enumerate(bodies):
        header = {"Idempotency-Key": f"key {i}"}
        answers = [await asked(desk, "POST", JOBS, 201, body, **header) for _ in range(2)]
        assert [each["id"] for each in answers[0]["jobs"]] == [each["id"] for each in answers[1]["jobs"]]
        await asked(desk, "POST", JOBS, 409, {"workflow": {"2": GRAPH["2"]}}, **header)
        await asked(desk, "POST", JOBS, 400, {**body, "idempotency_key": "other"}, **header)
    assert (await desk.json(JOBS))["total"] == 6


async def test_what_a_conversion_left_out_stands_in_the_job(desk: Desk) -> None:
    saved = {"nodes": [{"id": int(id), "becomes": GRAPH[id]} for id in GRAPH], "notes": ["node 7 was left out"]}
    (job_id,) = await submitted(desk, workflow=saved)
    assert (await desk.json(f"{JOBS}/{job_id}"))["conversion_notes"] == ["node 7 was left out"]
    (plain,) = await submitted(desk, workflow=GRAPH)
    assert "conversion_notes" not in await desk.json(f"{JOBS}/{plain}")


async def test_words_are_chosen_by_a_seed_and_recorded(desk: Desk) -> None:
    words = ["red", "green", "blue"]
    saved = {"nodes": [{"id": 1, "becomes": GRAPH["1"], "words": words}, {"id": 2, "becomes": GRAPH["2"]}]}
    ids = await submitted(desk, workflow=saved, seed=4, batch=[{}, {}])
    for place, job_id in enumerate(ids):
        job = await desk.json(f"{JOBS}/{job_id}")
        assert job["text_choices"]["seed"] == 4 + place
        assert [text["chosen"] for text in job["text_choices"]["texts"]] == [words[(4 + place) % 3]]
        assert (await prompt_of(desk, job_id))["1"]["inputs"]["name"] == words[(4 + place) % 3]
    known = await desk.submit(saved, extra_data={"seed": 2})
    chosen = (await desk.ended(known))["prompt"][3]["text_choices"]
    assert chosen["seed"] == 2 and chosen["texts"][0]["chosen"] == "blue"
    by_chance = (await desk.ended(await desk.submit(saved)))["prompt"][3]["text_choices"]
    assert by_chance["texts"][0]["chosen"] == words[by_chance["seed"] % 3]
    assert "text_choices" not in (await desk.ended(await desk.submit()))["prompt"][3]


async def test_jobs_are_listed_page_by_page(desk: Desk) -> None:
    ids = [(await submitted(desk, label="ab"[i % 2], client_id="xyz"[i % 3]))[0] for i in range(6)]
    for job_id in ids:
        await desk.json(f"{JOBS}/{job_id}/wait")
    page = await desk.json(f"{JOBS}?limit=4")
    assert [job["id"] for job in page["jobs"]] == ids[:1:-1] and page["total"] == 6
    rest = await desk.json(f"{JOBS}?limit=4&cursor={page['next_cursor']}")
    assert [job["id"] for job in rest["jobs"]] == ids[1::-1] and rest["next_cursor"] is None
    for query, expected in (
        ("?label=a&order=oldest", ids[::2]),
        ("?client=y", [ids[4], ids[1]]),
        ("?label=b&client=z", [ids[5]]),
        ("?state=done,failed&limit=1&offset=1", [ids[4]]),
        ("?state=queued", []),
    ):
        assert [job["id"] for job in (await desk.json(JOBS + query))["jobs"]] == expected, query
    for query in ("?state=completed", "?limit=-1", "?order=x", "?cursor=x", "?order=queue&state=done"):
        await asked(desk, "GET", JOBS + query, 400)


async def test_waiting_jobs_move_and_running_ones_do_not(desk: Desk) -> None:
    [running] = await submitted(desk, workflow=LONG)
    ids = await submitted(desk, count=4, workflow=SEEDED, client_id="c")
    a, b, c, d = ids

    async def order() -> list[str]:
        listed = (await desk.json(f"{JOBS}?order=queue"))["jobs"]
        assert [job["position"] for job in listed] == list(range(len(listed)))
        return [job["id"] for job in listed]

    await desk.until(lambda: _runs(desk))
    for move, expected in (
        ({"to": "front"}, [d, a, b, c]),
        ({"to": "back"}, [a, b, c, d]),
        ({"before": b}, [a, d, b, c]),
        ({"after": c}, [a, b, c, d]),
        ({"priority": 5}, [d, a, b, c]),
        ({"priority": 0, "background": True}, [a, b, c, d]),
        ({"after": a}, [a, d, b, c]),
    ):
        answer = await asked(desk, "POST", f"{JOBS}/{d}/move", 200, move)
        assert await order() == expected and answer["position"] == expected.index(d), move
    for move in ({}, {"to": "front", "before": a}, {"before": a, "priority": 1}, {"to": "middle"}):
        await asked(desk, "POST", f"{JOBS}/{d}/move", 400, move)
    await asked(desk, "POST", f"{JOBS}/{running}/move", 409, {"to": "front"})
    await asked(desk, "POST", f"{JOBS}/{d}/move", 409, {"before": running})
    await asked(desk, "DELETE", f"{JOBS}/{running}", 409)
    assert await asked(desk, "POST", f"{JOBS}/{d}/cancel", 200) == {"cancelled": True}
    assert (await desk.json(f"{JOBS}/{d}"))["state"] == "cancelled"
    assert (await desk.json(f"{JOBS}/{a}/wait?timeout_s=0"))["ended"] is False
    job = await desk.json(f"{JOBS}/{running}")
    assert job["state"] == "running" and 0 <= job["progress_percent"] < 100
    await asked(desk, "POST", f"{JOBS}/{running}/cancel", 200)
    assert (await desk.json(f"{JOBS}/{running}/wait"))["job"]["state"] == "cancelled"


async def _runs(desk: Desk) -> bool:
    return any(worker["job_id"] for worker in await desk.workers())
