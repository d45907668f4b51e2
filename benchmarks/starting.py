"""From a command to an answer: what launch.py adds, the front desk, the worker, and the first picture."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import launch
from benchmarks.figures import CannotMeasure, Measurement, Place

ROOT = Path(launch.__file__).resolve().parent
DEMO_CHECKPOINT = "heddle-demo.safetensors"
POLL_S = 0.005
GIVE_UP_S = 120.0


def picture_prompt(checkpoint: str, *, px: int, steps: int, seed: int) -> dict[str, Any]:
    """The shipped text-to-image workflow in the API form."""

    def text_node(text: str) -> dict[str, Any]:
        return {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["loader", 1]}}

    sampling = {
        "seed": seed,
        "steps": steps,
        "cfg": 5.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1.0,
    }
    wires = {
        "model": ["loader", 0],
        "positive": ["wanted", 0],
        "negative": ["unwanted", 0],
        "latent_image": ["empty", 0],
    }
    return {
        "loader": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": checkpoint}},
        "wanted": text_node("a red circle"),
        "unwanted": text_node(""),
        "empty": {"class_type": "EmptyLatentImage", "inputs": {"width": px, "height": px, "batch_size": 1}},
        "sampler": {"class_type": "KSampler", "inputs": sampling | wires},
        "decoder": {"class_type": "VAEDecode", "inputs": {"samples": ["sampler", 0], "vae": ["loader", 2]}},
        "saver": {"class_type": "SaveImage", "inputs": {"images": ["decoder", 0], "filename_prefix": "benchmark"}},
    }


@dataclass(frozen=True)
class RunningServer:
    address: str
    started: float  # perf_counter when its process was started

    def ask(self, path: str, body: Any = None, *, timeout_s: float = 10) -> Any:
        """The JSON answer of a GET, or of a POST if there is a body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.loads(answer.read() or b"null")

    def wait_for_answer(self) -> float:
        """Seconds from the start of the process to its first answer."""
        return self._wait(lambda: self.ask("/queue", timeout_s=5) is not None)

    def wait_for_worker(self) -> float:
        """Seconds from the start of the process until a worker takes jobs, all its nodes known."""

        def is_ready() -> bool:
            status = self.ask("/heddle/status")
            return status["knows_nodes"] and any(worker["state"] == "ready" for worker in status["workers"])

        return self._wait(is_ready)

    def make_picture(self, prompt: dict[str, Any]) -> float:
        """Seconds from handing in a workflow until it is done.

        Raises: CannotMeasure, if the job fails.
        """
        start = time.perf_counter()
        job = self.ask("/prompt", {"prompt": prompt, "client_id": "benchmark"})["prompt_id"]
        while time.perf_counter() - start < GIVE_UP_S:
            record = self.ask(f"/history/{job}").get(job)
            if record is not None:
                took = time.perf_counter() - start
                if record["status"]["status_str"] != "success":
                    raise CannotMeasure(f"the demo picture failed: {json.dumps(record['status'])[:500]}")
                return took
            time.sleep(POLL_S)
        raise CannotMeasure(f"no picture after {GIVE_UP_S:.0f} s")

    def _wait(self, holds: Any) -> float:
        while time.perf_counter() - self.started < GIVE_UP_S:
            with contextlib.suppress(OSError, urllib.error.URLError):
                if holds():
                    return time.perf_counter() - self.started
            time.sleep(POLL_S)
        raise CannotMeasure(f"the server did not get there in {GIVE_UP_S:.0f} s")


@contextlib.contextmanager
def a_server(scratch: Path, user: Path, *options: str, write_ms: float = 0.0) -> Iterator[RunningServer]:
    """A server on a free port, its results in a folder that is removed; `user` stays for the next one.

    What a server leaves in the user folder is part of a warm start: the job store, and the nodes known last time.

    Args:
        write_ms: how long each of its durable writes takes at least; 0 = as the disk does.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(dir=scratch))
    program = ["-m", "benchmarks.slow_disk", str(write_ms)] if write_ms else [str(ROOT / "main.py")]
    command = [sys.executable, *program, "--port", str(port), "--cpu", "--user-directory", str(user)]
    for kind in ("output", "temp", "input"):
        command += [f"--{kind}-directory", str(folder / kind)]
    command += options
    log = (folder / "log.txt").open("wb")
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)
    try:
        yield RunningServer(f"http://127.0.0.1:{port}", started)
        if process.poll() is not None:
            words = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")
            raise CannotMeasure(f"the server ended by itself:\n{words[-2000:]}")
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def measure_front_desk(place: Place, runs: int) -> Measurement:
    """Start servers one after another; the first, which fills the disk cache, does not count."""
    values = []
    for _ in range(runs + 1):
        with a_server(place.scratch, place.scratch / "user") as server:
            values.append(server.wait_for_answer())
    return Measurement(tuple(values[1:]), {"first_start": values[0]})


def measure_worker(place: Place, runs: int) -> Measurement:
    values = []
    for _ in range(runs + 1):
        with a_server(place.scratch, place.scratch / "user") as server:
            values.append(server.wait_for_worker())
    return Measurement(tuple(values[1:]), {"first_start": values[0]})


def measure_picture(place: Place, runs: int) -> Measurement:
    """The first picture of a fresh worker: loading the demo model, 20 steps with guidance, decoding, writing."""
    if not (ROOT / "models" / "checkpoints" / DEMO_CHECKPOINT).is_file():
        raise CannotMeasure(f"models/checkpoints/{DEMO_CHECKPOINT} is not here; `main.py train-demo` makes one")
    values, second = [], []
    for run in range(runs + 1):
        with a_server(place.scratch, place.scratch / "user") as server:
            server.wait_for_worker()
            values.append(server.make_picture(picture_prompt(DEMO_CHECKPOINT, px=128, steps=20, seed=2 * run)))
            second.append(server.make_picture(picture_prompt(DEMO_CHECKPOINT, px=128, steps=20, seed=2 * run + 1)))
    return Measurement(tuple(values[1:]), {"second_picture": sorted(second[1:])[runs // 2]})


def measure_launch(place: Place, runs: int) -> Measurement:
    """What a second start through launch.py takes longer than main.py in the same environment, started in turn."""
    environment = launch.OwnEnvironment(str(ROOT / ".venv"))
    if not environment.is_ready(str(ROOT), launch.RUN_FILES):
        raise CannotMeasure(
            "the environment was not made by launch.py yet: run `python3 launch.py --help` once more "
            "after `python3 launch.py check workflows/text_to_image.json`"
        )
    base = getattr(sys, "_base_executable", None) or sys.executable
    through = [base, str(ROOT / "launch.py"), "run", "--help"]
    straight = [environment.python, str(ROOT / "main.py"), "run", "--help"]
    values = []
    for _ in range(runs + 1):
        values.append(_time_process(through) - _time_process(straight))
    return Measurement(tuple(values[1:]))


def _time_process(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ))
    return time.perf_counter() - start
