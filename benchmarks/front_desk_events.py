"""One front desk takes the events of a long chain from a worker that only plays them, while a client listens.

Run as `python -m benchmarks.front_desk_events FOLDER`; prints as JSON:
cpu_ms: processor time of the front desk, all its threads, from the job's start to its end.
bytes: what the client was sent in that time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from execution.protocol import pack, unpack
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from server.app import build_app
from server.serve import bind, gather_parts
from server.transport import Ending, Take

NODES = 1_000
BATCH = 100  # events in one message of a worker
RECORD = {"input": {"required": {}}, "output": ["*"], "output_node": True}
CLIENT = """
import asyncio, json, sys, aiohttp

async def main():
    async with aiohttp.ClientSession() as session, session.ws_connect(sys.argv[1]) as socket:
        print("here", flush=True)
        count = 0
        async for message in socket:
            count += len(message.data)
            if '"node":null' in message.data:
                break
        print(count)

asyncio.run(main())
"""


class PlayedWorker:
    """A transport whose other end is a list of events, ready in the form in which a pipe would bring them."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._take: Take = lambda message, blob: None

    async def start(self, take: Take) -> None:
        self._take = take
        take({"type": "hello", "pid": 0}, None)
        take({"type": "catalogue", "nodes": {"Step": RECORD}}, None)
        take({"type": "ready"}, None)

    def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "run":
            asyncio.get_running_loop().create_task(self._play(message["job_id"]))

    async def ended(self) -> Ending:
        await self._over.wait()
        return Ending("ended")

    async def stop(self, patience_s: float) -> None:
        self._over.set()

    async def _play(self, job_id: str) -> None:
        events: list[dict[str, Any]] = [{"kind": "job_started"}, {"kind": "nodes_cached", "nodes": []}]
        for node in range(NODES):
            events.append({"kind": "node_started", "node_id": str(node)})
            events.append({"kind": "node_finished", "node_id": str(node), "output": None, "cached": False})
        for start in range(0, len(events), BATCH):
            sent = pack({"type": "events", "job_id": job_id, "events": events[start : start + BATCH]})
            self._take(*unpack(sent))
            await asyncio.sleep(0)
        last = {"kind": "job_finished", "status": "success", "executed": [str(node) for node in range(NODES)]}
        self._take({"type": "event", "job_id": job_id, "event": last}, None)


async def main(folder: Path) -> None:
    settings = Settings(base_directory=folder)

    def check(prompt: Any, records: Any, targets: Any) -> tuple[list[str], None, dict[str, Any]]:
        return [str(NODES - 1)], None, {}

    parts = gather_parts(settings, Folders.from_settings(settings), [PlayedWorker], check, None, folder, folder)
    (listening,) = bind(["127.0.0.1"], 0)
    runner = web.AppRunner(build_app(parts))
    await runner.setup()
    await web.SockSite(runner, listening).start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/ws?clientId=watcher"
    client = subprocess.Popen([sys.executable, "-c", CLIENT, url], stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    await asyncio.to_thread(client.stdout.readline)
    prompt = {str(i): {"class_type": "Step", "inputs": {"x": [str(i - 1), 0]} if i else {}} for i in range(NODES)}
    before = time.process_time()
    job = await parts.intake.submit({"prompt": prompt, "client_id": "watcher"})
    await parts.store.wait_until_ended(job["prompt_id"], 60)
    sent = await asyncio.to_thread(client.stdout.read)
    cpu_s = time.process_time() - before
    await runner.cleanup()
    print(json.dumps({"cpu_ms": 1000 * cpu_s, "bytes": int(sent)}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
