"""What a client hears: the same graphs as in `graphs.py` through a server, with someone watching; and what is resident.

A job's time is from `execution_start` to `execution_success` as the client gets them, so the messages between, the
front desk and its store are part of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks import trivial_nodes
from benchmarks.figures import CannotMeasure, Figure, Measurement, Place
from benchmarks.graphs import LIMITS_MS, SHAPES, SIZE, chain
from benchmarks.starting import DEMO_CHECKPOINT, ROOT, RunningServer, a_server, picture_prompt

CLIENT = "watcher"
FEW, MANY = 100, 900  # nodes of the chains whose messages are counted
FEW_LIMIT_KB = 100.0
GROWTH_LIMIT = 1.25 * MANY / FEW
DESK_LIMIT_MB, WORKER_LIMIT_MB = 80.0, 450.0
AGAIN_LIMIT_MS = 5.0
GIVE_UP_S = 120.0
SETTLE_S = 2.0  # until a process that is ready has let go of what starting took


@dataclass
class Heard:
    """One job as its client heard it."""

    ms: float = 0.0
    bytes: int = 0
    messages: int = 0
    ran: list[str] = field(default_factory=list)


class Watcher:
    """A client that listens while its jobs run."""

    def __init__(self, server: RunningServer, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse):
        self.server = server
        self._session = session
        self._socket = socket

    async def run(self, prompt: dict[str, Any]) -> Heard:
        """Hand in a graph and listen to its end. Raises: CannotMeasure, if it is no success."""
        heard, begun = Heard(), 0.0
        body = {"prompt": prompt, "client_id": CLIENT}
        async with self._session.post(f"{self.server.address}/prompt", json=body) as answer:
            answer.raise_for_status()
            job_id = (await answer.json())["prompt_id"]
        texts: list[str] = []
        while True:
            message = await self._socket.receive(timeout=GIVE_UP_S)
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                raise CannotMeasure(f"the websocket ended: {message}")
            heard.bytes += len(message.data)
            heard.messages += 1
            if message.type is aiohttp.WSMsgType.BINARY:
                continue
            beginning = message.data[:40]
            if '"execution_start"' in beginning:
                begun = time.perf_counter()
            elif '"execution_success"' in beginning:
                heard.ms = 1000 * (time.perf_counter() - begun)
            elif '"execution_error"' in beginning:
                raise CannotMeasure(f"the job failed: {message.data[:500]}")
            elif '"executing"' in beginning and '"node":null' in message.data.replace(" ", ""):
                break
            texts.append(message.data)
        for told in map(json.loads, texts):
            if told["type"] == "executing" and told["data"]["prompt_id"] == job_id:
                heard.ran.append(told["data"]["node"])
        return heard

    async def forget_results(self) -> None:
        """Have the worker give back what it keeps."""
        async with self._session.post(f"{self.server.address}/free", json={"free_memory": True}) as answer:
            answer.raise_for_status()


@contextlib.asynccontextmanager
async def a_watcher(place: Place, *options: str) -> AsyncIterator[Watcher]:
    """A server with a warm worker, and its only client. Without options its only pack is that of the trivial nodes."""
    with contextlib.ExitStack() as held:
        user = Path(held.enter_context(tempfile.TemporaryDirectory(dir=place.scratch)))
        if not options:
            packs = user / "base" / "custom_nodes"
            packs.mkdir(parents=True)
            shutil.copy(trivial_nodes.__file__, packs)
            options = ("--base-directory", str(user / "base"))
        server = held.enter_context(a_server(place.scratch, user, *options))
        await asyncio.to_thread(server.wait_for_worker)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{server.address}/ws?clientId={CLIENT}", max_msg_size=0) as socket,
        ):
            yield Watcher(server, session, socket)


async def watch_states(watcher: Watcher, shape: str, size: int) -> dict[str, float]:
    """Milliseconds of a first run, a repeated one, and one with a change at the head or at the tail."""
    make = SHAPES[shape]
    await watcher.forget_results()
    first = (await watcher.run(make(size))).ms
    cached = (await watcher.run(make(size))).ms
    tail = (await watcher.run(make(size, tail=3))).ms
    return {"first": first, "cached": cached, "tail": tail, "head": (await watcher.run(make(size, head=5))).ms}


def _with_watcher(place: Place, work: Callable[[Watcher], Awaitable[Measurement]], *options: str) -> Measurement:
    async def go() -> Measurement:
        async with a_watcher(place, *options) as watcher:
            return await work(watcher)

    return asyncio.run(go())


def _measure_states(shape: str, state: str) -> Callable[[Place, int], Measurement]:
    def measure(place: Place, runs: int) -> Measurement:
        async def work(watcher: Watcher) -> Measurement:
            await watch_states(watcher, shape, 100)  # whatever is imported or compiled on first use
            found = [await watch_states(watcher, shape, SIZE) for _ in range(runs)]
            return Measurement(tuple(each[state] for each in found), {"nodes": SIZE})

        return _with_watcher(place, work)

    return measure


async def _traffic(watcher: Watcher, runs: int) -> tuple[list[int], list[int]]:
    """Bytes told of first runs of a short and of a long chain."""
    sizes: dict[int, list[int]] = {FEW: [], MANY: []}
    for run in range(runs):
        for size, found in sizes.items():
            found.append((await watcher.run(chain(size, head=1_000 * size + run))).bytes)
    return sizes[FEW], sizes[MANY]


def measure_traffic(place: Place, runs: int) -> Measurement:
    """What one watching client is told of a chain, in kilobytes."""

    async def work(watcher: Watcher) -> Measurement:
        few, many = await _traffic(watcher, runs)
        return Measurement(tuple(each / 1000 for each in few), {"nodes": FEW, "bytes": few, f"bytes_of_{MANY}": many})

    return _with_watcher(place, work)


def measure_traffic_growth(place: Place, runs: int) -> Measurement:
    async def work(watcher: Watcher) -> Measurement:
        few, many = await _traffic(watcher, runs)
        return Measurement(tuple(b / a for a, b in zip(few, many)), {"bytes": few, f"bytes_of_{MANY}": many})

    return _with_watcher(place, work)


def _measure_memory(who: str) -> Callable[[Place, int], Measurement]:
    """Resident megabytes of the front desk or of an idle worker, some moments after the worker is ready."""

    def measure(place: Place, runs: int) -> Measurement:
        values = []
        for _ in range(runs):
            with a_server(place.scratch, place.scratch / "user") as server:
                server.wait_for_worker()
                time.sleep(SETTLE_S)
                (worker,) = server.ask("/heddle/status")["workers"]
                process: psutil.Process | None = psutil.Process(worker["pid"])
                if who == "desk":
                    process = process.parent() if process is not None else None
                assert process is not None
                values.append(process.memory_info().rss / 1e6)
        return Measurement(tuple(values))

    return measure


def measure_again(place: Place, runs: int) -> Measurement:
    """A picture that was made already; then one of which only the name is new.

    Raises: CannotMeasure, if more than the save runs for the new name, or anything for the old one.
    """
    if not (ROOT / "models" / "checkpoints" / DEMO_CHECKPOINT).is_file():
        raise CannotMeasure(f"models/checkpoints/{DEMO_CHECKPOINT} is not here; `main.py train-demo` makes one")

    async def work(watcher: Watcher) -> Measurement:
        prompt = picture_prompt(DEMO_CHECKPOINT, px=128, steps=4, seed=1)
        await watcher.run(prompt)
        again, renamed = [], []
        for run in range(runs):
            heard = await watcher.run(prompt)
            if heard.ran:
                raise CannotMeasure(f"nothing was changed, and these nodes ran: {', '.join(heard.ran)}")
            again.append(heard.ms)
            prompt["saver"]["inputs"]["filename_prefix"] = f"renamed{run}"
            heard = await watcher.run(prompt)
            if heard.ran != ["saver"]:
                raise CannotMeasure(f"only the name was changed, and these nodes ran: {', '.join(heard.ran)}")
            renamed.append(heard.ms)
        return Measurement(tuple(again), {"renamed_ms": renamed})

    return _with_watcher(place, work, "--verbose", "WARNING")


WATCHING_FIGURES = (
    *(
        Figure(f"watched_{shape}_{state}", f"{shape} of {SIZE:,} watched, {state}", "ms", limit, measure)
        for shape in SHAPES
        for state, limit in LIMITS_MS.items()
        for measure in [_measure_states(shape, state)]
    ),
    Figure("traffic", f"told to a client of {FEW} nodes", "kB", FEW_LIMIT_KB, measure_traffic),
    Figure("traffic_growth", f"bytes for {MANY} nodes / for {FEW}", "x", GROWTH_LIMIT, measure_traffic_growth),
    Figure("desk_memory", "front desk, resident, worker ready", "MB", DESK_LIMIT_MB, _measure_memory("desk")),
    Figure("worker_memory", "idle worker, resident", "MB", WORKER_LIMIT_MB, _measure_memory("worker")),
    Figure("again", "text to image again, unchanged", "ms", AGAIN_LIMIT_MS, measure_again),
)
