"""A front desk that is killed while its worker works: what the worker was about does not happen beside the next one."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from execution.lifeline import is_worker_alive, tied_to_front_desk
from server import supervisor
from tests.server.front_desk import front_desk
from tests.server.saving_desk import HOLD_S
from tests.server.test_crashes import KilledHouse

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")

SAVE = {
    "1": {"class_type": "Make", "inputs": {"text": "a", "count": 1, "mode": "plain"}},
    "2": {"class_type": "Save", "inputs": {"thing": ["1", 0]}},
}


class SavingHouse(KilledHouse):
    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.server.saving_desk", str(self.base), str(self.port)]

    def worker(self) -> dict[str, Any] | None:
        """The worker, once it is ready."""
        status = self.ask("GET", "/heddle/status")
        return next((each for each in (status or {"workers": []})["workers"] if each["state"] == "ready"), None)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SavingHouse]:
    house = SavingHouse(tmp_path, 0)
    house.start()
    try:
        yield house
    finally:
        house.stop()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked about does not."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(told) and not told.startswith("Z")


def test_a_save_that_a_killed_front_desk_cut_off_leaves_one_file(house: SavingHouse) -> None:
    assert house.desk is not None
    house.until(house.worker, "a worker is ready")
    (house.base / "hold").touch()
    accepted = house.ask("POST", "/prompt", {"prompt": SAVE})
    assert accepted is not None
    house.until((house.base / "held").exists, "the save has begun")
    house.desk.kill()
    house.desk.wait()
    begun = time.monotonic()
    house.start()
    entry = house.until(lambda: house.ask("GET", f"/history/{accepted['prompt_id']}"), "the job has ended")
    assert entry[accepted["prompt_id"]]["status"]["completed"] is True, json.dumps(entry)
    time.sleep(max(0.0, begun + HOLD_S + 0.5 - time.monotonic()))  # a worker that lived on would have saved as well
    assert [path.name for path in (house.base / "output").iterdir()] == ["thing_00001_.txt"]
    assert list((house.base / "user" / "unfinished").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next front desk waits for it")
def test_a_worker_that_hears_nothing_ends_with_its_front_desk_all_the_same(house: SavingHouse) -> None:
    assert house.desk is not None
    pid = house.until(house.worker, "a worker is ready")["pid"]
    os.kill(pid, signal.SIGSTOP)
    house.desk.kill()
    house.desk.wait()
    house.until(lambda: not is_alive(pid), "the worker ends")
    house.start()
    house.until(house.worker, "the next worker is ready")


def be_a_worker(user_folder: Path, pipe: Any) -> None:
    with tied_to_front_desk(user_folder):
        pipe.send("here")
        pipe.recv()


def test_a_worker_is_seen_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    assert not is_worker_alive(tmp_path / "user")
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=be_a_worker, args=(tmp_path / "user", theirs))
    process.start()
    assert ours.recv() == "here" and is_worker_alive(tmp_path / "user")
    process.kill()
    process.join()
    assert not is_worker_alive(tmp_path / "user")


async def test_no_worker_begins_before_those_of_a_killed_front_desk_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "OTHERS_EVERY_S", 0.01)
    other = tied_to_front_desk(tmp_path / "user")
    other.__enter__()
    async with front_desk(tmp_path) as desk:

        async def says_why() -> bool:
            (worker,) = await desk.workers()
            return "was killed" in worker["note"] and worker["state"] == "starting" and worker["pid"] is None

        await desk.until(says_why)
        other.__exit__(None, None, None)
        assert (await desk.ended(await desk.submit()))["status"]["completed"] is True
