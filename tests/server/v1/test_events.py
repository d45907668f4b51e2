"""Events from any number on: nothing is missing, nothing comes twice, also for clients that come back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientError, ClientResponse, WSMsgType

from server.v1.streams import STREAMS
from tests.server.front_desk import GRAPH, Desk
from tests.server.test_jobs import LONG
from tests.server.v1.test_jobs import JOBS, asked, submitted

SSE = {"Accept": "text/event-stream"}


async def frames(response: ClientResponse, most: int = 10**9) -> list[dict[str, Any]]:
    """What a stream says, until it ends or has said so much."""
    found: list[dict[str, Any]] = []
    frame: dict[str, Any] = {}
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if not line and "data" in frame:
            found.append({**frame, "data": json.loads(frame["data"])})
            frame = {}
            if len(found) >= most:
                break
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            frame[name] = value
    return found


async def test_a_client_that_comes_back_hears_the_rest_and_nothing_twice(desk: Desk) -> None:
    graph = {**GRAPH, "1": {"class_type": "Count", "inputs": {"steps": 5, "pause_s": 0.12}}}
    [job_id] = await submitted(desk, workflow=graph)
    heard: list[dict[str, Any]] = []
    while True:
        last = {"Last-Event-ID": heard[-1]["id"]} if heard else {}
        async with desk.get(f"{JOBS}/{job_id}/events", headers={**SSE, **last}) as response:
            assert response.status == 200 and response.content_type == "text/event-stream"
            some = await frames(response, 2)  # and then the line breaks
        heard += [each for each in some if "id" in each]
        if some[-1]["event"] == "end":
            assert some[-1]["data"] == {"job_id": job_id, "state": "done"}
            break
    told = (await desk.json(f"{JOBS}/{job_id}/events"))["events"]
    assert [each["data"] for each in heard] == told and len(told) > 6
    assert [each["number"] for each in told] == list(range(1, len(told) + 1))
    assert [each["event"] for each in heard] == [each["event"]["kind"] for each in told]
    assert told[0]["event"]["kind"] == "job_started" and told[-1]["event"]["kind"] == "job_finished"
    later = await desk.json(f"{JOBS}/{job_id}/events?since={told[2]['seq']}")
    assert later["events"] == told[3:] and later["last"] == told[-1]["seq"]
    for bad in ("x", "-1", "1" * 30):
        await asked(desk, "GET", f"{JOBS}/{job_id}/events", 400, **{"Last-Event-ID": bad})


async def test_a_stream_of_a_cancelled_job_ends_without_events(desk: Desk) -> None:
    await submitted(desk, workflow=LONG)
    [waiting] = await submitted(desk)
    async with desk.get(f"{JOBS}/{waiting}/events", headers=SSE) as response:
        following = asyncio.create_task(frames(response))
        await asked(desk, "POST", f"{JOBS}/{waiting}/cancel", 200)
        assert [each["data"]["state"] for each in await following] == ["cancelled"]


async def test_events_of_all_jobs_are_the_same_by_stream_by_websocket_and_by_page(desk: Desk) -> None:
    ids = [job_id for _ in range(3) for job_id in await submitted(desk)]
    for job_id in ids:
        await desk.json(f"{JOBS}/{job_id}/wait")
    pages: list[Any] = []
    since = 0
    while found := (await desk.json(f"/api/v1/events?since={since}&limit=4"))["events"]:
        assert len(found) <= 4
        pages += found
        since = found[-1]["seq"]
    assert {each["job_id"] for each in pages} == set(ids)
    assert [each["seq"] for each in pages] == sorted({each["seq"] for each in pages})
    middle = pages[4]["seq"]
    async with desk.get("/api/v1/events", headers={**SSE, "Last-Event-ID": str(middle)}) as response:
        streamed = await frames(response, len(pages) - 5)
    assert [each["data"] for each in streamed] == pages[5:]
    assert [int(each["id"]) for each in streamed] == [each["seq"] for each in pages[5:]]
    async with desk.client.ws_connect(f"/api/v1/events/ws?since={middle}") as socket:
        heard = [await socket.receive_json(timeout=60) for _ in pages[5:]]
        assert heard == pages[5:]
        [later] = await submitted(desk)
        assert (await socket.receive_json(timeout=60))["job_id"] == later
    await asked(desk, "GET", "/api/v1/events/ws", 426)


async def test_open_streams_do_not_hold_up_the_end_of_the_server(desk: Desk) -> None:
    [job_id] = await submitted(desk, workflow=LONG)
    responses = [
        await desk.get("/api/v1/events", headers=SSE),
        await desk.get(f"{JOBS}/{job_id}/events", headers=SSE),
    ]
    socket = await desk.client.ws_connect("/api/v1/events/ws")
    waiting = asyncio.create_task(desk.client.get(f"{JOBS}/{job_id}/wait?timeout_s=300"))
    for response in responses:
        assert await frames(response, 1)
    async with asyncio.timeout(20):
        await desk.client.server.close()
    kinds = (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR, WSMsgType.TEXT)
    assert (await socket.receive(timeout=60)).type in kinds
    await asyncio.wait([waiting], timeout=60)
    assert waiting.done() and waiting.exception() is not None


async def test_a_request_that_comes_when_the_server_stops_is_not_held(desk: Desk) -> None:
    [job_id] = await submitted(desk, workflow=LONG)
    app = desk.client.app
    assert app is not None
    app[STREAMS].end()
    async with asyncio.timeout(20):
        with pytest.raises(ClientError):
            await desk.get(f"{JOBS}/{job_id}/wait?timeout_s=300")
