"""Job lists of front ends: pages, filters, order, and records that are read strictly."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import FormData
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from server.routes.records import job_summary
from server.store.records import STATES
from tests.server.front_desk import GRAPH, Desk
from tests.server.test_jobs import LONG

FAILING = {"1": GRAPH["1"], "2": {"class_type": "Fail", "inputs": {}}, "3": {"class_type": "Save", "inputs": {}}}


async def jobs(desk: Desk, query: str = "") -> tuple[list[dict[str, Any]], dict[str, Any]]:
    answer = await desk.json(f"/api/jobs{query}")
    assert set(answer) == {"jobs", "pagination"}
    pagination = answer["pagination"]
    assert all(type(pagination[key]) is int for key in ("offset", "limit", "total"))
    assert type(pagination["has_more"]) is bool
    return answer["jobs"], pagination


async def running(desk: Desk) -> bool:
    """Whether a worker has a job, not only the store: from then on it hears an interruption."""
    return any(worker["job_id"] for worker in await desk.workers())


async def test_every_job_is_listed_with_where_it_stands(desk: Desk) -> None:
    done = await desk.submit(extra_data={"extra_pnginfo": {"workflow": {"id": "saved-1"}}})
    failed = await desk.submit(FAILING)
    await desk.ended(failed)
    stopped = await desk.submit(LONG)
    await desk.until(lambda: running(desk))
    await desk.post("/interrupt", json={"prompt_id": stopped})
    await desk.ended(stopped)
    at_work, waiting = await desk.submit(LONG), await desk.submit()
    await desk.until(lambda: running(desk))
    listed, pagination = await jobs(desk)
    assert [(each["id"], each["status"]) for each in listed] == [
        (waiting, "pending"),
        (at_work, "in_progress"),
        (stopped, "cancelled"),
        (failed, "failed"),
        (done, "completed"),
    ]
    assert pagination["total"] == 5 and pagination["has_more"] is False
    by_id = {each["id"]: each for each in listed}
    first = by_id[done]
    assert set(first) == {
        *("id", "status", "priority", "create_time", "execution_start_time", "execution_end_time", "outputs_count"),
        *("previewable_outputs_count", "preview_output", "workflow_id"),
    }
    assert first["create_time"] <= first["execution_start_time"] <= first["execution_end_time"]
    assert first["outputs_count"] == first["previewable_outputs_count"] == 1 and first["workflow_id"] == "saved-1"
    assert first["preview_output"] == {
        "filename": f"{done}.png",
        "subfolder": "",
        "type": "output",
        "nodeId": "2",
        "mediaType": "images",
    }
    error = by_id[failed]["execution_error"]
    assert (error["node_id"], error["node_type"], error["exception_message"]) == ("2", "Fail", "it cannot be done")
    assert error["prompt_id"] == failed and isinstance(error["traceback"], list)
    assert set(by_id[waiting]) == {
        *("id", "status", "priority", "create_time", "outputs_count", "previewable_outputs_count"),
    }
    assert all(value is not None for each in listed for value in each.values())
    for query, ids in (
        ("?status=pending,in_progress", [waiting, at_work]),
        ("?status=completed", [done]),
        ("?status=failed,cancelled&sort_order=asc", [failed, stopped]),
        ("?workflow_id=saved-1", [done]),
        ("?limit=2&offset=1", [at_work, stopped]),
        ("?limit=0", []),
        ("?offset=99", []),
        ("?sort_by=execution_duration&sort_order=asc&status=completed", [done]),
    ):
        assert [each["id"] for each in (await jobs(desk, query))[0]] == ids, query
    assert (await jobs(desk, "?limit=2&offset=1"))[1] == {"offset": 1, "limit": 2, "total": 5, "has_more": True}
    assert (await jobs(desk, "?limit=2&offset=3"))[1]["has_more"] is False
    for query in ("?status=done", "?limit=-1", "?offset=-1", "?limit=x", "?sort_by=x", "?sort_order=up"):
        async with desk.get(f"/jobs{query}") as response:
            assert response.status == 400, query
    await desk.post("/interrupt")


async def test_one_job_tells_what_was_asked_and_what_came_of_it(desk: Desk) -> None:
    job_id = await desk.submit(extra_data={"preview_method": "taesd", "anything": {"else": 1}})
    await desk.ended(job_id)
    job = await desk.json(f"/api/jobs/{job_id}")
    assert job["status"] == "completed" and job["outputs"]["2"]["images"][0]["filename"] == f"{job_id}.png"
    assert job["workflow"]["prompt"] == GRAPH
    assert job["workflow"]["extra_data"] == {"preview_method": "taesd", "anything": {"else": 1}}
    assert job["execution_status"]["status_str"] == "success" and job["execution_meta"]["2"]["node_id"] == "2"
    entry = (await desk.json(f"/history/{job_id}"))[job_id]
    assert entry["prompt"][3] == job["workflow"]["extra_data"]
    async with desk.get("/api/jobs/unknown") as response:
        assert response.status == 404 and (await response.json())["error"]["message"]
    waiting = await desk.submit(LONG)
    await desk.until(lambda: running(desk))
    assert "execution_status" not in await desk.json(f"/jobs/{waiting}")
    for cancelled in (True, False):
        async with desk.post("/api/jobs/cancel", json={"job_ids": [waiting]}) as response:
            assert response.status == 200 and await response.json() == {"cancelled": cancelled}
        await desk.until(lambda: _is_over(desk, waiting))


async def _is_over(desk: Desk, job_id: str) -> bool:
    queue = await desk.json("/queue")
    return job_id not in [item[1] for item in (*queue["queue_running"], *queue["queue_pending"])]


async def test_a_result_is_shown_before_a_passing_picture_and_texts_count(desk: Desk) -> None:
    job_id = await desk.submit()
    await desk.ended(job_id)
    job = await desk.parts.store.job(job_id)
    assert job is not None
    job.results.clear()
    passing = {"filename": "p.png", "subfolder": "", "type": "temp"}
    job.results["7"] = {"images": [passing], "animated": [True], "text": ["a", "b"]}
    job.results["8"] = {"latents": [{"filename": "l.latent", "subfolder": "", "type": "output"}], "number": 3}
    job.results["9"] = {"files": [{"filename": "film.webm", "subfolder": "s", "type": "output"}]}
    job.results["10"] = "odd"
    told = job_summary(job)
    assert (told["outputs_count"], told["previewable_outputs_count"]) == (5, 2)
    assert told["preview_output"]["filename"] == "film.webm" and told["preview_output"]["nodeId"] == "9"
    del job.results["9"]
    assert job_summary(job)["preview_output"] == {**passing, "nodeId": "7", "mediaType": "images"}


async def test_every_word_of_the_store_is_one_that_clients_know(desk: Desk) -> None:
    job_id = await desk.submit()
    await desk.ended(job_id)
    job = await desk.parts.store.job(job_id)
    assert job is not None
    told = {"queued": "pending", "running": "in_progress", "partial": "failed", "done": "completed"}
    for state in STATES:
        assert job_summary(replace(job, state=state))["status"] == told.get(state, state)


@pytest.mark.parametrize("body", [None, b"", b"{}", b'{"prompt_id": null}', b'{"prompt_id": ""}'])
async def test_an_interruption_that_names_no_job_stops_what_runs(desk: Desk, body: bytes | None) -> None:
    job_id = await desk.submit(LONG)
    await desk.until(lambda: running(desk))
    async with desk.post("/api/interrupt", data=body) as response:
        assert response.status == 200
    assert (await desk.ended(job_id))["status"]["messages"][-1][0] == "execution_interrupted"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"prompt_id": 5}', b'{"prompt_id": ["x"]}', b"\xff"])
async def test_an_interruption_that_cannot_be_read_stops_nothing(desk: Desk, body: bytes) -> None:
    job_id = await desk.submit(LONG)
    await desk.until(lambda: running(desk))
    async with desk.post("/api/interrupt", data=body) as response:
        assert response.status == 400
    assert await running(desk)
    await desk.post("/interrupt", json={"prompt_id": job_id})
    await desk.ended(job_id)


def picture_with(**texts: Any) -> bytes:
    told = PngInfo()
    for key, value in texts.items():
        told.add_text(key, json.dumps(value))
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG", pnginfo=told)
    return buffer.getvalue()


async def send_file(desk: Desk, data: bytes, name: str, **fields: str) -> tuple[int, dict[str, Any]]:
    form = FormData()
    form.add_field("file", data, filename=name)
    for key, value in fields.items():
        form.add_field(key, value)
    async with desk.post("/api/prompt", data=form) as response:
        return response.status, await response.json()


async def test_a_picture_that_carries_its_graph_can_be_queued(desk: Desk) -> None:
    saved = {"version": 0.4, "id": "w", "nodes": []}
    status, answer = await send_file(
        desk,
        picture_with(prompt=GRAPH, workflow=saved),
        "made here.png",
        client_id="me",
        prompt_id="mine",
        number="-3",
        extra_data='{"preview_method": "auto", "extra_pnginfo": {"note": "x"}}',
        partial_execution_targets='["2"]',
    )
    assert status == 200 and (answer["prompt_id"], answer["number"]) == ("mine", -3)
    number, _, prompt, extra_data, outputs = (await desk.ended("mine"))["prompt"]
    assert (number, prompt, outputs) == (-3, GRAPH, ["2"])
    assert extra_data["client_id"] == "me" and extra_data["preview_method"] == "auto"
    assert extra_data["extra_pnginfo"] == {"workflow": saved, "note": "x"}
    temp = desk.parts.folders.temp
    assert not list(temp.glob(".unfinished-*"))


async def test_a_saved_workflow_as_a_file_goes_to_the_front(desk: Desk) -> None:
    saved = {"version": 0.4, "nodes": [{"id": 1, "becomes": GRAPH["1"]}, {"id": 2, "becomes": GRAPH["2"]}]}
    await desk.submit(LONG)
    await desk.until(lambda: running(desk))
    behind = await desk.submit()
    status, answer = await send_file(desk, json.dumps(saved).encode(), "saved.json", front="true")
    assert status == 200, answer
    queue = await desk.json("/queue")
    assert [item[1] for item in queue["queue_pending"]] == [answer["prompt_id"], behind]
    assert queue["queue_pending"][0][2] == GRAPH
    assert queue["queue_pending"][0][3]["extra_pnginfo"]["workflow"] == saved
    await desk.post("/queue", json={"clear": True})
    await desk.post("/interrupt")


@pytest.mark.parametrize(
    ("data", "said"),
    [(picture_with(), "no workflow"), (b"\x00\x01", "not a file that can carry"), (b"{}", "workflow")],
)
async def test_a_file_without_a_workflow_is_refused_with_its_name(desk: Desk, data: bytes, said: str) -> None:
    status, answer = await send_file(desk, data, "holiday.png")
    assert status == 400 and said in answer["error"]["message"]
    assert "unfinished" not in json.dumps(answer) and str(desk.parts.folders.base) not in json.dumps(answer)
