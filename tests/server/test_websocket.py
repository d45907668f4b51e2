"""What clients hear, in which order, and in which bytes."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from server.clients import MOST_UNREAD_BYTES, MOST_UNREAD_FOR_PICTURES, Connection
from server.messages import Notification, Preview, Progress
from server.routes.websocket import LARGEST_MESSAGE
from tests.server.fake_worker import PNG
from tests.server.front_desk import GRAPH, Desk, heard_until, is_over
from tests.server.test_jobs import LONG


async def test_a_run_is_told_in_the_known_order(desk: Desk) -> None:
    await desk.ready()
    socket = await desk.socket("me")
    job_id = await desk.submit(client_id="me")
    heard = await heard_until(socket, is_over)
    kinds = [m["type"] for m in heard if isinstance(m, dict)]
    assert kinds[0] == "status"
    started = kinds.index("execution_start")
    assert kinds[started : started + 4] == ["execution_start", "execution_cached", "progress_state", "executing"]
    assert kinds[-6:] == ["executing", "executed", "progress_state", "execution_success", "status", "executing"]
    about_the_job = [m["data"] for m in heard if isinstance(m, dict) and m["type"] != "status"]
    assert all(data["prompt_id"] == job_id for data in about_the_job)
    progress = [m["data"] for m in heard if isinstance(m, dict) and m["type"] == "progress"]
    told = [(p["value"], p["max"], p["node"]) for p in progress]
    assert told[0] == (1, 3, "1") and told[-1] == (3, 3, "1")
    state = next(m["data"] for m in heard if isinstance(m, dict) and m["type"] == "progress_state")
    assert state["nodes"]["1"] == {
        "value": 0,
        "max": 1,
        "state": "running",
        "node_id": "1",
        "prompt_id": job_id,
        "display_node_id": "1",
        "parent_node_id": None,
        "real_node_id": "1",
    }
    executed = next(m["data"] for m in heard if isinstance(m, dict) and m["type"] == "executed")
    assert executed["display_node"] == "2" and executed["output"]["images"][0]["type"] == "output"
    assert heard[-1] == {"type": "executing", "data": {"node": None, "prompt_id": job_id}}
    assert (await desk.json(f"/history/{job_id}"))[job_id]["status"]["completed"] is True


async def test_a_client_that_reads_metadata_gets_previews_with_it(desk: Desk) -> None:
    socket = await desk.socket("me", supports_preview_metadata=True, supports_progress_text_metadata=True)
    job_id = await desk.submit(client_id="me")
    frames = [m for m in await heard_until(socket, is_over) if isinstance(m, bytes)]
    kind, length = struct.unpack_from(">II", frames[0])
    told = json.loads(frames[0][8 : 8 + length])
    assert kind == 4 and frames[0][8 + length :] == PNG
    assert told["prompt_id"] == job_id and told["node_id"] == "1" and told["image_type"] == "image/png"
    raw = job_id.encode()
    assert frames[-1] == struct.pack(">II", 3, len(raw)) + raw + struct.pack(">I", 1) + b"1" + b"counted"


async def test_a_note_goes_with_what_it_was_made_of_to_clients_that_read_that(desk: Desk) -> None:
    reads, other = await desk.socket("reads", heddle_notes=True), await desk.socket("other", something=True)
    for client_id, socket in (("reads", reads), ("other", other)):
        job_id = await desk.submit(client_id=client_id)
        heard = await heard_until(socket, is_over)
        notes = [m["data"] for m in heard if isinstance(m, dict) and m["type"] == "heddle_note"]
        frames = [m for m in heard if isinstance(m, bytes) and m.endswith(b"counted")]
        said = {"words": "counted", "values": {}}
        told = {"node_id": "1", "text": "counted", "prompt_id": job_id, "said": said}
        assert (notes, len(frames)) == (([told], 0) if socket is reads else ([], 1))
        assert said in [line.get("said") for line in (await desk.json(f"/api/v1/jobs/{job_id}/logs"))["lines"]]


async def test_previews_that_nobody_asked_for_are_for_clients_that_read_them(desk: Desk) -> None:
    """Programs take a binary frame for a result, such as the pictures that a node sends instead of saving them."""
    reads, plain = await desk.socket("reads", supports_preview_metadata=True), await desk.socket("plain")
    graph = {**GRAPH, "1": {"class_type": "Count", "inputs": {"unasked": True}}}
    for client_id, socket, kinds in (("reads", reads, {4}), ("plain", plain, set())):
        await desk.submit(graph, client_id=client_id)
        frames = [m for m in await heard_until(socket, is_over) if isinstance(m, bytes)]
        assert {kind for frame in frames if (kind := struct.unpack_from(">I", frame)[0]) != 3} == kinds


async def test_a_client_that_says_nothing_gets_plain_previews(desk: Desk) -> None:
    socket = await desk.socket("me")
    await desk.submit(client_id="me")
    frames = [m for m in await heard_until(socket, is_over) if isinstance(m, bytes)]
    assert frames and set(frames) == {struct.pack(">II", 1, 2) + PNG}


async def test_a_page_that_does_not_know_whose_text_it_is_gets_it_without(desk: Desk) -> None:
    socket = await desk.socket("me", supports_preview_metadata=True)
    await desk.submit(client_id="me")
    frames = [m for m in await heard_until(socket, is_over) if isinstance(m, bytes)]
    assert frames[-1] == struct.pack(">II", 3, 1) + b"1" + b"counted"


async def test_a_text_is_shown_while_it_is_written_and_not_kept(desk: Desk) -> None:
    socket = await desk.socket("me", supports_preview_metadata=True)
    graph = {**GRAPH, "1": {"class_type": "Count", "inputs": {"writes": True}}}
    job_id = await desk.submit(graph, client_id="me")
    frames = [m for m in await heard_until(socket, is_over) if isinstance(m, bytes)]
    assert frames[-2:] == [struct.pack(">II", 3, 1) + b"1" + text for text in (b"coun", b"counted")]
    kept = (await desk.json(f"/heddle/jobs/{job_id}/events"))["events"]
    assert not [each for each in kept if each["event"]["kind"] == "node_text"]


async def test_another_client_hears_only_of_the_queue(desk: Desk) -> None:
    mine, other = await desk.socket("me"), await desk.socket("other")
    await desk.ended(await desk.submit(client_id="me"))
    await heard_until(mine, is_over)
    await other.close()
    heard = [json.loads(m.data) async for m in other if isinstance(m.data, str)]
    assert {m["type"] for m in heard} <= {"status"}


async def test_a_client_that_comes_back_while_its_job_runs_hears_where_it_is(desk: Desk) -> None:
    socket = await desk.socket("me")
    job_id = await desk.submit(LONG, client_id="me")
    await heard_until(socket, lambda m: m["type"] == "progress")
    await socket.close()
    again = await desk.socket("me")
    heard = await heard_until(again, lambda m: m["type"] == "progress")
    assert "executing" in [m["type"] for m in heard if isinstance(m, dict)]
    assert {"node": "1", "display_node": "1", "prompt_id": job_id} in [m["data"] for m in heard if isinstance(m, dict)]
    await desk.post("/interrupt", json={"prompt_id": job_id})
    heard = await heard_until(again, is_over)
    assert [m["type"] for m in heard if isinstance(m, dict)][-3:] == ["execution_interrupted", "status", "executing"]


async def test_a_client_that_was_away_gets_what_it_missed(desk: Desk) -> None:
    job_id = await desk.submit(client_id="me")
    await desk.ended(job_id)
    await asyncio.sleep(0.05)  # the end is told right after it is written
    socket = await desk.socket("me")
    heard = await heard_until(socket, is_over)
    kinds = [m["type"] for m in heard if isinstance(m, dict)]
    assert "executed" in kinds and "execution_success" in kinds and "progress" not in kinds


async def test_two_windows_of_one_client_both_hear(desk: Desk) -> None:
    first, second = await desk.socket("me"), await desk.socket("me")
    await desk.submit(client_id="me")
    for socket in (first, second):
        await heard_until(socket, is_over)


async def test_a_client_that_asks_for_it_reads_the_log(desk: Desk) -> None:
    await desk.ready()
    reader, other = await desk.socket("reader"), await desk.socket("other")
    async with desk.client.patch("/internal/logs/subscribe", json={"clientId": "reader", "enabled": True}) as response:
        assert response.status == 200
    logging.getLogger("heddle.test").error("a line of %s", "log")
    heard = await heard_until(reader, lambda m: m["type"] == "logs")
    assert "a line of log" in heard[-1]["data"]["entries"][0]["m"]
    entries = (await desk.json("/internal/logs/raw"))["entries"]
    assert "a line of log" in entries[-1]["m"] and "a line of log" in await desk.json("/internal/logs")
    await other.close()
    assert not [m async for m in other]


async def test_flags_are_told_to_whoever_tells_theirs(desk: Desk) -> None:
    socket = await desk.client.ws_connect("/api/ws?clientId=me")
    first = await socket.receive_json(timeout=60)
    assert first == {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "me"}}
    await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
    told = await socket.receive_json(timeout=60)
    assert told == {"type": "feature_flags", "data": await desk.json("/features")}
    assert told["data"]["supports_preview_metadata"] is True
    unnamed = await desk.client.ws_connect("/ws")
    sid = (await unnamed.receive_json(timeout=60))["data"]["sid"]
    assert isinstance(sid, str) and len(sid) >= 16


async def test_everyone_hears_how_many_jobs_wait(desk: Desk) -> None:
    running = await desk.submit(LONG, client_id="another")
    socket = await desk.socket("me")
    waiting = await desk.submit(client_id="another")
    counts = [2]
    await heard_until(socket, lambda m: m["type"] == "status" and _waiting(m) == 2)
    await desk.post("/queue", json={"delete": [waiting]})
    heard = await heard_until(socket, lambda m: m["type"] == "status" and _waiting(m) == 1)
    await desk.post("/interrupt", json={"prompt_id": running})
    heard += await heard_until(socket, lambda m: m["type"] == "status" and _waiting(m) == 0)
    counts += [_waiting(m) for m in heard if m["type"] == "status"]
    assert counts == sorted(counts, reverse=True)


def _waiting(message: dict[str, Any]) -> int:
    return message["data"]["status"]["exec_info"]["queue_remaining"]


async def test_the_connection_that_came_last_hears_everything_when_the_older_one_hangs(desk: Desk) -> None:
    old = await desk.socket("me")  # a page that was reloaded: nobody reads here any more
    new = await desk.socket("me")
    job_id = await desk.submit(client_id="me")
    heard = await heard_until(new, is_over)
    assert {m["data"]["prompt_id"] for m in heard if isinstance(m, dict) and m["type"] != "status"} == {job_id}
    await old.close()
    await heard_until_after(new, desk)


async def heard_until_after(socket: ClientWebSocketResponse, desk: Desk) -> None:
    await desk.submit(client_id="me")
    await heard_until(socket, is_over)


class Socket:
    """Both sides of a connection to a client that reads only what it is told to; closing is noted."""

    def __init__(self) -> None:
        self.unread = b""
        self.closed = False
        self.closed_with: int | None = None
        self.is_cut = False

    def write(self, data: bytes) -> None:
        self.unread += data

    def get_write_buffer_size(self) -> int:
        return len(self.unread)

    def is_closing(self) -> bool:
        return self.is_cut

    def abort(self) -> None:
        self.is_cut = True

    async def close(self, *, code: int, message: bytes) -> None:
        self.closed, self.closed_with = True, code


async def test_a_client_that_does_not_read_loses_pictures_first_and_is_let_go() -> None:
    socket: Any = Socket()
    connection = Connection(socket, socket, "slow")
    picture = Preview("png", b"picture " * 10_000)
    for _ in range(2 * MOST_UNREAD_FOR_PICTURES // len(picture.picture)):
        connection.send(picture)
        await asyncio.sleep(0)
    assert MOST_UNREAD_FOR_PICTURES < len(socket.unread) < MOST_UNREAD_FOR_PICTURES + 2 * len(picture.picture)
    for _ in range(2 * MOST_UNREAD_BYTES // 10_000):
        connection.send(Notification("x" * 10_000))
        await asyncio.sleep(0)
    assert len(socket.unread) < MOST_UNREAD_BYTES + 20_000
    assert socket.closed_with == 1013 and socket.is_cut  # try again later


async def test_much_that_is_said_at_once_is_no_sign_of_a_client_that_does_not_read() -> None:
    socket: Any = Socket()
    connection = Connection(socket, socket, "quick")
    for _ in range(2 * MOST_UNREAD_BYTES // 10_000):
        connection.send(Notification("x" * 10_000))
    await asyncio.sleep(0)
    assert len(socket.unread) > 2 * MOST_UNREAD_BYTES - 20_000
    socket.unread = b""
    connection.send(Notification("and more"))
    await asyncio.sleep(0)
    assert socket.unread and socket.closed_with is None


@pytest.mark.parametrize("length", [8, 125, 126, 127, 65_535, 65_536, 100_000])
async def test_messages_of_any_length_arrive_each_as_its_own(desk: Desk, length: int) -> None:
    socket = await desk.socket("me")
    said, preview = Notification("x" * length), Preview("png", b"y" * (length - 8))
    for _ in range(2):
        desk.parts.clients.tell("me", [said, preview])
    heard = [await socket.receive(timeout=60) for _ in range(4)]
    assert [each.data for each in heard] == [said.encode(), preview.encode()] * 2


async def test_numbers_without_a_word_in_json_do_not_reach_a_browser() -> None:
    text = Progress(float("nan"), 5, "job", "1").encode()
    assert json.loads(text)["data"]["value"] is None and "NaN" not in text


async def test_words_that_cannot_be_read_do_not_end_the_connection(desk: Desk) -> None:
    socket = await desk.socket("me")
    for words in ("{", "[1]", '"x"', '{"type": "feature_flags", "data": 5}', "[" * 50_000):
        await socket.send_str(words)
    await socket.send_bytes(b"\0")
    await desk.submit(GRAPH, client_id="me")
    await heard_until(socket, is_over)


async def test_a_client_that_says_too_much_loses_its_own_connection_only(desk: Desk) -> None:
    loud, quiet = await desk.socket("loud"), await desk.socket("quiet")
    await loud.send_str("x" * (LARGEST_MESSAGE + 1))
    closed = await loud.receive(timeout=60)
    assert closed.type is WSMsgType.CLOSE and closed.data == 1009  # message too big
    await desk.submit(client_id="quiet")
    await heard_until(quiet, is_over)
    for wrong in ("x" * 300, "a%00b"):
        async with desk.get(f"/ws?clientId={wrong}", headers={"Upgrade": "websocket"}) as response:
            assert response.status == 400


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}])
async def test_a_foreign_page_gets_no_websocket(desk: Desk, headers: dict[str, str]) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await desk.client.ws_connect("/ws", headers=headers)
    assert refused.value.status == 403
