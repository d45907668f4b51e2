"""Webhooks: signed, tried again, not lost by a restart, and no way into private networks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from server import webhooks
from server.webhooks import PublicResolver, is_public, read_webhook
from tests.server.front_desk import GRAPH, Desk, front_desk
from tests.server.test_jobs import LONG
from tests.server.v1.test_jobs import JOBS, asked, submitted


class Listener:
    """Another program: keeps what it is told, and answers with the statuses that it was given first."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.came = asyncio.Event()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.heard.append((dict(request.headers), await request.read()))
        self.came.set()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": f"{self.url}/elsewhere"} if status == 302 else {})

    async def until(self, count: int) -> list[dict[str, Any]]:
        while len(self.heard) < count:
            self.came.clear()
            async with asyncio.timeout(20):
                await self.came.wait()
        return [json.loads(body) for _, body in self.heard]


@pytest_asyncio.fixture
async def listener(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listener]:
    monkeypatch.setattr(webhooks, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(webhooks, "LOOK_EVERY_S", 0.05)
    listener = Listener()
    app = web.Application()
    app.router.add_post("/{path:.*}", listener.take)
    async with TestServer(app) as server:
        listener.url = str(server.make_url("/hook"))
        yield listener


async def settled(desk: Desk) -> bool:
    return not await desk.parts.store.due_deliveries(2**60, 10)


async def test_the_end_of_a_job_is_told_and_signed(desk: Desk, listener: Listener) -> None:
    [job_id] = await submitted(desk, webhook={"url": listener.url, "secret": "only we know"})
    [told] = await listener.until(1)
    assert (told["event"], told["job_id"], told["job"]["state"]) == ("done", job_id, "done")
    assert told["job"]["outputs"][0]["filename"] == f"{job_id}.png"
    headers, body = listener.heard[0]
    signed = f"{headers['X-Heddle-Timestamp']}.".encode() + body
    expected = hmac.new(b"only we know", signed, hashlib.sha256).hexdigest()
    assert headers["X-Heddle-Signature"] == f"sha256={expected}" and headers["X-Heddle-Event"] == "done"
    assert headers["X-Heddle-Delivery"] == str(told["delivery"])
    await desk.until(lambda: settled(desk))
    paths = (f"{JOBS}/{job_id}", f"/history/{job_id}", f"/jobs/{job_id}", f"/heddle/jobs/{job_id}", "/history")
    for path in (*paths, JOBS, "/queue", f"{JOBS}/{job_id}/events"):
        async with desk.get(path) as response:
            text = await response.text()
        assert "only we know" not in text and listener.url not in text, path
    assert "only we know" not in body.decode()


async def test_chosen_events_are_told_also_of_jobs_that_never_ran(desk: Desk, listener: Listener) -> None:
    [first] = await submitted(desk, workflow=LONG, webhook={"url": listener.url, "events": ["running", "cancelled"]})
    [told] = await listener.until(1)
    assert (told["job_id"], told["event"]) == (first, "running")
    hook = {"url": listener.url, "events": ["cancelled"]}
    [taken_out] = await submitted(desk, webhook=hook)
    known = await desk.submit(webhook=hook)
    await desk.post("/queue", json={"delete": [taken_out]})
    await desk.post(f"/jobs/{known}/cancel")
    await desk.post("/interrupt", json={})
    told = (await listener.until(4))[1:]
    assert {each["job_id"]: each["event"] for each in told} == dict.fromkeys((first, taken_out, known), "cancelled")
    assert next(each for each in told if each["job_id"] == taken_out)["job"] is None
    [quiet] = await submitted(desk, webhook={"url": listener.url, "events": ["failed"]})
    await desk.json(f"{JOBS}/{quiet}/wait")
    assert await settled(desk) and len(listener.heard) == 4


async def test_what_is_refused_is_tried_again_and_redirects_are_not_followed(desk: Desk, listener: Listener) -> None:
    listener.statuses = [500, 302, 404]
    await submitted(desk, webhook={"url": listener.url})
    told = await listener.until(4)
    assert all(each == told[0] for each in told) and len({json.dumps(each) for each in told}) == 1
    await desk.until(lambda: settled(desk))
    listener.statuses = [410]
    await submitted(desk, webhook={"url": listener.url})
    await listener.until(5)
    await desk.until(lambda: settled(desk))
    assert len(listener.heard) == 5


async def test_a_restart_loses_no_word(tmp_path: Path, listener: Listener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    async with front_desk(tmp_path) as desk:
        [job_id] = await submitted(desk, webhook={"url": f"http://127.0.0.1:{port}/hook"})
        await desk.json(f"{JOBS}/{job_id}/wait")
        assert not await settled(desk)
    app = web.Application()
    app.router.add_post("/hook", listener.take)
    async with TestServer(app, port=port), front_desk(tmp_path) as desk:
        [told] = await listener.until(1)
        assert told["job_id"] == job_id and told["job"]["state"] == "done"
        await desk.until(lambda: settled(desk))


async def test_the_server_signs_for_jobs_without_a_secret(tmp_path: Path, listener: Listener) -> None:
    async with front_desk(tmp_path, settings={"webhook_secret": "the server's"}) as desk:
        await submitted(desk, webhook={"url": listener.url})
        await listener.until(1)
    headers, body = listener.heard[0]
    assert headers["X-Heddle-Signature"] == webhooks.sign("the server's", headers["X-Heddle-Timestamp"], body)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1", "2130706433"])
async def test_a_server_for_others_tells_nobody_in_private_networks(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(webhooks, "MOST_ATTEMPTS", 2)
    url = listener.url.replace("127.0.0.1", host)
    async with front_desk(tmp_path, settings={"listen": ("0.0.0.0",)}) as desk:
        [job_id] = await submitted(desk, webhook={"url": url})
        await desk.json(f"{JOBS}/{job_id}/wait")
        await desk.until(lambda: settled(desk))
    assert listener.heard == []
    if host == "127.0.0.1":
        async with front_desk(tmp_path, settings={"listen": ("0.0.0.0",), "private_webhooks": True}) as desk:
            await submitted(desk, webhook={"url": url})
            await listener.until(1)


async def test_names_that_lead_to_private_addresses_are_not_resolved() -> None:
    with pytest.raises(OSError, match="--allow-private-webhooks"):
        await PublicResolver().resolve("localhost", 80)
    private = "127.0.0.1 10.1.2.3 192.168.0.1 169.254.169.254 0.0.0.0 224.0.0.1 100.64.0.1 ::1 fe80::1 fd00::1 ::"
    inside = "::ffff:127.0.0.1 64:ff9b::a00:1 2002:7f00:1:: nothing"
    assert [each for each in (*private.split(), *inside.split()) if is_public(each)] == []
    assert is_public("8.8.8.8") and is_public("2001:4860:4860::8888") and is_public("64:ff9b::808:808")


@pytest.mark.parametrize(
    "value",
    [
        *("ftp://a", "a", "http://", "http://a:99999999", "http://u:p@a", "http://a b", "http://[::1", 5, [], ""),
        *({}, {"url": "http://a", "more": 1}, {"url": "http://a", "secret": ""}, {"url": "http://a", "events": []}),
        *({"url": "http://a", "events": ["ended"]}, {"url": "http://" + "a" * 64 + ".b"}),
    ],
)
async def test_what_is_no_address_is_refused_when_the_job_comes(desk: Desk, value: Any) -> None:
    answer = await asked(desk, "POST", "/prompt", 400, {"prompt": GRAPH, "webhook": value})
    assert answer["error"]["type"] == "invalid_webhook"
    assert read_webhook("https://a.example/x?y") == (
        {"url": "https://a.example/x?y", "events": ["partial", "done", "failed", "cancelled"]},
        None,
    )
