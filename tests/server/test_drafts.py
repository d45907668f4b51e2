"""Drafts: what stands in open tabs outlives the browser and the server."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from server.kept import DraftLimits
from server.keys import Limits
from tests.server.front_desk import Desk, front_desk


async def put(desk: Desk, draft_id: str, data: bytes, query: str = "", status: int = 200, **more: Any) -> Any:
    async with desk.client.put(f"/heddle/drafts/{draft_id}{query}", data=data, **more) as response:
        text = await response.text()
        assert response.status == status, text
        return json.loads(text)


async def listed(desk: Desk) -> list[Any]:
    return (await desk.json("/heddle/drafts"))["drafts"]


async def test_a_draft_is_kept_over_a_restart_and_discarded(tmp_path: Path) -> None:
    data = '{"nodes": [], "title": "café 猫"}'.encode()
    async with front_desk(tmp_path) as desk:
        await put(desk, "tab-1", b"{}")
        record = await put(desk, "tab-1", data, "?name=My%20flow&path=a/b.json&revision=abc")
        assert record["size"] == len(data)
    async with front_desk(tmp_path) as desk:
        assert await listed(desk) == [record]
        assert (record["name"], record["path"], record["revision"]) == ("My flow", "a/b.json", "abc")
        async with desk.get("/heddle/drafts/tab-1") as response:
            assert await response.read() == data and response.content_type == "application/json"
        async with desk.client.delete("/heddle/drafts/tab-1") as response:
            assert response.status == 204
        for asked in (desk.client.delete("/heddle/drafts/tab-1"), desk.get("/heddle/drafts/tab-1")):
            async with asked as response:
                assert response.status == 404
        assert await listed(desk) == []


async def test_a_draft_may_be_packed(desk: Desk) -> None:
    data = json.dumps({"nodes": [{"id": i, "type": "KSampler"} for i in range(5000)]}).encode()
    record = await put(desk, "a", gzip.compress(data), headers={"Content-Encoding": "gzip"})
    assert record["size"] == len(data) and record["name"] is None


async def test_drafts_have_limits_that_are_said(tmp_path: Path) -> None:
    limits = Limits(workflow_bytes=200_000, drafts=DraftLimits(count=3, bytes=100_000))
    async with front_desk(tmp_path, limits=limits) as desk:
        for name in ("a", "b", "c"):
            await put(desk, name, b"{}")
        told = await put(desk, "d", b"{}", status=507)
        assert told["error"]["type"] == "drafts_full" and "3 drafts" in told["error"]["message"]
        await put(desk, "c", b'{"n": 2}')  # in place of an older one
        large = json.dumps({"x": os.urandom(60_000).hex()}).encode()
        await put(desk, "c", large)
        assert (await put(desk, "b", large, status=507))["error"]["type"] == "drafts_full"
        await put(desk, "b", b" " * 200_001, status=413)
        assert {each["id"] for each in await listed(desk)} == {"a", "b", "c"}
        assert (await desk.json("/heddle/drafts"))["limits"] == {"count": 3, "bytes": 100_000}


@pytest.mark.parametrize("draft_id", ["..", "a%2Fb", "a%00", "x" * 65, "a.json", "a%20b", "%C3%A4"])
async def test_an_id_is_letters_and_digits(desk: Desk, draft_id: str) -> None:
    async with desk.client.put(f"/heddle/drafts/{draft_id}", data=b"{}") as response:
        assert 400 <= response.status < 500
    assert await listed(desk) == []


@pytest.mark.parametrize("data", [b"", b"[]", b"3", b'{"nodes": [', b"\x1f\x8b garbage"])
async def test_a_draft_is_an_object(desk: Desk, data: bytes) -> None:
    await put(desk, "a", data, status=400)
    await put(desk, "a", b"{}", "?name=" + "x" * 1001, status=400)
    assert await listed(desk) == []


async def test_a_draft_follows_its_file_to_another_name(desk: Desk) -> None:
    async with desk.client.put("/heddle/files/workflows/a.json", data=b'{"nodes": []}') as response:
        assert response.status == 201
    await put(desk, "tab", b"{}", "?path=a.json")
    async with desk.post("/heddle/files/workflows/a.json/move", json={"to": "b.json"}) as response:
        assert response.status == 200
    assert [each["path"] for each in await listed(desk)] == ["b.json"]


async def test_people_do_not_see_each_others_drafts(tmp_path: Path) -> None:
    async with front_desk(tmp_path, several_people=True) as desk:
        ids = []
        for name in ("ann", "bob"):
            async with desk.post("/users", json={"username": name}) as response:
                ids.append(await response.json())
        await put(desk, "a", b"{}", headers={"comfy-user": ids[0]})
        assert (await desk.json("/heddle/drafts", headers={"comfy-user": ids[1]}))["drafts"] == []
        await put(desk, "a", b"{}", status=401)
