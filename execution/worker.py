"""The worker: takes jobs, runs them one after another, sends events up. It may die at any moment.

One class serves the child process of a server and the command line in one process; only the transport differs.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from execution.check import Report, check_prompt
from execution.driver import House, Job, run_job
from execution.events import Event, JobFinished, JobStarted
from execution.fingerprints import Fingerprints
from execution.protocol import pack, unpack
from heddle.graph.registry import Registry

#: How long a worker whose front desk is gone waits for a node to notice that it should stop.
FAREWELL_S = 2.0


class Connection(Protocol):
    """A duplex pipe for whole messages, as multiprocessing makes them."""

    def send_bytes(self, buf: bytes, /) -> None: ...
    def recv_bytes(self) -> bytes: ...
    def close(self) -> None: ...


class Worker:
    """Runs jobs with the nodes of a registry in a house."""

    def __init__(self, registry: Registry, house: House, fingerprints: Fingerprints) -> None:
        self.registry = registry
        self.house = house
        self._fingerprints = fingerprints
        self._lock = threading.Lock()
        self._stops: dict[str, threading.Event] = {}

    def check(self, prompt: Any, targets: Collection[str] | None = None) -> Report:
        """Hold a graph of the API form against the nodes and files that are here."""
        return check_prompt(
            prompt,
            self.registry,
            list_files=self.house.folders.list_files,
            has_file=self._fingerprints.is_there,
            targets=targets,
        )

    def expect(self, job_id: str) -> threading.Event:
        """Make a job known before it runs, so that it can be interrupted from then on."""
        with self._lock:
            return self._stops.setdefault(job_id, threading.Event())

    def run(
        self,
        job_id: str,
        prompt: Mapping[str, Any],
        emit: Callable[[Event], None],
        *,
        extra_pnginfo: Mapping[str, Any] | None = None,
        targets: Collection[str] | None = None,
    ) -> JobFinished:
        """Check and run one graph to its end; the last event says how it went."""
        stop = self.expect(job_id)
        try:
            report = self.check(prompt, targets)
            if report.plan is None:
                emit(JobStarted())
                finished = JobFinished("error", message="\n".join(report.messages))
                emit(finished)
                return finished
            return run_job(Job(job_id, report.plan, prompt, extra_pnginfo or {}, stop), self.house, emit)
        finally:
            with self._lock:
                self._stops.pop(job_id, None)

    def interrupt(self, job_id: str | None = None) -> None:
        """Ask one job, or all that are known, to stop at the next chance."""
        with self._lock:
            for each, stop in self._stops.items():
                if job_id is None or each == job_id:
                    stop.set()

    def free(self, *, models: bool, results: bool) -> None:
        """Give back the memory of weights, and of kept results."""
        if results:
            self.house.cache.clear()
        if models:
            self.house.weights.release_all()


def serve_connection(
    worker: Worker, connection: Connection, describe: Callable[[], dict[str, Any]], *, ready: Callable[[], None]
) -> None:
    """Serve a front desk at the other end of a pipe until it says stop or goes away.

    Nodes run on this thread; a second one reads, so that an interrupt is heard while a node works.

    Args:
        describe: the devices, as clients of /system_stats read them.
        ready: what is left to do before the first job, after the catalogue was sent.
    """
    sending = threading.Lock()
    inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    idle = threading.Event()

    def send(message: dict[str, Any], blob: bytes | None = None) -> None:
        with sending:
            connection.send_bytes(pack(message, blob))

    def read() -> None:
        while True:
            try:
                message, _ = unpack(connection.recv_bytes())
            except (EOFError, OSError):
                inbox.put(None)
                worker.interrupt()
                idle.wait(FAREWELL_S)
                os._exit(0)  # nobody is left to work for, and a node in a long computation would hold the memory
            match message.get("type"):
                case "interrupt":
                    worker.interrupt(message.get("job_id"))
                case "stop":
                    worker.interrupt()
                    inbox.put(None)
                case "run":
                    worker.expect(str(message["job_id"]))
                    inbox.put(message)
                case _:
                    inbox.put(message)

    threading.Thread(target=read, name="front desk", daemon=True).start()
    try:
        send({"type": "hello", "pid": os.getpid(), **describe()})
        send({"type": "catalogue", "nodes": worker.registry.catalogue()})
        ready()
        send({"type": "ready"})
        while (message := inbox.get()) is not None:
            if message.get("type") == "run":
                _run(worker, message, send)
            elif message.get("type") == "free":
                worker.free(models=bool(message.get("unload_models")), results=bool(message.get("free_memory")))
    except (BrokenPipeError, ConnectionError):
        pass  # the front desk went away between two messages
    finally:
        idle.set()


def _run(worker: Worker, message: Mapping[str, Any], send: Callable[[dict[str, Any], bytes | None], None]) -> None:
    job_id = str(message["job_id"])
    extra = (message.get("extra_data") or {}).get("extra_pnginfo") or {}

    def emit(event: Event) -> None:
        picture = getattr(event, "picture", None)
        send({"type": "event", "job_id": job_id, "event": event.as_message()}, picture)

    worker.run(job_id, message["prompt"], emit, extra_pnginfo=extra, targets=message.get("targets"))
