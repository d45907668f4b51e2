"""Workers and front desk killed at random moments: what was promised to clients holds all the same.

200 kills, about two and a half minutes; with --kills N as many as are asked for. The seed is printed; `--kills-seed`
takes it again.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.server.fake_worker import PNG

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 4
MOST_WAITING = 30  # jobs; the clients hold back beyond that
GIVE_UP_S = 60.0


class KilledHouse:
    """A front desk that is started again whenever it was killed, and clients that do not mind."""

    def __init__(self, base: Path, seed: int) -> None:
        self.base = base
        self.chance = random.Random(seed)
        self.accepted: set[str] = set()
        self.cancelled: set[str] = set()
        self.kills: Counter[str] = Counter()
        self.over = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.desk: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.server.crash_desk", str(self.base), str(self.port)]

    def start(self) -> None:
        with (self.base / "log.txt").open("ab") as log:
            self.desk = subprocess.Popen(self.command(), cwd=ROOT, stdout=log, stderr=log)
        self.until(lambda: self.ask("GET", "/prompt") is not None, "the front desk answers")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer; None if there was none, or an error."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                return None
            return json.loads(said) if said else {}
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def until(self, holds: Any, what: str) -> Any:
        end = time.monotonic() + GIVE_UP_S
        while not (found := holds()):
            assert time.monotonic() < end, f"{what}: not within {GIVE_UP_S:g} s"
            time.sleep(0.01)
        return found

    def be_a_client(self, name: str, seed: int) -> None:
        """Queue jobs until it is over; a request without an answer is sent again."""
        chance = random.Random(seed)
        while not self.over.is_set():
            job_id = str(uuid.UUID(int=chance.getrandbits(128)))
            body = {
                "prompt_id": job_id,
                "client_id": name,
                "priority": chance.choice([0, 0, 1]),
                "background": chance.random() < 0.2,
                "prompt": {
                    "1": {"class_type": "Count", "inputs": {"steps": 2, "pause_s": chance.choice([0.0, 0.01])}},
                    "2": {"class_type": "Save", "inputs": {"count": ["1", 0]}},
                    "3": {"class_type": "Count", "inputs": {"steps": 2, "pause_s": chance.choice([0.0, 0.02])}},
                    "4": {"class_type": "Save", "inputs": {"count": ["3", 0]}},
                },
            }
            while self.ask("POST", "/prompt", body) is None:
                time.sleep(0.01)
            self.accepted.add(job_id)
            if chance.random() < 0.1:
                time.sleep(chance.random() * 0.05)
                if (self.ask("POST", "/jobs/cancel", {"job_ids": [job_id]}) or {}).get("cancelled"):
                    self.cancelled.add(job_id)
            time.sleep(chance.random() * 0.1)
            while not self.over.is_set():
                queue = self.ask("GET", "/prompt")
                if queue is not None and queue["exec_info"]["queue_remaining"] < MOST_WAITING:
                    break
                time.sleep(0.05)

    def has_a_worker(self) -> bool:
        status = self.ask("GET", "/heddle/status") or {"workers": []}
        return any(worker["state"] in ("ready", "busy") for worker in status["workers"])

    def kill_something(self) -> None:
        """End a worker, the front desk or both, at once and without a word, and start the front desk if it is gone."""
        assert self.desk is not None
        if self.chance.random() < 0.25:  # on a busy machine, no worker would ever come to its first job
            self.until(self.has_a_worker, "a worker is ready")
        time.sleep(self.chance.random() * 0.4)
        what = self.chance.choice(["worker", "desk", "both"])
        status = self.ask("GET", "/heddle/status") or {"workers": []}
        pids = [worker["pid"] for worker in status["workers"] if worker["pid"] and worker["state"] != "waiting"]
        if what != "desk" and pids:
            try:
                os.kill(self.chance.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                pass  # it died in between
        if what != "worker" or not pids:
            self.desk.kill()
            self.desk.wait()
            self.start()
        self.kills[what] += 1

    def stop(self) -> None:
        if self.desk is not None:
            self.desk.terminate()
            self.desk.wait(20)


def recorded(base: Path) -> tuple[dict[str, str], dict[tuple[str, str], int], dict[str, int]]:
    """What the database says: states of jobs, when their output nodes were recorded as finished, when they ended."""
    database = sqlite3.connect(f"file:{base / 'user' / 'jobs.sqlite'}?mode=ro", uri=True)
    try:
        jobs = database.execute("SELECT id, state, ended_ms FROM jobs").fetchall()
        nodes = database.execute(
            "SELECT id, node_id, finished_ms FROM node_results JOIN jobs ON seq = job"
            " WHERE node_id IN ('2', '4') AND finished_ms IS NOT NULL"
        ).fetchall()
    finally:
        database.close()
    states = {str(job): str(state) for job, state, _ in jobs}
    ended = {str(job): int(at) for job, _, at in jobs if at is not None}
    return states, {(str(job), str(node)): int(at) for job, node, at in nodes}, ended


def check_promises(house: KilledHouse) -> Counter[str]:
    states, finished, ended = recorded(house.base)
    assert house.accepted - set(states) == set(), "accepted and lost"
    assert {job for job in states if job not in ended} == set(), "never ended"
    for job in house.accepted:
        outputs = (house.ask("GET", f"/heddle/jobs/{job}") or {})["outputs"]
        if states[job] == "done":
            assert set(outputs) == {"2", "4"}, (job, outputs)
        else:
            assert states[job] in ("failed", "cancelled"), (job, states[job])
        for shown in outputs.values():
            (picture,) = shown["images"]
            assert (house.base / "output" / picture["filename"]).read_bytes() == PNG
    for job in house.cancelled:
        assert states[job] in ("cancelled", "done", "failed")
    for picture in (house.base / "output").glob("[!.]*.png"):
        assert picture.read_bytes() == PNG, "half written"
    again = []
    for line in (house.base / "output" / "runs.log").read_text().splitlines():
        job, node, at, _ = line.split()
        if int(at) > finished.get((job, node), int(at)) or int(at) > ended[job]:
            again.append((line, finished.get((job, node)), states[job], ended[job]))
    assert again == [], "ran again after it was recorded as finished"
    return Counter(states.values())


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
@pytest.mark.timeout(7200)
def test_nothing_accepted_is_lost_and_nothing_finished_runs_again(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kills = int(request.config.getoption("--kills") or 0)
    seed = request.config.getoption("--kills-seed")
    seed = random.randrange(2**32) if seed is None else seed
    print(f"--kills {kills} --kills-seed {seed}")
    house = KilledHouse(tmp_path, seed)
    begun = time.monotonic()
    try:
        house.start()
        clients = [
            threading.Thread(target=house.be_a_client, args=(f"client {i}", seed + i), daemon=True)
            for i in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        while sum(house.kills.values()) < kills:
            house.kill_something()
        house.over.set()
        for client in clients:
            client.join(GIVE_UP_S)
            assert not client.is_alive()
        house.until(lambda: (house.ask("GET", "/prompt") or {}).get("exec_info") == {"queue_remaining": 0}, "all ended")
        states = check_promises(house)
        print(f"{dict(house.kills)} in {time.monotonic() - begun:.0f} s: {dict(states)}")
        assert states["done"] > kills / 2
    finally:
        house.over.set()
        house.stop()
