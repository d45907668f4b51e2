"""The worker: takes jobs, runs them one after another, sends events up. It may die at any moment.

One class serves the child process of a server and the command line in one process; only the transport differs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from execution.check import Report, check_prompt
from execution.driver import run_job
from execution.events import Event, JobFinished, JobStarted
from execution.fingerprints import Fingerprints
from execution.job import House, Job
from execution.outbox import Connection, Outbox
from execution.own_check import ask_node
from execution.pack_side import CatalogueChanges, PackSide, PackVoice, Put, RunningJob, as_json
from execution.printed import Printed
from execution.protocol import unpack
from heddle.graph.registry import Registry
from heddle.graph.running import hand_in, worker_side
from heddle.settings.options import PREVIEW_METHODS

#: Hidden inputs that are filled in from a client's extra data, by the keys that clients use.
SERVICE_KEYS = {"AUTH_TOKEN_COMFY_ORG": "auth_token_comfy_org", "API_KEY_COMFY_ORG": "api_key_comfy_org"}

#: The kind of error that a node's own check of its inputs gives.
OWN_CHECK = "custom_validation_failed"

log = logging.getLogger("heddle.worker")

#: How long a worker that was told to stop waits until all it said is sent.
FAREWELL_S = 2.0


class Worker:
    """Runs jobs with the nodes of a registry in a house."""

    def __init__(self, registry: Registry, house: House, fingerprints: Fingerprints) -> None:
        self.registry = registry
        self.house = house
        self.packs = PackSide()
        self.running: RunningJob | None = None
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
            ask=ask_node,
        )

    def refusals(self, prompt: Any, node_ids: Collection[str]) -> dict[str, str]:
        """What these nodes' own checks say against their inputs, by node; nothing of those that take them."""
        problems = self.check(prompt).problems
        return {
            node_id: "\n".join(texts)
            for node_id in node_ids
            if node_id in problems and (texts := [e.message for e in problems[node_id].errors if e.kind == OWN_CHECK])
        }

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
        extra_data: Mapping[str, Any] | None = None,
        targets: Collection[str] | None = None,
        finished: Collection[str] = (),
        stop_at_first_error: bool = False,
        use_cache: bool = True,
    ) -> JobFinished:
        """Check and run one graph to its end; the last event says how it went.

        Args:
            extra_data: what the client sent along; its `extra_pnginfo` goes into pictures, its `preview_method`
                counts for this job.
            finished: output nodes that an earlier try of the job ended.
        """
        stop = self.expect(job_id)
        extra = extra_data or {}
        client_id = extra.get("client_id")
        client_id = client_id if isinstance(client_id, str) else None
        self.running = RunningJob(job_id, client_id, prompt, extra, stop, emit, self.packs.follow)
        emit = self.running.emit
        try:
            self.packs.follow(self.running, None)
            report = self.check(prompt, targets)
            if report.plan is None:
                emit(JobStarted())
                ended = JobFinished("error", message="\n".join(report.messages))
                emit(ended)
                return ended
            job = Job(
                job_id,
                report.plan,
                self.registry,
                prompt,
                extra.get("extra_pnginfo") or {},
                {hidden: extra[key] for hidden, key in SERVICE_KEYS.items() if key in extra},
                stop,
                frozenset(finished),
                stop_at_first_error,
                use_cache,
                # "default", or a word that is not known here, leaves it to the house.
                method if (method := extra.get("preview_method")) in PREVIEW_METHODS else None,
                client_id,
            )
            if self.house.capsules is not None:
                self.house.capsules.begin(report.plan)
            return run_job(job, self.house, emit)
        finally:
            self.running = None
            self.packs.follow(None, None)
            with self._lock:
                self._stops.pop(job_id, None)

    def interrupt(self, job_id: str | None = None) -> None:
        """Ask one job, or all that are known, to stop at the next chance."""
        with self._lock:
            for each, stop in self._stops.items():
                if job_id is None or each == job_id:
                    stop.set()

    @contextlib.contextmanager
    def listening(self, put: Put) -> Iterator[None]:
        """Hear inside the block what packs send, report and stop; `put` takes their messages."""
        before, voice = worker_side(), PackVoice(put, lambda: self.running)
        hand_in(send=voice.send, stop=voice.stop, progress=voice.progress)
        try:
            yield
        finally:
            hand_in(send=before.send, stop=before.stop, progress=before.progress)

    def free(self, *, models: bool, results: bool) -> None:
        """Give back the memory of weights, and of kept results."""
        if results:
            self.house.cache.clear()
        if models:
            self.house.weights.release_all()


def serve_connection(
    worker: Worker,
    connection: Connection,
    describe: Callable[[], dict[str, Any]],
    *,
    memory: Callable[[], dict[str, Any]] = dict,
    unload_after_s: float = 0.0,
    ready: Callable[[], None],
    printed: Printed | None = None,
) -> None:
    """Serve a front desk at the other end of a pipe until it says stop or goes away.

    Nodes run on this thread; a second one reads, so that an interrupt is heard while a node works.

    Args:
        describe: the devices, as clients of /system_stats read them.
        memory: what is where in the devices' memory, as GET /api/v1/memory shows it.
        unload_after_s: time without a job after which weights are let go; 0 = never.
        ready: what is left to do before the first job, after the catalogue was sent.
        printed: what this process prints, for the front desk's log.
    """
    outbox = Outbox(connection, lambda: os._exit(1))
    inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    asides = _Asides(worker, outbox, lambda: {"devices": describe().get("devices", []), "memory": memory()})

    def read() -> None:
        while True:
            try:
                message, _ = unpack(connection.recv_bytes())
            except (EOFError, OSError):
                os._exit(0)  # nobody is left to work for, and whoever comes next waits for us: see `lifeline.py`
            match message.get("type"):
                case "interrupt":
                    worker.interrupt(message.get("job_id"))
                case "stop":
                    worker.interrupt()
                    inbox.put(None)
                case "run":
                    worker.expect(str(message["job_id"]))
                    inbox.put(message)
                case "validate" | "refresh" | "prompt" | "memory":
                    asides.begin(message)
                case _:
                    inbox.put(message)

    with worker.listening(outbox.put):
        threading.Thread(target=read, name="front desk", daemon=True).start()
        try:
            outbox.put({"type": "hello", "pid": os.getpid(), **describe(), **worker.packs.hello()})
            if printed is not None:
                printed.listen(lambda line, **said: outbox.put({"type": "printed", "text": line, **said}))
            asides.tell_all()
            ready()
            outbox.put({"type": "ready"})
            while (message := _next(inbox, unload_after_s, worker)) is not None:
                if message.get("type") == "run":
                    _run(worker, message, outbox)
                elif message.get("type") == "free":
                    worker.free(models=bool(message.get("unload_models")), results=bool(message.get("free_memory")))
                asides.tell_holding()
        finally:
            outbox.close()
            worker.packs.close()


def _next(
    inbox: queue.SimpleQueue[dict[str, Any] | None], unload_after_s: float, worker: Worker
) -> dict[str, Any] | None:
    """The next message to work at. Where none comes for so long, weights are let go meanwhile; 0 = never."""
    if unload_after_s:
        try:
            return inbox.get(timeout=unload_after_s)
        except queue.Empty:
            worker.free(models=True, results=False)
            return {"type": "idle"}
    return inbox.get()


class _Asides:
    """What the front desk asks beside the jobs: answered on threads of their own, since a client waits."""

    def __init__(self, worker: Worker, outbox: Outbox, memory: Callable[[], dict[str, Any]]) -> None:
        self._worker = worker
        self._memory = memory
        self._outbox = outbox
        self._changes = CatalogueChanges(worker.registry)
        self._told: dict[str, Any] = {}
        self._holding: list[str] = []
        self._refreshing = threading.Lock()

    def begin(self, message: Mapping[str, Any]) -> None:
        answers = {
            "validate": self._validate,
            "refresh": self._refresh,
            "prompt": self._show_prompt,
            "memory": self._show_memory,
        }
        threading.Thread(target=answers[message["type"]], args=(message,), daemon=True).start()

    def tell_all(self) -> None:
        """What packs brought, and all nodes."""
        self._tell_brought()
        self._outbox.put({"type": "catalogue", "nodes": self._changes.whole()})

    def tell_holding(self) -> None:
        """Which model files are in memory, if that has changed."""
        try:
            holding = sorted(self._worker.packs.holding())
        except Exception:  # a job's end must be told, whatever is the matter with its weights
            log.warning("the files in memory cannot be listed", exc_info=True)
            return
        if holding != self._holding:
            self._holding = holding
            self._outbox.put({"type": "holding", "models": holding})

    def _tell_brought(self) -> None:
        try:
            messages = list(self._worker.packs.tell())
        except Exception as error:  # packs write what they like into what is read here
            log.warning("what packs brought cannot be told: %s", error)
            return
        for message in messages:
            if self._told.get(message["type"]) != message:
                self._told[message["type"]] = message
                self._outbox.put(message)

    def _refresh(self, message: Mapping[str, Any]) -> None:
        if not self._refreshing.acquire(blocking=False):
            return  # one is on its way, and its answer serves
        changes: dict[str, Any] = {"nodes": {}, "removed": []}
        try:
            self._worker.packs.read_again()
            self._tell_brought()
            changes = self._changes.since()
        except Exception as error:  # packs' own code
            log.warning("the declarations of packs' nodes cannot be read again: %s", error)
        finally:
            self._refreshing.release()
            self._outbox.put({"type": "catalogue_changes", **changes})

    def _validate(self, message: Mapping[str, Any]) -> None:
        try:
            asked = [str(each) for each in message.get("nodes") or ()]
            problems = self._worker.refusals(message.get("prompt"), asked)
        except Exception as error:  # a pack's catalogue may hold anything; the job's own check will say what is wrong
            log.warning("nodes could not be asked about their inputs: %s", error)
            problems = {}
        self._outbox.put({"type": "validated", "id": message.get("id"), "problems": problems})

    def _show_memory(self, message: Mapping[str, Any]) -> None:
        try:
            told = self._memory()
        except Exception:  # a driver's
            log.warning("it cannot be told what is in memory", exc_info=True)
            told = {}
        self._outbox.put({"type": "memory", "id": message.get("id"), "told": told})

    def _show_prompt(self, message: Mapping[str, Any]) -> None:
        answer: dict[str, Any] = {"type": "prompted", "id": message.get("id")}
        try:
            body = as_json(self._worker.packs.on_prompt(message.get("body")))
            if not isinstance(body, dict):
                raise TypeError(f"a handler gave a {type(body).__name__} in place of the request")
            answer["body"] = body
        except Exception as error:  # packs' own code
            log.warning("a request could not be shown to packs, so it goes on as it came: %s", error)
        self._outbox.put(answer)


def _run(worker: Worker, message: Mapping[str, Any], outbox: Outbox) -> None:
    job_id = str(message["job_id"])
    options = message.get("options") or {}
    worker.run(
        job_id,
        message["prompt"],
        lambda event: outbox.put_event(job_id, event),
        extra_data=message.get("extra_data"),
        targets=message.get("targets"),
        finished=message.get("finished") or (),
        stop_at_first_error=bool(options.get("stop_at_first_error")),
        use_cache=options.get("cache") is not False,
    )
