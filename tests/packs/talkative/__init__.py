"""A pack as packs write them: routes, messages to its page, models and lists of its own, a handler of requests."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from aiohttp import web

import folder_paths
from comfy.model_management import interrupt_current_processing
from comfy.utils import ProgressBar
from comfy_api.latest import ComfyAPISync, io
from comfy_execution.progress import get_progress_state
from server import BinaryEventTypes, PromptServer

server = PromptServer.instance
state = {"tasks": 0}
ComfyAPISync().node_replacement.register(io.NodeReplace("TestTalk", "TestSay", old_widget_ids=["what"]))
print("talkative is here")
going_on = asyncio.Event()


async def count() -> None:
    state["tasks"] += 1


server.loop.create_task(count())
folder_paths.add_model_folder_path("test_voices", os.path.join(folder_paths.base_path, "voices"))
folder_paths.folder_names_and_paths["test_accents"] = ([os.path.join(folder_paths.models_dir, "accents")], {".accent"})


@server.routes.get("/talkative/state")
async def tell_state(request: web.Request) -> web.Response:
    return web.json_response(
        {**state, "query": dict(request.query), "on_loop": server.loop is asyncio.get_event_loop()}
    )


@server.routes.post("/talkative/echo/{name}")
async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    headers = {"X-Mine": request.headers.get("X-Mine", ""), "X-Name": request.match_info["name"]}
    return web.Response(body=body[::-1], status=201, headers=headers, content_type="application/x-mine")


@server.routes.post("/talkative/upload")
async def upload(request: web.Request) -> web.Response:
    form = await request.post()
    file: Any = form["file"]
    return web.json_response({"name": file.filename, "bytes": len(file.file.read()), "word": form["word"]})


@server.routes.get("/talkative/lines")
async def lines(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(3):
        await response.write(f"{number}\n".encode())
        if number == 0:  # the rest when the first was read
            await going_on.wait()
    return response


@server.routes.post("/talkative/go_on")
async def go_on(request: web.Request) -> web.Response:
    going_on.set()
    return web.Response()


@server.routes.get("/talkative/failing")
async def fail(request: web.Request) -> web.Response:
    raise KeyError("mine")


@server.routes.get("/talkative/hanging")
async def hang(request: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    return web.Response()


@server.routes.get("/talkative/dying")
async def die(request: web.Request) -> web.Response:
    os.kill(os.getpid(), 9)
    return web.Response()


@server.routes.get("/object_info")
@server.routes.get("/queue")
@server.routes.get("/index.html")
async def shadow(request: web.Request) -> web.Response:
    return web.json_response("a pack in our place")


@server.routes.get("/api/talkative/only_here")
async def only_below_api(request: web.Request) -> web.Response:
    return web.json_response("here")


server.app.add_routes([web.static("/talkative/files", os.path.join(os.path.dirname(__file__), "js"))])


def shout(body: dict[str, Any]) -> dict[str, Any]:
    for node in body["prompt"].values():
        if node.get("class_type") == "TestTalk" and node["inputs"].get("what") == "whisper":
            node["inputs"]["what"] = "SHOUT"
    return body


server.add_on_prompt_handler(shout)


class Talk:
    """Says what is asked for, in every way there is."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        folder = os.path.join(folder_paths.get_input_directory(), "notes")
        notes = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return {
            "required": {"what": ("STRING", {"default": ""})},
            "optional": {"note": (notes,), "voice": (folder_paths.get_filename_list("test_voices"),)},
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    RETURN_TYPES = ()
    FUNCTION = "talk"
    OUTPUT_NODE = True
    CATEGORY = "talk"

    def talk(self, what: str, unique_id: str, note: str = "", voice: str = "") -> Any:
        who = (server.client_id, server.last_prompt_id, server.last_node_id)
        server.send_sync("talkative.said", {"what": what, "who": who, "odd": {1, 2}}, server.client_id)
        server.send_sync("executing", {"node": "mine"})
        holds_itself: list[Any] = []
        holds_itself.append(holds_itself)
        server.send_sync("talkative.odd", {"self": holds_itself})
        server.send_progress_text("half done", unique_id)
        server.send_sync(BinaryEventTypes.PREVIEW_IMAGE, (2).to_bytes(4) + b"\x89PNG", server.client_id)
        server.send_sync(77, b"own kind", server.client_id)
        thread = threading.Thread(target=lambda: server.send_sync("talkative.thread", {"client": server.client_id}))
        thread.start()
        thread.join()
        get_progress_state().update_progress("elsewhere", 1, 4)
        ProgressBar(2).update(1)
        if what == "add a route":
            server.routes.get("/talkative/late")(tell_state)
        if what == "interrupt":
            interrupt_current_processing()
            ProgressBar(2).update(1)
        return {"ui": {"text": [what]}}


NODE_CLASS_MAPPINGS = {"TestTalk": Talk}
WEB_DIRECTORY = "./js"
