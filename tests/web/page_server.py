"""A real server for tests of the page: front desk and worker as processes, the demo model, a folder of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[2]
START_S = 300.0  # a worker reads a lot before it is ready, and a busy machine takes its time
STOP_S = 20.0
IS_SLOW = "SLOW_PAGE" in os.environ  # for people who look for trouble: see slow_server.py


class PageServer:
    """A server on a free port of its own, which stays the same when it is stopped and started again.

    base: its base folder: what is saved, made and uploaded lies there. The demo model, the example picture and the
    workflows that ship are those of the checkout.
    """

    def __init__(self, base: Path, *options: str) -> None:
        self.base = base
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns as soon as anything is answered; a worker may still be on its way (`wait_for_worker`)."""
        assert self._process is None, "it runs already"
        program = ["-m", "tests.web.slow_server"] if IS_SLOW else [str(HOUSE / "main.py")]
        command = [sys.executable, *program, "--cpu", "--port", str(self.port)]
        command += ["--base-directory", str(self.base), *self._options]
        self.base.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=HOUSE)
        self._wait(lambda: self.ask("/queue") is not None)

    def wait_for_worker(self) -> None:
        """Until a worker takes jobs."""

        def is_ready() -> bool:
            status = self.ask("/heddle/status")
            return status["knows_nodes"] and any(worker["state"] == "ready" for worker in status["workers"])

        self._wait(is_ready)

    def stop(self) -> None:
        """End it in order, if it runs; `start` may follow."""
        if (process := self._process) is None:
            return
        self._process = None
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def ask(self, path: str, body: Any = None) -> Any:
        """The JSON answer of a GET, or of a POST if there is a body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def forget_drafts(self) -> None:
        """What tests before left unsaved: the page would offer it to a browser that knows none of it."""
        for draft in self.ask("/heddle/drafts")["drafts"]:
            request = urllib.request.Request(f"{self.address}/heddle/drafts/{draft['id']}", method="DELETE")
            urllib.request.urlopen(request, timeout=30).close()

    @property
    def _log(self) -> Path:
        return self.base / "server.log"

    def _wait(self, holds: Any) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                if holds():
                    return
            except (OSError, urllib.error.URLError):  # it does not listen yet
                pass
            time.sleep(0.05)
        words = self._log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise AssertionError(f"the server did not get there (process {os.getpid()} waited); it said:\n{words}")


@contextmanager
def running(server: PageServer) -> Iterator[PageServer]:
    """It runs, its worker ready, and is stopped afterwards, also if it never came so far."""
    try:
        server.start()
        server.wait_for_worker()
        yield server
    finally:
        server.stop()
