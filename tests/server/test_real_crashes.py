"""The real worker killed: at random moments together with the front desk, and at the moments that matter most."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.starting import picture_prompt
from server import supervisor
from tests.server.front_desk import Desk, front_desk
from tests.server.test_crashes import ROOT, KilledHouse
from tests.server.test_real_previews import real_worker
from tests.tiny_checkpoint import write_tiny_checkpoint

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL"),
    pytest.mark.timeout(600),
]

TINY = "tiny.safetensors"
KILLS = 10
JOBS = 4
STEPS = 30
START_S = 120.0

# Dies where it is told to by a file, once: in the middle of a write, or as soon as the file has its name.
FAULTS = """
import os, signal
from pathlib import Path

PLAN = Path(__file__).parents[1] / "die"
RESULTS = Path(__file__).parents[1] / "user" / "results"
link, fsync = os.link, os.fsync

def die_at(place):
    if PLAN.exists() and PLAN.read_text() == place:
        PLAN.unlink()
        os.kill(os.getpid(), signal.SIGKILL)

def watched_link(*args, **options):
    link(*args, **options)
    die_at("named")

def watched_fsync(handle):
    fsync(handle)
    die_at("half")

os.link, os.fsync = watched_link, watched_fsync

class Passage:
    INPUT_TYPES = classmethod(lambda cls: {"required": {"latent": ("LATENT",)}})
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "pass_on"

    def pass_on(self, latent):
        if PLAN.exists():
            import time
            end = time.monotonic() + 20
            while len(list(RESULTS.glob("*.result"))) < 3 and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(0.1)
        die_at("after sampling")
        return (latent,)

NODE_CLASS_MAPPINGS = {"Passage": Passage}
"""


def picture_job(number: int) -> dict[str, Any]:
    """Two pictures, one after the other, each saved under a name of its own."""
    prompt = picture_prompt(TINY, px=64, steps=STEPS, seed=number)
    prompt["saver"]["inputs"]["filename_prefix"] = f"{number}a"
    again = json.loads(json.dumps(prompt))
    again["sampler"]["inputs"] |= {"seed": 1000 + number}
    again["decoder"]["inputs"]["samples"] = ["sampler b", 0]
    again["saver"]["inputs"] |= {"filename_prefix": f"{number}b", "images": ["decoder b", 0]}
    return prompt | {f"{name} b": again[name] for name in ("sampler", "decoder", "saver")}


class RealHouse(KilledHouse):
    """main.py itself, its worker with torch."""

    def command(self) -> list[str]:
        return [
            *(sys.executable, str(ROOT / "main.py"), "--base-directory", str(self.base)),
            *("--port", str(self.port), "--cpu", "--verbose", "ERROR"),
        ]

    def worker(self) -> dict[str, Any]:
        status = self.ask("GET", "/heddle/status") or {"workers": [{"pid": None, "state": "waiting", "job_id": None}]}
        return status["workers"][0]

    def has_lost_one(self) -> bool:
        """Whether a job that has not ended outlived a worker: it is given up with the second."""
        database = sqlite3.connect(f"file:{self.base / 'user' / 'jobs.sqlite'}?mode=ro", uri=True)
        try:
            asked = "SELECT count(*) FROM jobs WHERE worker_deaths > 0 AND ended_ms IS NULL"
            return database.execute(asked).fetchone()[0] > 0
        finally:
            database.close()

    def kill_while_busy(self) -> None:
        """End the worker, the front desk or both while a job runs."""
        assert self.desk is not None
        self.until(lambda: self.worker()["job_id"] is not None, "a job runs")
        time.sleep(self.chance.random() * self.chance.choice([0.2, 3.0]))  # the same job again, or one further on
        worker = self.worker()
        what = self.chance.choice(["worker", "worker", "desk", "both"])
        if what == "worker" and self.has_lost_one():
            what = "both"  # a worker that ends with its front desk is not held against the job
        if what != "worker":
            self.desk.kill()
            self.desk.wait()
        if what != "desk" and worker["pid"] is not None:
            try:
                os.kill(worker["pid"], signal.SIGKILL)
            except ProcessLookupError:
                pass
        if what == "worker":
            self.until(lambda: self.worker()["pid"] != worker["pid"] or self.worker()["job_id"] is None, "it is missed")
        else:
            self.start()
        self.kills[what] += 1

    def events(self) -> dict[str, list[str]]:
        """The kinds of events that each job has."""
        database = sqlite3.connect(f"file:{self.base / 'user' / 'jobs.sqlite'}?mode=ro", uri=True)
        try:
            rows = database.execute("SELECT id, body FROM event_batches JOIN jobs ON seq = job ORDER BY first")
            found: dict[str, list[str]] = {}
            for job, body in rows:
                found.setdefault(job, []).extend(event["kind"] for event in json.loads(body))
            return found
        finally:
            database.close()


def saved(output: Path) -> dict[str, Path]:
    """The pictures by the beginnings of their names. Each must be whole, and one of its beginning."""
    found: dict[str, Path] = {}
    for path in output.iterdir():
        assert path.suffix == ".png" and not path.name.startswith("."), f"left behind: {path.name}"
        beginning = path.name.partition("_")[0]
        assert beginning not in found, f"saved twice: {path.name}"
        with Image.open(path) as picture:
            picture.load()
            assert picture.size == (64, 64)
        found[beginning] = path
    return found


def test_jobs_of_a_real_worker_survive_kills_at_any_moment(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--kills-seed")
    seed = random.randrange(2**32) if seed is None else seed
    print(f"--kills-seed {seed}")
    write_tiny_checkpoint(tmp_path / "models" / "checkpoints" / TINY)
    house = RealHouse(tmp_path, seed)
    jobs: list[str] = []

    def submit() -> None:
        job_id = str(uuid.UUID(int=house.chance.getrandbits(128)))
        body = {"prompt_id": job_id, "prompt": picture_job(len(jobs))}
        house.until(lambda: house.ask("POST", "/prompt", body), "a job is accepted")
        jobs.append(job_id)

    try:
        house.start()
        while len(jobs) < JOBS:
            submit()
        while sum(house.kills.values()) < KILLS:
            house.kill_while_busy()
            while len(jobs) < JOBS + sum(house.kills.values()):
                submit()
        house.until(lambda: (house.ask("GET", "/prompt") or {}).get("exec_info") == {"queue_remaining": 0}, "all ended")
        for job in jobs:
            entry = (house.ask("GET", f"/history/{job}") or {})[job]
            assert entry["status"]["completed"] is True, (job, entry["status"])
            assert set(entry["outputs"]) == {"saver", "saver b"}
            assert [kind for kind, _ in entry["status"]["messages"]].count("execution_success") == 1
        assert set(saved(tmp_path / "output")) == {f"{number}{which}" for number in range(len(jobs)) for which in "ab"}
        assert list((tmp_path / "user" / "unfinished").iterdir()) == []
        kinds = house.events()
        resumed = [each.count("job_resumed") for each in kinds.values() if "job_resumed" in each]
        print(f"{dict(house.kills)}: {len(resumed)} of {len(jobs)} jobs resumed, {sum(resumed)} times")
        assert resumed
    finally:
        house.stop()


async def is_ready(desk: Desk) -> bool:
    return all(worker["state"] == "ready" for worker in await desk.workers())


async def test_a_worker_that_dies_beside_its_work_costs_no_work_and_no_second_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.05)
    write_tiny_checkpoint(tmp_path / "models" / "checkpoints" / TINY)
    (tmp_path / "custom_nodes").mkdir()
    (tmp_path / "custom_nodes" / "faults.py").write_text(FAULTS)
    plan, output = tmp_path / "die", tmp_path / "output"
    async with front_desk(tmp_path, real_worker(tmp_path, "--disk-cache-worth-s", "0")) as desk:
        await desk.until(lambda: is_ready(desk), timeout_s=START_S)
        listener = await desk.socket("me")
        told: list[dict[str, Any]] = []
        for number, place in enumerate(("half", "named", "after sampling")):
            prompt = picture_prompt(TINY, px=64, steps=4, seed=number)
            prompt["saver"]["inputs"]["filename_prefix"] = f"{number}"
            prompt["passage"] = {"class_type": "Passage", "inputs": {"latent": ["sampler", 0]}}
            prompt["decoder"]["inputs"]["samples"] = ["passage", 0]
            plan.write_text(place)
            job_id = await desk.submit(prompt, client_id="me")
            entry = await desk.ended(job_id, timeout_s=START_S)
            assert entry["status"]["completed"] is True and not plan.exists()
            events = [event.body["kind"] for event in await desk.parts.store.events_since(job_id, 0) or ()]
            assert events.count("job_requeued") == events.count("job_resumed") == 1
            explained = await desk.parts.store.explain(job_id)
            assert explained is not None
            told.append({node: each["how"] for node, each in explained.items()})
            assert set(saved(output)) == {str(each) for each in range(number + 1)}
        assert not listener.closed
    assert told[2]["sampler"] == "disk" and told[2]["passage"] == told[2]["saver"] == "ran"
    assert told[0]["saver"] == told[1]["saver"] == "ran"
