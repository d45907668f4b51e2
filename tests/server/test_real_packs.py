"""Packs from end to end: a real worker process with a pack, a front desk before it."""

from __future__ import annotations

import asyncio
import json
import shutil
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.packs.loading import HERE as PACKS
from tests.server.front_desk import Desk, front_desk, heard_until, is_over
from tests.server.test_real_previews import is_ready, real_worker

pytestmark = pytest.mark.asyncio(loop_scope="module")


UNRULY = """
import asyncio, functools, json, logging, multiprocessing, os, sys, threading, time, warnings
logging.basicConfig(level=logging.DEBUG, force=True)
json.dumps = functools.partial(json.dumps, default=str, ensure_ascii=False)
os.chdir("/")
warnings.simplefilter("ignore")
asyncio.set_event_loop(asyncio.new_event_loop())
threading.Thread(target=lambda: time.sleep(3600)).start()
sys.stdout = open(os.devnull, "w")

class Unruly:
    INPUT_TYPES = {"required": {"numbers": ("STRING", {})}}
    RETURN_TYPES = ()
    FUNCTION = "count"
    OUTPUT_NODE = True
    def count(self, numbers):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            return {"ui": {"text": pool.map(len, numbers.split())}}

    def wait(self, numbers):
        return {"ui": {"text": [asyncio.get_event_loop().run_until_complete(asyncio.sleep(0, numbers))]}}

class Waiting(Unruly):
    FUNCTION = "wait"

class Finding:
    INPUT_TYPES = {"required": {}}
    RETURN_TYPES = ("FACE",)
    FUNCTION = "find"
    def find(self):
        from comfy_execution.graph import ExecutionBlocker
        return (ExecutionBlocker("no face"),)

class Telling:
    INPUT_TYPES = {"optional": {"face": ("FACE",)}}
    RETURN_TYPES = ()
    FUNCTION = "tell"
    OUTPUT_NODE = True
    def tell(self, face=None):
        return {"ui": {"text": ["told"]}}

class Failing(Telling):
    def tell(self, face=None):
        raise ValueError("full of eels")

NODE_CLASS_MAPPINGS = {
    "TestFailing": Failing, "TestUnruly": Unruly, "TestWaiting": Waiting, "TestFinding": Finding, "TestTelling": Telling
}
"""

SCHEMATIC = """
import asyncio, custom_nodes.talkative as talkative
from comfy_api.latest import ComfyExtension

asyncio.get_event_loop().create_task(talkative.count())

class Extension(ComfyExtension):
    async def on_load(self):
        asyncio.create_task(talkative.count())

    async def get_node_list(self):
        return []

comfy_entrypoint = Extension
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One worker for all tests here: it imports torch."""
    base = tmp_path_factory.mktemp("packs")
    shutil.copytree(PACKS / "talkative", base / "custom_nodes" / "talkative")
    (base / "custom_nodes/unruly.py").write_text(UNRULY)
    (base / "custom_nodes/with_task.py").write_text(SCHEMATIC)
    for name in ("voices/deep.safetensors", "models/accents/mild.accent", "page/index.html", "page/talkative/own.js"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("")
    async with front_desk(base, real_worker(base)) as desk:
        await desk.until(lambda: is_ready(desk), timeout_s=120)
        yield desk


def talk(what: str, **inputs: Any) -> dict[str, Any]:
    return {"7": {"class_type": "TestTalk", "inputs": {"what": what, **inputs}}}


def texts(heard: list[Any], kind: str) -> list[Any]:
    return [each["data"] for each in heard if isinstance(each, dict) and each["type"] == kind]


async def test_older_nodes_and_printed_lines_of_a_pack_reach_the_page(desk: Desk) -> None:
    told = {"new_node_id": "TestTalk", "old_node_id": "TestSay", "old_widget_ids": ["what"]}
    assert await desk.json("/api/node_replacements") == {
        "TestSay": [{**told, "input_mapping": None, "output_mapping": None}]
    }
    lines = [entry["m"] for entry in (await desk.json("/internal/logs/raw"))["entries"]]
    assert "talkative is here\n" in lines and any("pack talkative" in line for line in lines)


async def test_messages_of_a_pack_reach_its_page_in_order_with_the_jobs_own(desk: Desk) -> None:
    mine = await desk.socket("mine", supports_preview_metadata=True, supports_progress_text_metadata=True)
    other = await desk.socket("other")
    job_id = await desk.submit(talk("hello"), client_id="mine")
    heard = await heard_until(mine, is_over)
    assert texts(heard, "talkative.said") == [{"what": "hello", "who": ["mine", job_id, "7"], "odd": [1, 2]}]
    assert texts(heard, "talkative.thread") == [{"client": "mine"}]
    assert texts(heard, "talkative.odd") == [], "what holds itself cannot be said"
    kinds = [each["type"] for each in heard if isinstance(each, dict)]
    assert {"node": "mine"} in texts(heard, "executing")
    said = kinds.index("talkative.said")
    assert kinds.index("executing") < said < kinds.index("executed") < kinds.index("execution_success")
    frames = [each for each in heard if isinstance(each, bytes)]
    numbers = [struct.unpack_from(">I", frame)[0] for frame in frames]
    assert numbers == [3, 4, 77]
    prompt_id = job_id.encode()
    assert frames[0][4:] == struct.pack(">I", len(prompt_id)) + prompt_id + struct.pack(">I", 1) + b"7half done"
    (length,) = struct.unpack_from(">I", frames[1], 4)
    assert json.loads(frames[1][8 : 8 + length])["node_id"] == "7" and frames[1].endswith(b"\x89PNG")
    assert frames[2][4:] == b"own kind"
    assert any("elsewhere" in told["nodes"] for told in texts(heard, "progress_state"))
    overheard = await heard_until(other, lambda message: message["type"] == "talkative.thread")
    assert texts(overheard, "talkative.said") == [], "it was said to one client"
    assert texts(overheard, "executing") == [{"node": "mine"}]


async def test_a_pack_that_changes_what_all_share_and_starts_processes_gets_its_results(desk: Desk) -> None:
    graph = {"ü": {"class_type": "TestUnruly", "inputs": {"numbers": "ü 😀😀"}}}
    assert (await desk.ended(await desk.submit(graph)))["outputs"] == {"ü": {"text": [1, 2]}}
    graph["ü"]["class_type"] = "TestWaiting"
    assert (await desk.ended(await desk.submit(graph)))["outputs"] == {"ü": {"text": ["ü 😀😀"]}}


async def test_a_node_that_a_pack_keeps_from_running_says_why_while_the_rest_goes_on(desk: Desk) -> None:
    graph = {
        "1": {"class_type": "TestFinding", "inputs": {}},
        "2": {"class_type": "TestTelling", "inputs": {"face": ["1", 0]}},
        "3": {"class_type": "TestTelling", "inputs": {}},
    }
    mine = await desk.socket("finder")
    job_id = await desk.submit(graph, client_id="finder")
    heard = await heard_until(mine, is_over)
    (told,) = texts(heard, "execution_error")
    assert (told["prompt_id"], told["node_id"], told["node_type"]) == (job_id, "2", "TestTelling")
    assert (told["exception_message"], told["exception_type"]) == ("Execution Blocked: no face", "ExecutionBlocked")
    assert [each["node"] for each in texts(heard, "executed")] == ["3"] and len(texts(heard, "execution_success")) == 1
    ended = await desk.ended(job_id)
    assert ended["status"]["status_str"] == "success" and list(ended["outputs"]) == ["3"]
    assert [kind for kind, _ in ended["status"]["messages"]][-1] == "execution_success"
    job = await desk.json(f"/api/v1/jobs/{job_id}")
    assert (job["state"], job["error"]) == ("done", None)
    events = (await desk.json(f"/api/v1/jobs/{job_id}/events"))["events"]
    blocked = [each["event"] for each in events if each["event"]["kind"] == "node_blocked"]
    assert [(each["node_id"], each["message"]) for each in blocked] == [("2", "no face")]
    explained = (await desk.json(f"/api/v1/jobs/{job_id}/explain"))["nodes"]
    assert (explained["2"]["how"], explained["2"]["why"]) == ("blocked", ["no face"])


async def test_a_job_with_one_failing_branch_is_partial_and_to_known_clients_a_failed_one(desk: Desk) -> None:
    graph = {str(i): {"class_type": kind} for i, kind in enumerate(("TestTelling", "TestFailing", "TestTelling"))}
    graph = {node_id: {**node, "inputs": {}} for node_id, node in graph.items()}
    mine = await desk.socket("partly")
    job_id = await desk.submit(graph, client_id="partly")
    heard = await heard_until(mine, is_over)
    (told,) = texts(heard, "execution_error")
    assert (told["node_id"], told["exception_message"]) == ("1", "full of eels")
    assert texts(heard, "execution_success") == [] and heard[-3]["type"] == "execution_error"  # when all has ended
    ended = await desk.ended(job_id)
    assert ended["status"]["status_str"] == "error" and ended["status"]["completed"] is False
    assert set(ended["outputs"]) == {"0", "2"}
    job = await desk.json(f"/api/v1/jobs/{job_id}")
    assert (job["state"], job["error"]["node_id"]) == ("partial", "1")
    stopped = await desk.submit({**graph, "0": graph["1"]}, options={"stop_at_first_error": True, "cache": False})
    assert (await desk.ended(stopped))["outputs"] == {}
    assert (await desk.json(f"/api/v1/jobs/{stopped}"))["state"] == "failed"


async def test_a_pack_may_stop_the_job_that_runs(desk: Desk) -> None:
    job_id = await desk.submit(talk("interrupt"))
    assert (await desk.ended(job_id))["status"]["messages"][-1][0] == "execution_interrupted"


async def test_a_packs_scripts_are_listed_and_served(desk: Desk) -> None:
    assert await desk.json("/extensions") == ["/extensions/talkative/talkative.js"]
    async with desk.get("/extensions/talkative/talkative.js") as response:
        assert "export const name" in await response.text()


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_a_packs_routes_answer_through_the_front_desk(desk: Desk, prefix: str) -> None:
    state = await desk.json(f"{prefix}/talkative/state?a=1&b=%C3%A4%2F")
    assert state["query"] == {"a": "1", "b": "ä/"} and state["on_loop"] is True
    assert state["tasks"] == 3, "what a pack left on the loop, at its import and later, has run"
    async with desk.post(f"{prefix}/talkative/echo/a%20b", data=b"abc", headers={"X-Mine": "m"}) as response:
        assert (response.status, await response.read()) == (201, b"cba")
        told = response.headers
        assert (told["X-Mine"], told["X-Name"], told["Content-Type"]) == ("m", "a b", "application/x-mine")
        assert "X-Heddle-Secret" not in told
    form = aiohttp.FormData({"word": "w"})
    form.add_field("file", b"x" * 3_000_000, filename="large.bin")
    async with desk.post(f"{prefix}/talkative/upload", data=form) as response:
        assert await response.json() == {"name": "large.bin", "bytes": 3_000_000, "word": "w"}


async def test_an_answer_flows_while_it_is_made(desk: Desk) -> None:
    async with desk.get("/talkative/lines") as response:
        assert await response.content.readline() == b"0\n"
        async with desk.post("/talkative/go_on") as other:
            assert other.status == 200
        assert await response.content.read() == b"1\n2\n"


async def test_files_of_a_folder_that_a_pack_serves(desk: Desk) -> None:
    async with desk.get("/talkative/files/talkative.js") as response:
        assert response.status == 200 and "export" in await response.text()
    async with desk.get("/talkative/files/none.js") as response:
        assert response.status == 404


async def test_a_pack_cannot_stand_in_our_place(desk: Desk) -> None:
    assert "queue_running" in await desk.json("/queue")
    assert "TestTalk" in await desk.json("/object_info")
    async with desk.get("/index.html") as response:
        assert await response.text() == ""
    async with desk.get("/talkative/own.js") as response:
        assert response.status == 200, "a file of the page beside a pack's routes"


async def test_other_paths_and_methods_are_refused_as_ever(desk: Desk) -> None:
    async with desk.get("/talkative/none") as response:
        assert response.status == 404 and (await response.json())["error"]["type"] == "not_found"
    async with desk.post("/talkative/state") as response:
        assert response.status == 405
    async with desk.get("/talkative/only_here") as response:
        assert response.status == 404
    assert await desk.json("/api/talkative/only_here") == "here"
    async with desk.get("/talkative/failing") as response:
        assert response.status == 500


async def test_other_sites_cannot_ask_a_pack(desk: Desk) -> None:
    async with desk.post("/talkative/echo/a", data=b"", headers={"Origin": "http://elsewhere.example"}) as response:
        assert (response.status, (await response.json())["error"]["type"]) == (403, "foreign_origin")


async def test_only_the_front_desk_reaches_a_packs_routes(desk: Desk) -> None:
    address = desk.parts.supervisor.packs._address
    folder = Path(address["path"]).parent
    assert folder.stat().st_mode & 0o077 == 0
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(address["path"])) as session:
        async with session.get("http://packs/talkative/state") as response:
            assert response.status == 403
        async with session.get("http://packs/talkative/state", headers={"X-Heddle-Secret": "guess"}) as response:
            assert response.status == 403


async def test_a_packs_kinds_of_models_are_listed(desk: Desk) -> None:
    assert {"test_voices", "test_accents"} < set(await desk.json("/models"))
    assert await desk.json("/models/test_voices") == ["deep.safetensors"]
    assert await desk.json("/models/test_accents") == ["mild.accent"]
    kept = json.loads((desk.parts.folders.user / "catalogue.json").read_text())
    assert kept["kinds"]["test_accents"]["extensions"] == [".accent"]
    assert ["GET", "/talkative/state"] in kept["routes"]


async def test_lists_of_a_pack_are_fresh_when_somebody_asks(desk: Desk) -> None:
    notes = desk.parts.folders.input / "notes"

    async def listed() -> list[str]:
        record = (await desk.json("/object_info/TestTalk"))["TestTalk"]
        return record["input"]["optional"]["note"][0]

    assert await listed() == []
    notes.mkdir(parents=True)
    (notes / "new.txt").write_text("")
    await desk.until(listed)
    whole = await desk.json("/object_info")
    assert whole["TestTalk"]["input"]["optional"]["note"][0] == ["new.txt"]
    await desk.ended(await desk.submit(talk("note", note="new.txt")))


async def test_a_handler_of_a_pack_changes_a_request_before_it_is_checked(desk: Desk) -> None:
    ended = await desk.ended(await desk.submit(talk("whisper")))
    assert ended["outputs"] == {"7": {"text": ["SHOUT"]}}
    assert ended["prompt"][2]["7"]["inputs"]["what"] == "SHOUT"


async def test_a_route_that_a_node_adds_is_served_after_the_next_look(desk: Desk) -> None:
    await desk.ended(await desk.submit(talk("add a route")))

    async def served() -> bool:
        await desk.json("/object_info")
        async with desk.get("/talkative/late") as response:
            return response.status == 200

    assert await desk.until(served)


async def test_a_worker_that_is_away_is_said_and_its_successor_answers(desk: Desk) -> None:
    door = desk.parts.supervisor.packs
    socket = Path(door._address["path"])
    async with desk.get("/talkative/dying") as response:
        assert (response.status, (await response.json())["error"]["type"]) == (502, "bad_gateway")
    door._worker_patience_s = 0.0
    await desk.until(lambda: _is_gone(socket))
    async with desk.get("/talkative/state") as response:
        assert response.status == 502 and "worker is away" in (await response.json())["error"]["message"]
    door._worker_patience_s = 120.0
    assert (await desk.json("/talkative/state"))["tasks"] == 3


async def test_a_pack_that_never_answers_is_given_up(desk: Desk) -> None:
    door = desk.parts.supervisor.packs
    door._silence_s = 0.05
    await door.close()  # the next request connects with the new patience
    async with desk.get("/talkative/hanging") as response:
        assert response.status == 504


async def _is_gone(path: Path) -> bool:
    return not await asyncio.to_thread(path.parent.exists)


async def test_a_pack_that_ends_the_worker_while_it_is_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "custom_nodes").mkdir()
    (tmp_path / "custom_nodes" / "good.py").write_text("NODE_CLASS_MAPPINGS = {}")
    (tmp_path / "custom_nodes" / "later_than_good.py").write_text("import os; os._exit(7)")
    async with front_desk(tmp_path, real_worker(tmp_path)) as desk:

        async def note() -> str:
            return (await desk.workers())[0]["note"]

        said = await desk.until(note, timeout_s=120)
        assert "exit code 7 while it loaded the pack later_than_good.py" in said
        (tmp_path / "custom_nodes" / "later_than_good.py").unlink()
        await desk.until(lambda: is_ready(desk), timeout_s=120)
        assert (await desk.workers())[0]["note"] == ""


async def test_a_device_that_is_not_there_is_named_and_none_takes_its_place(tmp_path: Path) -> None:
    async with front_desk(tmp_path, real_worker(tmp_path, device="cuda:99")) as desk:

        async def note() -> str:
            return (await desk.workers())[0]["note"]

        assert "ended with exit code 2: --devices cuda:99: torch finds none" in await desk.until(note, timeout_s=120)
