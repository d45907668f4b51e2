"""A front desk for tests: real HTTP on a free port, a fake worker behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from server import keys
from server.app import Parts, build_app
from server.serve import gather_parts
from server.transport import PipeTransport, StartWorker
from tests.server.fake_worker import in_a_thread

GRAPH = {
    "1": {"class_type": "Count", "inputs": {"steps": 3}},
    "2": {"class_type": "Save", "inputs": {"count": ["1", 0]}},
}


def check(prompt: dict[str, Any], catalogue: Any, targets: list[str] | None) -> tuple[list[str], Any, dict[str, Any]]:
    """Every class must exist; the output nodes are those that the catalogue says."""
    for node_id, node in prompt.items():
        if node["class_type"] not in catalogue:
            error = {"type": "missing_node_type", "message": "no such node", "details": node_id, "extra_info": {}}
            problem = {"errors": [error], "dependent_outputs": [], "class_type": node["class_type"]}
            return [], error, {node_id: problem}
    outputs = [i for i, n in prompt.items() if catalogue[n["class_type"]]["output_node"]]
    outputs = [i for i in outputs if targets is None or i in targets]
    if not outputs:
        return [], {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": ""}, {}
    return outputs, None, {}


def convert(workflow: Any, catalogue: Any, seed: int | None) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    """A saved form of the tests' own: each node says what it becomes, and `words` among which one is chosen.

    What the workflow has as `notes` it says of the conversion.
    """
    prompt = {str(node["id"]): dict(node["becomes"]) for node in workflow["nodes"]}
    chosen = []
    for node in workflow["nodes"]:
        if seed is not None and (words := node.get("words")):
            word, inputs = words[seed % len(words)], prompt[str(node["id"])]["inputs"]
            prompt[str(node["id"])]["inputs"] = {**inputs, "name": word}
            chosen.append({"node_id": str(node["id"]), "input_name": "name", "text": str(words), "chosen": word})
    return prompt, chosen, workflow.get("notes", [])


def folders_at(base: Path) -> Folders:
    return Folders.from_settings(Settings(base_directory=base))


def parts_at(
    base: Path,
    start_worker: StartWorker | None = None,
    *,
    settings: dict[str, Any] | None = None,
    workers: int = 1,
    **changes: Any,
) -> Parts:
    folders = folders_at(base)
    start_worker = start_worker or in_a_thread(folders.output)
    parts = gather_parts(
        Settings(base_directory=base, **(settings or {})),
        folders,
        [partial(PipeTransport, start_worker)] * workers,
        check,
        convert,
        base / "page",
        base / "workflows",
    )
    return replace(parts, **changes)


class Desk:
    """A client and what tests ask of it."""

    def __init__(self, client: TestClient[Any, Any], parts: Parts) -> None:
        self.client = client
        self.parts = parts
        self.get = client.get
        self.post = client.post

    async def json(self, path: str | URL, **options: Any) -> Any:
        async with self.client.get(path, **options) as response:
            assert response.status == 200, await response.text()
            return json.loads(await response.text())

    async def submit(self, graph: Any = None, **body: Any) -> str:
        async with self.client.post("/prompt", json={"prompt": graph or GRAPH, **body}) as response:
            assert response.status == 200, await response.text()
            return (await response.json())["prompt_id"]

    async def ended(self, job_id: str, timeout_s: float = 60) -> dict[str, Any]:
        """The history entry of a job, once it has ended."""
        return (await self.until(lambda: self.json(f"/history/{job_id}"), timeout_s))[job_id]

    async def until(self, ask: Callable[[], Any], timeout_s: float = 60) -> Any:
        """The first answer that is not empty."""
        end = time.monotonic() + timeout_s
        while not (answer := await ask()):
            assert time.monotonic() < end, "it did not happen in time"
            await asyncio.sleep(0.01)
        return answer

    async def workers(self) -> list[dict[str, Any]]:
        return (await self.json("/heddle/status"))["workers"]

    async def ready(self) -> None:
        async def all_ready() -> bool:
            return all(worker["state"] == "ready" for worker in await self.workers())

        await self.until(all_ready)

    async def socket(self, client_id: str, **features: Any) -> ClientWebSocketResponse:
        socket = await self.client.ws_connect(f"/ws?clientId={client_id}")
        if features:
            await socket.send_json({"type": "feature_flags", "data": features})
            heard = [await socket.receive_json(timeout=60) for _ in range(2)]
            assert {message["type"] for message in heard} == {"status", "feature_flags"}
        else:
            assert (await socket.receive_json(timeout=60))["data"]["sid"] == client_id
        return socket


async def heard_until(socket: ClientWebSocketResponse, last: Callable[[Any], bool]) -> list[Any]:
    """What a websocket says, up to and with the message that `last` knows. Binary messages as bytes."""
    heard: list[Any] = []
    while True:
        message = await socket.receive(timeout=60)
        assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
        heard.append(json.loads(message.data) if message.type is WSMsgType.TEXT else message.data)
        if isinstance(heard[-1], dict) and last(heard[-1]):
            return heard


def is_over(message: dict[str, Any]) -> bool:
    return message["type"] == "executing" and message["data"]["node"] is None


@contextlib.asynccontextmanager
async def front_desk(base: Path, start_worker: StartWorker | None = None, **changes: Any) -> AsyncIterator[Desk]:
    parts = parts_at(base, start_worker, **changes)
    app = build_app(parts)
    assert app[keys.STORE] is parts.store
    async with TestClient(TestServer(app)) as client:
        yield Desk(client, parts)
