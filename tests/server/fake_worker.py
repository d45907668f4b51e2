"""A worker without torch, for tests: the same messages on the same pipe, nodes that count, fail or die.

It runs as a real child process (`in_a_process`) or as a thread (`in_a_thread`), so that the tests that need no process
to kill are fast.
"""

from __future__ import annotations

import base64
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from execution.lifeline import tied_to_front_desk
from execution.protocol import Wire, open_wire, pack, unpack

# A PNG of one red pixel.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")


def record(inputs: dict[str, Any], *, output_node: bool = False) -> dict[str, Any]:
    return {
        "input": {"required": inputs},
        "input_order": {"required": list(inputs)},
        "output": [] if output_node else ["COUNT"],
        "output_node": output_node,
    }


CATALOGUE = {
    "Count": record({"steps": ["INT", {"default": 3}], "pause_s": ["FLOAT", {"default": 0.0}]}),
    "Load": record({"name": ["COMBO", {"options": {"files": "checkpoints"}}]}),
    "Fail": record({"count": ["COUNT", {}]}),
    "Die": record({"count": ["COUNT", {}]}),
    "Save": record({"count": ["COUNT", {}]}, output_node=True),
    "Step": record({"count": ["COUNT", {}]}),  # does nothing; its events come in batches
    "Deaf": record({"count": ["COUNT", {}]}),  # does not hear an interruption
    "Mute": record({}),  # is deaf, and its worker cannot even say that it began
    "Grow": record({"mb": ["INT", {}]}),  # takes memory and waits
    "Picky": record({"count": ["COUNT", {}]})
    | {"validates": {"names": ["count"], "all": False, "types": False}},  # takes no "bad"
}
BATCH = 200  # events
_DEVICE = {"name": "fake", "size_bytes": 9, "limit_bytes": 8, "reserve_bytes": 0, "others_bytes": 1}
MEMORY = {"resident_bytes": 5, "devices": [_DEVICE | {"used_bytes": 4, "weights_bytes": 3, "nets": []}]}


class _Interrupted(Exception):
    pass


class FakeWorker:
    """Answers messages on a pipe until it ends."""

    def __init__(self, pipe: Wire, output: str, hello: bool = True) -> None:
        self._pipe = pipe
        self._output = Path(output)
        self._sending = threading.Lock()
        self._interrupted = threading.Event()
        self._jobs: list[dict[str, Any]] = []
        self._wake = threading.Condition()
        self._over = False
        self._held: list[bytes] = []  # memory that Grow took
        self._holding: list[str] = []
        self._batch: list[dict[str, Any]] = []

    def run(self) -> None:
        self.send({"type": "hello", "pid": os.getpid(), "python": "3", "torch": "none", "devices": [{"name": "fake"}]})
        self.send({"type": "catalogue", "nodes": CATALOGUE})
        self.send({"type": "ready"})
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._jobs or self._over)
                if self._over:
                    break
                job = self._jobs.pop(0)
            try:
                self._run_job(job)
            except (OSError, TypeError):  # TypeError: the pipe was closed by another thread meanwhile
                break
        self._pipe.close()

    def send(self, message: dict[str, Any], blob: bytes | None = None) -> None:
        with self._sending:
            self._pipe.send_bytes(pack(message, blob))

    def _listen(self) -> None:
        try:
            while True:
                message, _ = unpack(self._pipe.recv_bytes())
                if message["type"] == "interrupt":
                    self._interrupted.set()
                with self._wake:
                    if message["type"] == "stop":
                        break
                    if message["type"] == "run":
                        self._interrupted.clear()  # here, not when it begins: its own interruption may come before
                        self._jobs.append(message)
                    elif message["type"] == "validate":
                        problems = {
                            each: "no bad counts"
                            for each in message["nodes"]
                            if message["prompt"][each]["inputs"].get("count") == "bad"
                        }
                        self.send({"type": "validated", "id": message["id"], "problems": problems})
                    elif message["type"] == "memory":
                        self.send({"type": "memory", "id": message["id"], "told": {"memory": MEMORY}})
                    elif message["type"] == "free":
                        self.send({"type": "printed", "text": f"free {message['unload_models']}"})
                    self._wake.notify()
        except (EOFError, OSError, TypeError):
            pass
        with self._wake:
            self._over = True
            self._interrupted.set()
            self._wake.notify()

    def _run_job(self, job: dict[str, Any]) -> None:
        job_id, executed = job["job_id"], []

        def send_batch() -> None:
            if self._batch:
                self.send({"type": "events", "job_id": job_id, "events": self._batch})
                self._batch = []

        def say(kind: str, blob: bytes | None = None, batched: bool = False, **more: Any) -> None:
            if batched:
                self._batch.append({"kind": kind, **more})
                if len(self._batch) < BATCH:
                    return
                send_batch()
                return
            send_batch()
            self.send({"type": "event", "job_id": job_id, "event": {"kind": kind, **more}}, blob)

        finished = job.get("finished") or {}
        say("job_started")
        say("nodes_cached", nodes=[])
        status = "success"
        for node_id, node in job["prompt"].items():
            if node_id in finished:
                continue
            if node["class_type"] == "Step":
                say("node_started", node_id=node_id, batched=True)
                executed.append(node_id)
                say("node_finished", node_id=node_id, output=None, cached=False, batched=True)
                continue
            if node["class_type"] == "Mute":
                time.sleep(60)
            say("node_started", node_id=node_id)
            try:
                output = self._run_node(job_id, node_id, node, say)
            except _Interrupted:
                status = "interrupted"
                break
            except RuntimeError as error:
                say(
                    "node_failed",
                    node_id=node_id,
                    class_type=node["class_type"],
                    message=str(error),
                    exception_type="RuntimeError",
                    traceback=["line 1\n"],
                    inputs={"count": "3"},
                )
                status = "error"
                break
            executed.append(node_id)
            say("node_finished", node_id=node_id, output=output, cached=False)
        told = {each: {"how": "ran", "why": [], "seconds": 0.0} for each in executed}
        told |= {each: {"how": "finished"} for each in finished}
        say("job_explained", nodes=told)
        say("job_finished", status=status, executed=executed)

    def _run_node(self, job_id: str, node_id: str, node: dict[str, Any], say: Callable[..., None]) -> Any:
        inputs = node.get("inputs", {})
        match node["class_type"]:
            case "Count":
                steps, pause_s = int(inputs.get("steps", 3)), float(inputs.get("pause_s", 0))
                for step in range(steps):
                    if self._interrupted.wait(pause_s) or self._interrupted.is_set():
                        raise _Interrupted
                    say("node_progress", node_id=node_id, value=step + 1, max=steps)
                    unasked = {"was_asked_for": False} if inputs.get("unasked") else {}
                    say("node_preview", node_id=node_id, format="png", blob=PNG, **unasked)
                if inputs.get("writes"):
                    say("node_text", node_id=node_id, text="coun")
                say("node_note", node_id=node_id, text="counted", said={"words": "counted", "values": {}})
            case "Fail":
                raise RuntimeError("it cannot be done")
            case "Die":
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(10)
            case "Deaf":
                time.sleep(inputs.get("pause_s", 60))
            case "Grow":
                self._held.append(b"x" * (inputs["mb"] << 20))
                self._interrupted.wait(60)
            case "Load":
                if inputs["name"] not in self._holding:
                    self._holding.append(inputs["name"])
                    self.send({"type": "holding", "models": self._holding})
            case "Save":
                self._output.mkdir(parents=True, exist_ok=True)
                name = f"{job_id}.png" if node_id == "2" else f"{job_id}_{node_id}.png"
                with (self._output / "runs.log").open("a") as log:
                    log.write(f"{job_id} {node_id} {time.time_ns() // 1_000_000} {os.getpid()}\n")
                half = self._output / f".{name}.{os.getpid()}"
                half.write_bytes(PNG)
                half.replace(self._output / name)
                return {"images": [{"filename": name, "subfolder": "", "type": "output"}]}
        return None


def main(pipe: Wire, output: str) -> None:
    """The child process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with tied_to_front_desk(Path(output).parent / "user"):
        FakeWorker(pipe, output).run()


def in_a_process(output: Path) -> Callable[[], Any]:
    """A `start_worker` for a real child process."""

    def start() -> Any:
        context = multiprocessing.get_context("spawn")
        ours, theirs = open_wire()
        process = context.Process(target=main, args=(theirs, str(output)), daemon=True)
        process.start()
        theirs.close()
        return ours, process

    return start


class ThreadAsProcess:
    """What the supervisor asks of a process, answered by a thread; `kill` cuts the pipe."""

    pid = None
    exitcode = 0

    def __init__(self, thread: threading.Thread, pipe: Wire) -> None:
        self._thread = thread
        self._pipe = pipe

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> None:
        self._thread.join(timeout)

    def kill(self) -> None:
        self._pipe.close()


def in_a_thread(output: Path) -> Callable[[], Any]:
    """A `start_worker` that starts at once and cannot die."""

    def start() -> Any:
        ours, theirs = open_wire()
        thread = threading.Thread(target=FakeWorker(theirs, str(output)).run, daemon=True)
        thread.start()
        return ours, ThreadAsProcess(thread, theirs)

    return start
