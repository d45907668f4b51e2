"""The front desk's side of packs, with a worker that says what the test tells it to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from server import pack_door
from server.catalogue import Catalogue
from server.pack_door import PackDoor
from server.pack_routes import SECRET_HEADER, PackServer, forget_socket, patterns_of
from server.prompt_server import PromptServer
from server.store import NewJob
from server.store.rows import accepted
from server.store.waiting import Waiting
from server.translate import JobTeller
from server.workplaces import JobRun
from tests.server.fake_worker import CATALOGUE, record
from tests.server.front_desk import Desk, front_desk

HELLO = {"type": "hello", "packs": ["one"], "prompt_handlers": True}


class Worker:
    """What the front desk sent it."""

    def __init__(self, door: PackDoor, hello: dict[str, Any] = HELLO) -> None:
        self.asked: list[dict[str, Any]] = []
        door.arrive(self.asked.append, hello)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders.from_settings(Settings(base_directory=tmp_path))


@pytest.fixture
def catalogue(folders: Folders) -> Catalogue:
    return Catalogue(folders.user / "catalogue.json", folders.list_files, folders.take_kinds)


async def test_a_worker_that_does_not_answer_keeps_nobody_waiting_long(catalogue: Catalogue) -> None:
    """It never answers: without a limit, this test would not end."""
    door = PackDoor(catalogue)
    worker = Worker(door)
    await door.refresh()
    await door.refresh()
    assert worker.asked == [{"type": "refresh"}], "one question at a time"


async def test_packs_are_asked_at_most_so_often(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    door = PackDoor(catalogue)
    worker = Worker(door)

    async def ask_and_answer() -> None:
        asking = asyncio.create_task(door.refresh())
        await asyncio.sleep(0)
        door.take({"type": "catalogue_changes", "nodes": {}, "removed": []})
        await asking

    monkeypatch.setattr(pack_door, "REFRESH_EVERY_S", 3600.0)
    await ask_and_answer()
    await ask_and_answer()
    assert len(worker.asked) == 1
    monkeypatch.setattr(pack_door, "REFRESH_EVERY_S", 0.0)
    await ask_and_answer()
    assert len(worker.asked) == 2


async def test_who_asks_waits_for_the_changes(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_door, "REFRESH_PATIENCE_S", 60.0)
    door = PackDoor(catalogue)
    await catalogue.replace(CATALOGUE)
    await catalogue.whole(door.refresh())

    def send(message: dict[str, Any]) -> None:
        changes = {"nodes": {"New": record({"a": ["INT", {}]}), "Step": record({})}, "removed": ["Die"]}
        asyncio.get_running_loop().call_soon(door.take, {"type": "catalogue_changes", **changes})

    door.arrive(send, HELLO)
    whole = json.loads((await catalogue.whole(door.refresh())).plain)
    assert set(whole) == {*CATALOGUE, "New"} - {"Die"}
    assert whole["Step"]["input"]["required"] == {} and "count" in whole["Save"]["input"]["required"]


async def test_files_of_a_folder_that_a_pack_names_when_it_is_asked_are_listed(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    door = PackDoor(catalogue)
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "one.thing").touch()
    await catalogue.replace({"Use": record({"thing": ["COMBO", {"options": {"files": "things"}}]})})

    def send(message: dict[str, Any]) -> None:
        kinds = {"things": {"folders": [str(tmp_path / "things")], "extensions": [".thing"]}}
        asyncio.get_running_loop().call_later(0.05, door.take, {"type": "folders", "kinds": kinds})
        asyncio.get_running_loop().call_later(0.06, door.take, {"type": "catalogue_changes"})

    door.arrive(send, HELLO)
    whole = json.loads((await catalogue.whole(door.refresh())).plain)
    assert whole["Use"]["input"]["required"]["thing"][0] == ["one.thing"]


async def test_a_worker_without_packs_is_not_asked(catalogue: Catalogue) -> None:
    door = PackDoor(catalogue)
    worker = Worker(door, {"type": "hello"})
    await door.refresh()
    assert await door.show_prompt({"prompt": {}}) == {"prompt": {}}
    assert worker.asked == []


async def test_a_request_goes_on_as_packs_leave_it_or_as_it_came(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = PackDoor(catalogue)
    answers: list[dict[str, Any]] = [{"body": {"b": 2}}, {}, {"body": "no object"}]

    def send(message: dict[str, Any]) -> None:
        if answers:
            told = {"type": "prompted", "id": message["id"], **answers.pop(0)}
            asyncio.get_running_loop().call_soon(door.take, told)

    door.arrive(send, HELLO)
    assert [await door.show_prompt({"a": 1}) for _ in range(3)] == [{"b": 2}, {"a": 1}, {"a": 1}]
    monkeypatch.setattr(pack_door, "HANDLER_PATIENCE_S", 0.01)
    assert await door.show_prompt({"a": 1}) == {"a": 1}, "nobody answered"
    monkeypatch.setattr(pack_door, "HANDLER_PATIENCE_S", 60.0)
    asking = asyncio.create_task(door.show_prompt({"a": 1}))
    await asyncio.sleep(0)
    door.leave()
    assert await asking == {"a": 1}, "the worker died meanwhile"


async def test_routes_and_kinds_are_kept_for_the_next_start(catalogue: Catalogue, folders: Folders) -> None:
    door = PackDoor(catalogue)
    voices = {"folders": [str(folders.base / "voices")], "extensions": [".voice"]}
    door.take({"type": "routes", "paths": [["GET", "/mine/[^/]+"], ["GET", "("], "odd"], "address": {}})
    door.take({"type": "folders", "kinds": {"voices": voices, "odd": {"folders": "x"}, "odder": 3}})
    door.take({"type": "replacements", "nodes": {"Old": [{"new_node_id": "New"}, "odd"], "odd": 5}})
    await catalogue.replace(CATALOGUE)
    (folders.base / "voices").mkdir()
    (folders.base / "voices" / "deep.voice").touch()
    fresh = Folders.from_settings(Settings(base_directory=folders.base))
    later = Catalogue(fresh.user / "catalogue.json", fresh.list_files, fresh.take_kinds)
    later.load()
    assert [each.pattern for each in later.routes] == ["/mine/[^/]+"]
    assert fresh.list_files("voices") == ["deep.voice"] and "odd" not in fresh.places
    assert later.replacements == {"Old": [{"new_node_id": "New"}]}


async def test_changes_are_kept_for_the_next_start(catalogue: Catalogue, folders: Folders) -> None:
    await catalogue.replace(CATALOGUE)
    catalogue.change({"New": record({})}, [])
    assert catalogue._saving is not None
    await catalogue._saving
    assert "New" in json.loads((folders.user / "catalogue.json").read_text())["nodes"]
    before = catalogue.records
    catalogue.change({}, ["Unknown"])
    catalogue.change("odd", None)
    assert catalogue.records is before, "nothing changed, so nobody has to read it again"


async def answering(request: web.Request) -> web.Response:
    return web.Response(
        text=f"{request.method} {request.path_qs}", headers={"X-Secret": request.headers[SECRET_HEADER]}
    )


async def test_without_sockets_routes_are_served_on_this_machine_for_who_knows_the_secret(desk: Desk) -> None:
    server = PromptServer()
    server.routes.get("/mine/{name}")(answering)
    packs = PackServer(server, sockets=False)
    message = await asyncio.to_thread(packs.message)
    address = message["address"]
    assert message["paths"] == [["GET", "/mine/(?P<name>[^{}/]+)"], ["HEAD", "/mine/(?P<name>[^{}/]+)"]]
    assert (address["host"], sorted(address)) == ("127.0.0.1", ["host", "port", "secret"])
    own = f"http://127.0.0.1:{address['port']}/mine/a"
    async with aiohttp.ClientSession() as session, session.get(own) as response:
        assert response.status == 403
    desk.parts.supervisor.packs.take(message)
    async with desk.get("/api/mine/a?b=c%26d", headers={SECRET_HEADER: "a guess"}) as response:
        assert await response.text() == "GET /mine/a?b=c%26d"
        assert response.headers["X-Secret"] == address["secret"], "what a client says there does not count"
    async with desk.client.head("/mine/a") as response:
        assert (response.status, response.headers["X-Secret"]) == (200, address["secret"])
    server.loop.call_soon_threadsafe(server.loop.stop)


async def test_two_packs_with_one_path_the_first_has_it_and_all_others_are_there() -> None:
    server = PromptServer()
    for path in ("/mine", "/mine", "/yours"):
        server.routes.get(path)(answering)
    server.routes.get("no slash")(answering)
    packs = PackServer(server)
    message = await asyncio.to_thread(packs.message)
    assert [path for method, path in message["paths"] if method == "GET"] == ["/mine", "/yours"]
    assert await asyncio.to_thread(packs.message) == message, "nothing is added twice"
    packs.close()
    assert not Path(message["address"]["path"]).parent.exists()
    server.loop.call_soon_threadsafe(server.loop.stop)


def test_every_kind_of_route_has_a_pattern(tmp_path: Path) -> None:
    app, below = web.Application(), web.Application()
    below.router.add_get("/x", answering)
    app.router.add_route("*", "/any", answering)
    app.router.add_static("/files/", tmp_path)
    app.add_subapp("/below", below)
    found = patterns_of(app)
    assert found[:3] == [["*", "/any"], ["GET", "/files/.*"], ["HEAD", "/files/.*"]]
    assert {pattern for _, pattern in found[3:]} == {"/below/.*"}


def test_only_sockets_of_our_own_making_are_taken_away(tmp_path: Path) -> None:
    (tmp_path / "heddle-worker-x").mkdir()
    file = tmp_path / "heddle-worker-x" / "routes"
    file.write_text("no socket")
    forget_socket({"path": str(file)})
    forget_socket({})
    assert file.exists()


async def test_messages_of_a_second_worker_about_packs_do_not_count(tmp_path: Path) -> None:
    async with front_desk(tmp_path, workers=2) as desk:
        await desk.ready()
        supervisor = desk.parts.supervisor
        message = {"type": "routes", "paths": [["GET", "/mine"]], "address": {}}
        supervisor._take(supervisor._workers[1], message, None)
        assert desk.parts.catalogue.routes == []
        supervisor._take(supervisor._workers[0], message, None)
        assert [each.pattern for each in desk.parts.catalogue.routes] == ["/mine"]


async def test_what_a_pack_says_while_a_job_ends_waits_for_its_turn(desk: Desk) -> None:
    """A job's end is written before it is told; what comes behind it must not overtake it."""
    mine = await desk.socket("mine")
    supervisor = desk.parts.supervisor
    (worker,) = supervisor._workers
    job = accepted(NewJob("another", {}, []), Waiting(1, "another", None, 1.0, 1))
    worker.closing = JobRun(job, JobTeller(job.id, {}), 0)
    asyncio.get_running_loop().call_soon(supervisor._take_backlog, worker)
    supervisor._take(worker, {"type": "say", "event": "mine", "data": 1, "client_id": "mine"}, None)
    assert len(worker.backlog) == 1
    told = await mine.receive_json(timeout=60)
    while told["type"] != "mine":
        told = await mine.receive_json(timeout=60)
    assert told["data"] == 1
