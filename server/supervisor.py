"""Keeps the workers alive and busy, and tells everyone what they do.

One `Worker` per device: started, started again when it dies, handed one job at a time from the store. What a worker
says about a job gets a number, goes into the store, and to the client as messages. A job whose worker died is put
back; one that outlived two workers is given up, with a word on why.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from heddle.graph.errors import HeddleError
from server.catalogue import Catalogue
from server.clients import Clients
from server.messages import Executing, Message, PackEvent, Status, TextMessage
from server.store import Job, Store, StoredEvent, now_ms
from server.translate import JobTeller
from server.transport import Transport

log = logging.getLogger("heddle.server.supervisor")
worker_log = logging.getLogger("heddle.worker")

MOST_DEATHS = 2  # workers that may die over one job
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0  # between a death and the next start
STEADY_AFTER_S = 10.0  # a worker that was ready this long did not die of its start
STOP_PATIENCE_S = 3.0  # for a worker with a job: it may finish the file that it writes
IDLE_STOP_PATIENCE_S = 0.5  # one without has nothing to lose, and taking torch down in order takes seconds
DEAF_AFTER_S = 5.0  # a node that has not stopped this long after an interruption may be ended by a second one
RETRY_S = 1.0  # for a store that is full or busy
UNSTORED_EVENTS = ("node_preview",)  # pictures that are out of date a moment later

WorkerState = Literal["starting", "ready", "busy", "waiting", "stopped"]


@dataclass
class JobRun:
    """A job on a worker, from being sent to its last event."""

    job: Job
    teller: JobTeller
    ended: asyncio.Future[dict[str, Any] | None]  # the closing event; None if the worker died
    last_event: int
    interrupted_at: float | None = None  # seconds of the monotonic clock

    @property
    def interrupted(self) -> bool:
        return self.interrupted_at is not None


@dataclass
class Worker:
    """One place for a worker process, whichever process fills it at the moment."""

    name: str
    make_transport: Callable[[], Transport]
    transport: Transport | None = None
    state: WorkerState = "starting"
    note: str = ""  # how the last process ended, until the next one is ready
    hello: dict[str, Any] = field(default_factory=dict)
    run: JobRun | None = None
    ready_at: float | None = None
    gone: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """Owns the workers. `start` and `stop` frame its life; the rest may be called at any time between."""

    def __init__(
        self, store: Store, catalogue: Catalogue, clients: Clients, transports: Sequence[Callable[[], Transport]]
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clients = clients
        self._workers = [Worker(f"worker {index}", make) for index, make in enumerate(transports)]
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stop = asyncio.Event()
        clients.catch_up = self._catch_up

    async def start(self) -> None:
        """Begin to start workers; returns at once."""
        for worker in self._workers:
            self._spawn(self._keep(worker))

    async def stop(self) -> None:
        """End the workers. Jobs that run are in the queue again when the front desk starts next."""
        self._stop.set()
        self.wake()
        await asyncio.gather(
            *(
                worker.transport.stop(STOP_PATIENCE_S if worker.run else IDLE_STOP_PATIENCE_S)
                for worker in self._workers
                if worker.transport is not None
            )
        )
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_PATIENCE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def wake(self) -> None:
        """Have idle workers look into the queue."""
        for worker in self._workers:
            worker.wake.set()

    def interrupt(self, job_ids: Iterable[str] | None = None) -> bool:
        """Stop these running jobs, or all that run. Returns: whether any of them ran.

        A node may be in one computation that takes minutes. Whoever asks again after a while has its worker ended.
        """
        wanted = None if job_ids is None else set(job_ids)
        found = False
        for worker in self._workers:
            run = worker.run
            if run is not None and (wanted is None or run.job.id in wanted) and worker.transport:
                now = time.monotonic()
                if run.interrupted_at is None:
                    run.interrupted_at = now
                    worker.transport.send({"type": "interrupt", "job_id": run.job.id})
                elif now - run.interrupted_at > DEAF_AFTER_S and not run.ended.done():
                    log.warning("%s does not hear that it should stop; it is ended and started again", worker.name)
                    self._spawn(worker.transport.stop(0.0))
                found = True
        return found

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Have every worker let go of weights or of everything it keeps."""
        for worker in self._workers:
            if worker.transport is not None and not worker.gone:
                worker.transport.send({"type": "free", "unload_models": unload_models, "free_memory": free_memory})

    def workers(self) -> list[dict[str, Any]]:
        """How each worker is, for people and for pages."""
        return [
            {
                "name": w.name,
                "state": w.state,
                "note": w.note,
                "pid": w.hello.get("pid"),
                "devices": w.hello.get("devices", []),
                "job_id": w.run.job.id if w.run else None,
            }
            for w in self._workers
        ]

    def hellos(self) -> list[dict[str, Any]]:
        """What the workers told of themselves when they started: versions and devices."""
        return [w.hello for w in self._workers if w.hello]

    @property
    def _stopping(self) -> bool:
        return self._stop.is_set()

    # A worker's life

    async def _keep(self, worker: Worker) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping:
            worker.state, worker.gone, worker.ready_at = "starting", False, None
            worker.transport = worker.make_transport()
            try:
                await worker.transport.start(lambda message, blob: self._take(worker, message, blob))
            except Exception as error:  # whatever keeps a process from starting; tried again below
                log.exception("%s cannot be started", worker.name)
                how = f"cannot be started: {error}"
            else:
                if self._stopping:
                    await worker.transport.stop(IDLE_STOP_PATIENCE_S)
                    break
                how = await self._employ(worker)
            if self._stopping:
                break
            if worker.ready_at is not None and time.monotonic() - worker.ready_at > STEADY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            worker.state, worker.note = "waiting", f"{worker.name} {how}; it starts again in {pause_s:g} s"
            log.warning("%s", worker.note)
            await self._pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        worker.state = "stopped"

    async def _employ(self, worker: Worker) -> str:
        """Hand out jobs as long as the process lives. Returns: how it ended."""
        assert worker.transport is not None
        feeding = self._spawn(self._feed(worker))
        how = await worker.transport.ended()
        worker.gone = True
        worker.note = f"{worker.name} {how}"
        if worker.run is not None and not worker.run.ended.done():
            worker.run.ended.set_result(None)
        worker.wake.set()
        # Never cancelled: a job that is just being claimed must not be lost on the way.
        await feeding
        return how

    async def _feed(self, worker: Worker) -> None:
        while not worker.gone and not self._stopping:
            worker.wake.clear()
            if worker.ready_at is not None:
                job = await self._claim()
                if job is not None:
                    await self._run(worker, job)
                    continue
            await worker.wake.wait()

    async def _claim(self) -> Job | None:
        try:
            return await self._store.claim()
        except HeddleError as trouble:
            log.warning("no job can be started: %s", trouble.message)
            asyncio.get_running_loop().call_later(RETRY_S, self.wake)
            return None

    # A job's life

    async def _run(self, worker: Worker, job: Job) -> None:
        loop = asyncio.get_running_loop()
        run = JobRun(job, JobTeller(job.id, job.prompt), loop.create_future(), job.last_event)
        if worker.gone or self._stopping or worker.transport is None:
            await self._insist(lambda: self._store.put_back(job.id, worker_died=False))
            self.wake()
            return
        worker.run, worker.state = run, "busy"
        self._clients.tell_all(Status(self._store.waiting))
        worker.transport.send(
            {
                "type": "run",
                "job_id": job.id,
                "prompt": job.prompt,
                "extra_data": {**job.extra_data, **job.secrets},
                "targets": job.targets,
            }
        )
        closing = await run.ended
        if self._stopping and closing is not None and closing.get("status") == "interrupted" and not run.interrupted:
            closing = None  # the worker broke off because it was told to stop; nobody gave the job up
        if closing is None and (run.interrupted or not self._stopping):
            closing = await self._after_death(worker, run)
        if closing is not None:
            await self._finish(run, closing)
        worker.run = None
        if not worker.gone:
            worker.state = "ready"

    async def _after_death(self, worker: Worker, run: JobRun) -> dict[str, Any] | None:
        """Put the job back (None), or give the event that closes it."""
        if run.interrupted:
            return {"kind": "job_finished", "status": "interrupted", "executed": []}
        deaths = run.job.worker_deaths + 1
        if deaths < MOST_DEATHS:
            reason = f"{worker.note} while this job ran; the job is back in the queue and starts again"
            self._publish(run, {"kind": "job_requeued", "reason": reason}, None)
            await self._insist(lambda: self._store.put_back(run.job.id, worker_died=True))
            self._clients.tell_all(Status(self._store.waiting))
            self.wake()
            return None
        node_id = run.teller.running_node
        node = run.job.prompt.get(node_id) if node_id is not None else None
        place = f"at node {node_id}" if node_id is not None else "before its first node"
        failed = {
            "kind": "node_failed",
            "node_id": node_id,
            "class_type": node.get("class_type") if isinstance(node, dict) else None,
            "message": f"{worker.note}, {place}; {deaths} workers died over this job, so it is given up. "
            "A smaller picture or batch needs less memory; the log may say more",
            "exception_type": "WorkerDied",
            "traceback": [],
            "inputs": {},
        }
        self._publish(run, failed, None)
        return {"kind": "job_finished", "status": "error", "executed": []}

    async def _finish(self, run: JobRun, closing: dict[str, Any]) -> None:
        outcome = str(closing.get("status", "error"))
        if outcome == "error" and closing.get("message") and run.teller.failure is None:
            why = {"kind": "node_failed", "node_id": None, "message": closing["message"], "exception_type": ""}
            self._publish(run, why, None)
        messages = self._number(run, closing, None)
        # Written before it is told: a client that hears of the end finds the job in the history.
        told = False

        def tell() -> None:
            self._clients.tell(run.job.client_id, messages)
            self._clients.tell_all(Status(self._store.waiting))
            self._clients.tell(run.job.client_id, [Executing(None, run.job.id)])

        while True:
            try:
                await self._store.finish(run.job.id, outcome, run.teller.history, run.teller.failure)
                break
            except HeddleError as trouble:
                log.error("the end of job %s is not written yet: %s", run.job.id, trouble.message)
                if not told:
                    tell()
                    told = True
                if self._stopping:
                    return
                await self._pause(RETRY_S)
        if not told:
            tell()

    # What workers say

    def _take(self, worker: Worker, message: dict[str, Any], blob: bytes | None) -> None:
        match message.get("type"):
            case "hello":
                worker.hello = message
                self._catalogue.take_web(message.get("web_directories"))
            case "web":
                self._catalogue.take_web(message.get("directories"))
            case "catalogue":
                self._spawn(self._catalogue.replace(message.get("nodes", {})))
            case "ready":
                worker.ready_at, worker.state, worker.note = time.monotonic(), "ready", ""
                log.info("%s is ready", worker.name)
                worker.wake.set()
            case "event":
                run, event = worker.run, message.get("event", {})
                if run is None or message.get("job_id") != run.job.id or run.ended.done():
                    return
                if event.get("kind") == "job_finished":
                    run.ended.set_result(event)
                else:
                    self._publish(run, event, blob)
            case "events":
                for event in message.get("events", ()):
                    self._take(worker, {"type": "event", "job_id": message.get("job_id"), "event": event}, None)
            case "say":
                said = PackEvent(str(message.get("event", "")), message.get("data"))
                self._clients.tell(message.get("client_id"), [said])
            case "log":
                level = logging.getLevelName(str(message.get("level", "INFO")).upper())
                worker_log.log(level if isinstance(level, int) else logging.INFO, "%s", message.get("text", ""))
            case other:
                log.debug("%s sent a message of unknown type %r", worker.name, other)

    def _publish(self, run: JobRun, event: dict[str, Any], blob: bytes | None) -> None:
        self._clients.tell(run.job.client_id, self._number(run, event, blob))

    def _number(self, run: JobRun, event: dict[str, Any], blob: bytes | None) -> list[Message]:
        at_ms = now_ms()
        if event.get("kind") not in UNSTORED_EVENTS:
            run.last_event += 1
            self._store.record(StoredEvent(run.job.seq, run.last_event, at_ms, event))
        return run.teller.tell(event, blob, at_ms)

    def _catch_up(self, client_id: str) -> list[TextMessage]:
        runs = [w.run for w in self._workers if w.run is not None and w.run.job.client_id == client_id]
        return [message for run in runs for message in run.teller.catch_up()]

    # Small things

    async def _insist(self, write: Callable[[], Any]) -> None:
        """Do a write that must not be left out, however long the disk makes us wait."""
        while True:
            try:
                await write()
                return
            except HeddleError as trouble:
                log.error("%s", trouble.message)
                if self._stopping:
                    return  # the next start puts running jobs back
                await self._pause(RETRY_S)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not longer than the supervisor lives."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            if (error := task.exception()) is not None:
                log.error("a task of the supervisor failed", exc_info=error)
