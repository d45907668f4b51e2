"""From a request to a job that runs: what the job store, the line and the front desk cost."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.figures import Measurement, Place, time_write
from benchmarks.starting import GIVE_UP_S, ROOT, RunningServer, a_server
from server.store import NewJob, Store, Which, now_ms
from server.store.records import ENDED

SMALL_JOBS = 200
CLIENTS, JOBS_PER_CLIENT = 16, 40
MANY, LABELS = 100_000, 50
TRIES = 20
SLOW_WRITE_MS = 5.0  # a durable write on the disk that the limits of `executing` and `small_jobs` were set on
PICTURE = "benchmark.png"
ONE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def small_prompt(number: int) -> dict[str, Any]:
    """A job that is done at once, and whose middle node no other job has."""
    scaling = {"upscale_method": "nearest-exact", "width": 8, "height": 1 + number % 4096, "crop": "disabled"}
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": PICTURE}},
        "2": {"class_type": "ImageScale", "inputs": {"image": ["1", 0], **scaling}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
    }


class Desk:
    """A client of a server whose worker is warm."""

    def __init__(self, server: RunningServer, session: aiohttp.ClientSession) -> None:
        self.address = server.address
        self.session = session
        self.number = 0

    async def submit(self, client_id: str | None = None) -> str:
        self.number += 1
        body = {"prompt": small_prompt(self.number), "client_id": client_id}
        async with self.session.post(f"{self.address}/prompt", json=body) as answer:
            answer.raise_for_status()
            return (await answer.json())["prompt_id"]

    async def all_done(self) -> None:
        end = time.perf_counter() + GIVE_UP_S
        while time.perf_counter() < end:
            async with self.session.get(f"{self.address}/prompt") as answer:
                if (await answer.json())["exec_info"]["queue_remaining"] == 0:
                    return
            await asyncio.sleep(0.002)
        raise TimeoutError(f"jobs are not done after {GIVE_UP_S:.0f} s")


@contextlib.asynccontextmanager
async def a_desk(place: Place, durability: str, write_ms: float) -> AsyncIterator[Desk]:
    """A server with a worker that has run a job."""
    with (
        tempfile.TemporaryDirectory(dir=place.scratch) as user,
        a_server(place.scratch, Path(user), "--job-durability", durability, write_ms=write_ms) as server,
    ):
        await asyncio.to_thread(server.wait_for_worker)
        async with aiohttp.ClientSession() as session:
            desk = Desk(server, session)
            form = aiohttp.FormData()
            form.add_field("image", ONE_PIXEL, filename=PICTURE)
            async with session.post(f"{server.address}/upload/image", data=form) as answer:
                answer.raise_for_status()
            for _ in range(5):
                await desk.submit()
            await desk.all_done()
            yield desk


async def time_to_executing(desk: Desk) -> float:
    """Median milliseconds from a request to the message that the job's first node runs."""
    times = []
    async with desk.session.ws_connect(f"{desk.address}/ws?clientId=benchmark") as socket:
        for _ in range(TRIES):
            start, begun = time.perf_counter(), None
            sending = asyncio.create_task(desk.submit("benchmark"))
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                told = json.loads(message.data)
                if told["type"] == "executing" and begun is None:
                    begun = time.perf_counter()
                if told["type"] == "executing" and told["data"]["node"] is None:
                    break
            assert begun is not None
            times.append(1000 * (begun - start))
            await sending
            await asyncio.sleep(0.01)
    return statistics.median(times)


async def time_small_jobs(desk: Desk) -> float:
    """Seconds until jobs posted one after another are all accepted and done."""
    start = time.perf_counter()
    for _ in range(SMALL_JOBS):
        await desk.submit()
    await desk.all_done()
    return time.perf_counter() - start


async def time_many_clients(desk: Desk) -> float:
    """Milliseconds for each of the jobs that many clients post at once, until it is accepted."""

    async def be_a_client() -> None:
        name = uuid.uuid4().hex
        for _ in range(JOBS_PER_CLIENT):
            await desk.submit(name)

    start = time.perf_counter()
    await asyncio.gather(*(be_a_client() for _ in range(CLIENTS)))
    took = time.perf_counter() - start
    async with desk.session.post(f"{desk.address}/queue", json={"clear": True}):
        pass
    await desk.all_done()
    return 1000 * took / (CLIENTS * JOBS_PER_CLIENT)


def _on_desks(
    place: Place, runs: int, durability: str, measure: Callable[[Desk], Awaitable[float]], write_ms: float = 0.0
) -> list[float]:
    async def go() -> list[float]:
        async with a_desk(place, durability, write_ms) as desk:
            return [await measure(desk) for _ in range(runs)]

    return asyncio.run(go())


def measure_executing(place: Place, runs: int) -> Measurement:
    return Measurement(tuple(_on_desks(place, runs, "full", time_to_executing)))


def measure_executing_slow(place: Place, runs: int) -> Measurement:
    return Measurement(tuple(_on_desks(place, runs, "full", time_to_executing, SLOW_WRITE_MS)))


def measure_executing_normal(place: Place, runs: int) -> Measurement:
    return Measurement(tuple(_on_desks(place, runs, "normal", time_to_executing)))


def measure_small_jobs(place: Place, runs: int) -> Measurement:
    """Against the time that the disk itself needs for two writes a job, with 15 % and 0.2 s for everything else."""
    return _small_jobs(place, runs, time_write(place.scratch))


def measure_small_jobs_slow(place: Place, runs: int) -> Measurement:
    return _small_jobs(place, runs, SLOW_WRITE_MS / 1000, SLOW_WRITE_MS)


def _small_jobs(place: Place, runs: int, write_s: float, write_ms: float = 0.0) -> Measurement:
    allowed_s = 2 * SMALL_JOBS * write_s * 1.15 + 0.2
    # Each on a server of its own: the node that shows pictures takes longer for a name the more there are.
    seconds = [_on_desks(place, 1, "full", time_small_jobs, write_ms)[0] for _ in range(runs)]
    return Measurement(tuple(each / allowed_s for each in seconds), {"seconds": seconds, "allowed_s": allowed_s})


def measure_small_jobs_normal(place: Place, runs: int) -> Measurement:
    return Measurement(tuple(_on_desks(place, 1, "normal", time_small_jobs)[0] for _ in range(runs)))


def measure_many_clients(place: Place, runs: int) -> Measurement:
    times = _on_desks(place, runs, "full", time_many_clients)
    return Measurement(tuple(times), {"jobs_per_s": [1000 / each for each in times]})


def measure_many_waiting(place: Place, runs: int) -> Measurement:
    """The slowest of submitting, listing a page, moving and cancelling, with many jobs in the queue."""

    async def go(folder: Path) -> dict[str, list[float]]:
        store = Store(folder / "jobs.sqlite")
        await store.open()
        await asyncio.gather(*(store.accept(_row(i, CLIENTS)) for i in range(MANY)))
        names = ("submit", "page", "far_page", "move", "beside", "cancel")
        times: dict[str, list[float]] = {name: [] for name in names}
        for run in range(runs):
            spans: dict[str, list[float]] = {name: [] for name in times}
            for i in range(TRIES):
                job = f"{run} {i}"
                for name, work in (
                    ("submit", lambda job=job: store.accept(_row(0, CLIENTS, job))),
                    ("page", lambda: store.waiting_page(100)),
                    ("far_page", lambda: store.waiting_page(100, MANY - 200)),
                    ("move", lambda job=job: store.move(job, number=MANY / 2)),
                    ("beside", lambda job=job: store.move_beside(job, f"job {MANY // 2}", behind=True)),
                    ("cancel", lambda job=job: store.cancel_waiting([job])),
                ):
                    spans[name].append(await _ms(work))
            for name, each in spans.items():
                times[name].append(statistics.median(each))
        await store.close()
        return times

    with tempfile.TemporaryDirectory(dir=place.scratch) as folder:
        times = asyncio.run(go(Path(folder)))
    return Measurement(tuple(max(each) for each in zip(*times.values())), dict(times))


def measure_long_history(place: Place, runs: int) -> Measurement:
    """The slowest of a page of the newest, of those far back, and of the known interface's history, in a long one."""

    async def go(folder: Path) -> dict[str, list[float]]:
        store = Store(folder / "jobs.sqlite")
        await store.open()
        await asyncio.gather(*(store.accept(_row(i, CLIENTS)) for i in range(MANY)))
        jobs = [await store.claim() for _ in range(MANY)]
        shown = {"kind": "node_finished", "node_id": "2", "output": {"images": [{"filename": "a.png"}]}}
        for start in range(0, MANY, 1000):
            some = [job for job in jobs[start : start + 1000] if job is not None]
            for job in some:
                store.record(job.seq, job.id, 1, now_ms(), [shown])
            await asyncio.gather(*(store.finish(job.id, "success") for job in some))
        pages = {
            "newest": (Which(ENDED), 0),
            "far_back": (Which(ENDED), MANY - 200),
            "client_far_back": (Which(client_id="client 3"), MANY // CLIENTS - 200),
            "label_far_back": (Which(ENDED, label="label 3"), MANY // LABELS - 200),
            "client_and_label": (Which(client_id="client 3", label="label 3"), 0),
            "duration_far_back": (Which(ENDED, by_duration=True), MANY - 200),
        }
        works: dict[str, Callable[[], Awaitable[Any]]] = {
            name: lambda which=which, offset=offset: store.list_jobs(which, 100, offset)
            for name, (which, offset) in pages.items()
        }
        works["history"] = lambda: store.history(100)
        works["history_far_back"] = lambda: store.history(100, MANY - 200)
        times: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(runs):
            for name, work in works.items():
                times[name].append(statistics.median([await _ms(work) for _ in range(TRIES)]))
        await store.close()
        return times

    with tempfile.TemporaryDirectory(dir=place.scratch) as folder:
        times = asyncio.run(go(Path(folder)))
    return Measurement(tuple(max(each) for each in zip(*times.values())), dict(times))


def measure_events(place: Place, runs: int) -> Measurement:
    """Processor milliseconds of the front desk for the events of a chain of a thousand nodes, stored and told."""
    told = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(dir=place.scratch) as folder:
            command = [sys.executable, "-m", "benchmarks.front_desk_events", folder]
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            told.append(json.loads(done.stdout))
    return Measurement(tuple(each["cpu_ms"] for each in told), {"bytes_told": [each["bytes"] for each in told]})


def _row(number: int, clients: int, job_id: str | None = None) -> NewJob:
    name = f"client {number % clients}"
    label = f"label {number % LABELS}"
    prompt = small_prompt(number)
    return NewJob(job_id or f"job {number}", prompt, ["3"], {"client_id": name}, client_id=name, label=label)


async def _ms(work: Callable[[], Awaitable[Any]]) -> float:
    start = time.perf_counter()
    await work()
    return 1000 * (time.perf_counter() - start)
