"""`server.PromptServer`: messages reach whoever the worker handed in, routes are collected."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from PIL import Image

import server
from heddle.settings import current
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from server import BinaryEventTypes, PromptServer
from server.people import People, UnknownPerson
from tests.doors.conftest import FrontDesk, RunningNode


def test_there_is_one_instance_and_it_is_the_same_for_every_pack() -> None:
    assert PromptServer.instance is PromptServer.instance
    assert isinstance(PromptServer.instance, PromptServer)


def test_messages_reach_the_worker_with_the_client_they_are_for(desk: FrontDesk) -> None:
    server = PromptServer()
    server.send_sync("mine.event", {"a": 1}, "c")
    server.send_sync("mine.event", {"a": 2})
    asyncio.run(server.send("later", {}))
    server.send_progress_text("half done", "5")
    server.send_progress_text(b"\xc3\xa4", "6", "c")
    assert desk.sent == [
        ("mine.event", {"a": 1}, "c"),
        ("mine.event", {"a": 2}, None),
        ("later", {}, None),
        (BinaryEventTypes.TEXT, {"node_id": "5", "text": "half done"}, None),
        (BinaryEventTypes.TEXT, {"node_id": "6", "text": "ä"}, "c"),
    ]


def test_an_unencoded_preview_is_shown_on_the_running_node(running: RunningNode, desk: FrontDesk) -> None:
    picture = Image.new("RGBA", (64, 32))
    PromptServer().send_sync(BinaryEventTypes.UNENCODED_PREVIEW_IMAGE, ("JPEG", picture, 16))
    assert running.told == [("jpeg", b"\xff\xd8\xff\xe0")]
    assert desk.sent == []


def test_the_server_knows_which_node_of_which_job_runs_for_whom(running: RunningNode) -> None:
    server = PromptServer()
    assert (server.last_node_id, server.last_prompt_id, server.client_id) == ("5", "j", "client")


def test_outside_of_a_node_it_says_what_was_set_last() -> None:
    server = PromptServer()
    assert (server.last_node_id, server.last_prompt_id, server.client_id) == (None, None, None)
    server.last_node_id, server.client_id = "3", "c"
    assert (server.last_node_id, server.client_id) == ("3", "c")


def test_it_knows_where_the_front_desk_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "_settings", Settings(listen=("0.0.0.0", "::"), port=8200))
    one = PromptServer()
    assert (one.address, one.port, one.get_queue_info()) == ("0.0.0.0", 8200, {"exec_info": {"queue_remaining": 0}})
    with one.prompt_queue.mutex:
        assert one.prompt_queue.get_tasks_remaining() == 0
    assert server.web is web, "packs take it from there"


def test_it_knows_whose_files_a_request_means(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, asked = folders.user / "default", make_mocked_request("GET", "/")
    manager = PromptServer().user_manager
    assert manager.get_request_user_id(asked) == "default"
    assert manager.get_request_user_filepath(asked, None) == str(mine) and mine.is_dir()
    assert manager.get_request_user_filepath(asked, "lists%2Fa b.json") == str(mine / "lists/a b.json")
    assert (mine / "lists").is_dir()
    assert manager.get_request_user_filepath(asked, "../jobs.sqlite") is None
    monkeypatch.setattr(current, "_settings", Settings(multi_user=True))
    ann = People(folders, 0, several=True).add("Ann")
    asked = make_mocked_request("GET", "/", {"comfy-user": ann})
    assert manager.get_request_user_filepath(asked, "a.json") == str(folders.user / ann / "a.json")
    with pytest.raises(UnknownPerson):
        manager.get_request_user_id(make_mocked_request("GET", "/"))


def test_routes_are_collected_and_answer_when_they_are_asked() -> None:
    server = PromptServer()

    @server.routes.get("/mine/list")
    async def answer(request: web.Request) -> web.Response:
        return web.json_response([1])

    server.app.router.add_get("/mine/other", answer)
    (route,) = server.collected_routes()
    assert isinstance(route, web.RouteDef)
    assert (route.method, route.path, route.handler) == ("GET", "/mine/list", answer)
    assert [resource.canonical for resource in server.app.router.resources()] == ["/mine/other"]


def test_prompt_handlers_change_requests_and_one_that_fails_is_passed_over() -> None:
    server = PromptServer()
    server.add_on_prompt_handler(lambda data: {**data, "a": 1})
    server.add_on_prompt_handler(lambda data: data["gone"])
    server.add_on_prompt_handler(lambda data: sys.exit(3))
    server.add_on_prompt_handler(lambda data: {**data, "b": data["a"]})
    assert server.trigger_on_prompt({}) == {"a": 1, "b": 1}


def test_what_packs_leave_on_the_loop_runs_once_all_are_loaded() -> None:
    server, done = PromptServer(), threading.Event()

    async def leave_a_word() -> bool:
        done.set()
        return server.loop is asyncio.get_running_loop()

    task = server.loop.create_task(leave_a_word())
    assert not server.loop.is_running(), "a pack may still run it itself while it is imported"
    loop = server.run_loop()
    assert done.wait(10) and server.run_loop() is loop
    loop.call_soon_threadsafe(loop.stop)
    assert task.result() is True


def test_a_node_that_asks_first_finds_the_loop_running(running: RunningNode) -> None:
    server = PromptServer()

    async def answer() -> int:
        return 1

    assert asyncio.run_coroutine_threadsafe(answer(), server.loop).result(10) == 1
    server.loop.call_soon_threadsafe(server.loop.stop)


def test_a_loop_that_was_handed_in_is_run_by_who_handed_it_in() -> None:
    server, loop = PromptServer(), asyncio.new_event_loop()
    server.use_loop(loop)
    assert server.run_loop() is loop and server.loop is loop
    assert not loop.is_running()
    loop.close()


def test_outside_of_nodes_the_server_knows_what_the_worker_said_last() -> None:
    server = PromptServer()
    server.follow("j", "c", None, {"1": {}}, {"extra": 1})
    assert [each[1:4] for each in server.prompt_queue.currently_running.values()] == [("j", {"1": {}}, {"extra": 1})]
    server.follow("j", "c", "1")
    assert (server.last_prompt_id, server.client_id, server.last_node_id) == ("j", "c", "1")
    assert server.prompt_queue.get_tasks_remaining() == 1
    server.follow(None, None, None)
    assert (server.last_prompt_id, server.client_id, server.prompt_queue.get_tasks_remaining()) == (None, None, 0)


def test_a_preview_outside_of_nodes_goes_out_as_a_frame_and_an_odd_one_is_dropped(desk: FrontDesk) -> None:
    server = PromptServer()
    server.send_sync(BinaryEventTypes.UNENCODED_PREVIEW_IMAGE, ("PNG", Image.new("RGB", (4, 4)), None), "c")
    server.send_sync(BinaryEventTypes.UNENCODED_PREVIEW_IMAGE, "no picture")
    ((event, frame, client),) = desk.sent
    assert (event, frame[:8], client) == (1, b"\x00\x00\x00\x02\x89PNG", "c")


def test_the_queue_as_a_worker_sees_it_is_the_job_that_runs(running: RunningNode) -> None:
    queue = PromptServer().prompt_queue
    assert (queue.get_tasks_remaining(), queue.get_current_queue()) == (1, ([], []))
    queue.history["a"] = {"outputs": {}}
    assert queue.get_history("a") == {"a": {"outputs": {}}} and queue.get_history("b") == {}
