"""Keeps the workers alive and busy, and tells everyone what they do.

One `Worker` per device: started, started again when it dies, handed one job at a time. A job goes to the idle worker
that holds its models already, else to the one that has been idle longest. What a worker says about a job is numbered,
stored and told by `reports.py`. A job whose worker died is put back; one that outlived two workers is given up, with a
word on why.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from heddle.graph.errors import HeddleError
from heddle.graph.said import said_in, say
from server.catalogue import Catalogue
from server.clients import Clients
from server.messages import Status, TextMessage
from server.pack_door import PackDoor
from server.questions import Questions
from server.reports import RETRY_S, Reports, failure_of
from server.store import Job, Store, now_ms
from server.tasks import Tasks, pause
from server.translate import JobTeller
from server.transport import Transport
from server.workplaces import JobRun, Worker, WorkerLimits, memory_of, place_of, texts_of

log = logging.getLogger("heddle.server.supervisor")

MOST_DEATHS = 2  # workers that may die over one job
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0  # between a death and the next start
STEADY_AFTER_S = 10.0  # a worker that was ready this long did not die of its start
STOP_PATIENCE_S = 3.0  # for a worker with a job: it may finish the file that it writes
IDLE_STOP_PATIENCE_S = 0.5  # one without has nothing to lose, and taking torch down in order takes seconds
LOOK_EVERY_S = 0.5  # at the memory and the time that workers with a job take
OTHERS_EVERY_S = 0.1  # at workers of a front desk that is gone
ANSWER_PATIENCE_S = 5.0  # for a question to a worker


class Supervisor:
    """Owns the workers. `start` and `stop` frame its life; the rest may be called at any time between."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        clients: Clients,
        transports: Sequence[Callable[[], Transport]],
        limits: WorkerLimits | None = None,
        are_others_alive: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        Args:
            are_others_alive: whether a worker of a front desk that was killed has not ended yet; asked in a thread.
        """
        self._store = store
        self._catalogue = catalogue
        self._clients = clients
        self._limits = limits or WorkerLimits()
        self._are_others_alive = are_others_alive
        self._workers = [Worker(f"worker {index}", make) for index, make in enumerate(transports)]
        self._tasks = Tasks(log, "a task of the supervisor failed")
        self._stop = asyncio.Event()
        self._is_woken = False
        self._fetching: asyncio.Task[None] | None = None  # reads the job whose turn it is
        self._stopped_early: set[str] = set()  # interrupted between being claimed and being sent
        self._questions = Questions()
        self._reports = Reports(store, clients, self._tasks, self._stop)
        self.packs = PackDoor(catalogue)
        #: What workers print, and what it was made of; set by the app.
        self.hear: Callable[[str, str, dict[str, Any] | None], None] = lambda worker, line, said: None
        clients.catch_up = self._catch_up
        store.line_changed = self.wake

    async def start(self) -> None:
        """Begin to start workers; returns at once."""
        self._tasks.begin(self._open())

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
        await self.packs.close()
        await self._tasks.end(STOP_PATIENCE_S)

    def wake(self) -> None:
        """Look into the queue for idle workers, soon."""
        if not self._is_woken:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._hand_out)

    async def interrupt(self, job_ids: Iterable[str] | None = None) -> bool:
        """Stop these running jobs, or all that run. Returns: whether any of them ran.

        The wish is on disk before a worker hears it. A node may be in one computation that takes minutes: a worker
        that does not hear in time is ended.
        """
        running = self._store.running_ids
        wanted = running if job_ids is None else running & set(job_ids)
        runs = [(w, w.run) for w in self._workers if w.run is not None and w.run.job.id in wanted]
        self._stopped_early |= wanted - {run.job.id for _, run in runs}
        new = [(worker, run) for worker, run in runs if not run.interrupted]
        for _, run in new:
            run.interrupted = True  # from now on, no death of its worker starts it again
        if wanted:
            try:
                await self._store.ask_cancel(wanted)
            except HeddleError as trouble:
                log.error("an interruption is carried out and not written down: %s", trouble.message)
        for worker, run in new:
            if worker.run is run and worker.transport is not None and not run.has_ended:
                worker.transport.send({"type": "interrupt", "job_id": run.job.id})
                asyncio.get_running_loop().call_later(self._limits.cancel_patience_s, self._end_deaf, worker, run)
        return bool(wanted)

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Have every worker let go of weights or of everything it keeps."""
        for worker in self._workers:
            if worker.transport is not None and not worker.gone:
                worker.transport.send({"type": "free", "unload_models": unload_models, "free_memory": free_memory})

    async def validate(
        self, prompt: dict[str, Any], nodes: Sequence[str], patience_s: float = ANSWER_PATIENCE_S
    ) -> dict[str, str]:
        """What these nodes' own checks have against their inputs; only a worker can ask them.

        Returns: node -> problem. Nothing, if no worker is there or none answers in time: the one that runs the job
        asks again.
        """
        able = [w for w in self._workers if w.ready_at is not None and not w.gone and w.transport is not None]
        if not able or not nodes:
            return {}
        worker = min(able, key=lambda each: not each.is_idle)
        question = {"type": "validate", "prompt": prompt, "nodes": list(nodes)}
        return await self._questions.ask(worker, question, patience_s)

    async def memory(self, patience_s: float = ANSWER_PATIENCE_S) -> list[tuple[str, dict[str, Any]]]:
        """What each worker has in memory at this moment: its name, and `devices` as its hello told them, with `memory`
        as GET /api/v1/memory shows it. Of one that does not answer in time: what it told when it started.
        """
        there = [worker for worker in self._workers if worker.hello]
        told = await asyncio.gather(*(self._questions.ask(worker, {"type": "memory"}, patience_s) for worker in there))
        return [
            (worker.name, {"devices": worker.hello.get("devices", []), **each})
            for worker, each in zip(there, told, strict=True)
        ]

    def workers(self) -> list[dict[str, Any]]:
        """How each worker is, for people and for pages."""
        return [
            {
                "name": w.name,
                "state": w.state,
                "note": w.note,
                "pid": w.hello.get("pid"),
                "devices": w.hello.get("devices", []),
                "holding": sorted(w.holding),
                "memory_bytes": w.memory_bytes,
                "job_id": w.run.job.id if w.run else None,
            }
            for w in self._workers
        ]

    def hellos(self) -> list[dict[str, Any]]:
        """What the workers told of themselves when they started: versions and devices."""
        return [w.hello for w in self._workers if w.hello]

    def progress_of(self, job_id: str) -> tuple[float, float | None] | None:
        """How far a running job is, in percent, and how many seconds it may still take; None if it does not run."""
        for worker in self._workers:
            if worker.run is not None and worker.run.job.id == job_id:
                return worker.run.teller.percent, worker.run.teller.seconds_left(now_ms())
        return None

    def at_work(self, job_id: str) -> dict[str, Any] | None:
        """Where a running job is, for pages; None if it does not run.

        Returns: `{id, client_id, progress_percent, seconds_left, node}`; `node` is the one that began last of those
        that run, `{node_id, class_type, value, max}`, or None between two.
        """
        for worker in self._workers:
            if worker.run is not None and worker.run.job.id == job_id:
                teller = worker.run.teller
                return {
                    "id": job_id,
                    "client_id": worker.run.job.client_id,
                    "progress_percent": teller.percent,
                    "seconds_left": teller.seconds_left(now_ms()),
                    "node": teller.at_work,
                }
        return None

    @property
    def _stopping(self) -> bool:
        return self._stop.is_set()

    # A worker's life

    async def _open(self) -> None:
        """Begin once the workers of a front desk that was killed have ended: one may be writing a file of a job."""
        while not self._stopping and await asyncio.to_thread(self._are_others_alive):
            if not self._workers[0].note:
                for worker in self._workers:
                    worker.note = say(
                        "{worker} waits for a worker of a server that was killed to end", worker=worker.name
                    )
                log.warning("workers of a server that was killed have not ended yet; jobs wait for that")
            await pause(OTHERS_EVERY_S, self._stop)
        for worker in self._workers:
            worker.note = ""
            self._tasks.begin(self._keep(worker))
        self._tasks.begin(self._watch())

    async def _keep(self, worker: Worker) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping:
            worker.state, worker.gone, worker.ready_at, worker.ended_by_us = "starting", False, None, False
            worker.holding, worker.memory_bytes, worker.loading, worker.failing = frozenset(), None, None, None
            worker.transport = worker.make_transport()
            try:
                await worker.transport.start(lambda message, blob: self._take(worker, message, blob))
            except Exception as error:  # whatever keeps a process from starting; tried again below
                log.exception("%s cannot be started", worker.name)
                how = say("cannot be started: {why}", why=error)
            else:
                if self._stopping:
                    await worker.transport.stop(IDLE_STOP_PATIENCE_S)
                    break
                how = await self._employ(worker)
            if self._stopping:
                break
            if worker.ended_by_us:
                worker.note = say("{worker} {how}; it starts again", worker=worker.name, how=how)
                log.warning("%s", worker.note)
                continue
            if worker.ready_at is not None and time.monotonic() - worker.ready_at > STEADY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            words = "{worker} {how}; it starts again in {pause_s:g} s"
            worker.state, worker.note = "waiting", say(words, worker=worker.name, how=how, pause_s=pause_s)
            log.warning("%s", worker.note)
            await pause(pause_s, self._stop)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        worker.state = "stopped"

    async def _employ(self, worker: Worker) -> str:
        """Wait for the end of a process and of what it worked on. Returns: how it ended."""
        assert worker.transport is not None
        ending = await worker.transport.ended()
        worker.gone = True
        if worker is self._workers[0]:
            self.packs.leave()
        how = ending.words
        if worker.failing is not None:
            how = say("{how}: {failing}", how=how, failing=worker.failing)
        elif worker.loading is not None:
            words = "{how} while it loaded the pack {pack}; should that happen again, take the pack out of custom_nodes"
            how = say(words, how=how, pack=worker.loading)
        worker.note, worker.signal = say("{worker} {how}", worker=worker.name, how=how), ending.signal
        self._questions.leave(worker)
        while worker.closing is not None:  # what the worker said last is heard before it is missed
            await worker.closed.wait()
        if worker.run is not None:
            self._see_off(worker, worker.run, None)
        # Never cancelled: a job that is just being put back must not be lost on the way.
        if worker.burying is not None:
            await worker.burying
        return how

    def _end_deaf(self, worker: Worker, run: JobRun) -> None:
        if worker.run is run and not run.has_ended and not self._stopping:
            waited_s = self._limits.cancel_patience_s
            log.warning("%s did not stop within %g s; it is ended and starts again", worker.name, waited_s)
            self._end(worker)

    def _end(self, worker: Worker) -> None:
        assert worker.transport is not None
        worker.ended_by_us = True
        self._tasks.begin(worker.transport.stop(0.0))

    async def _watch(self) -> None:
        """End workers whose node takes too long or that take too much memory."""
        while not self._stopping:
            await pause(LOOK_EVERY_S, self._stop)
            busy = [
                w for w in self._workers if w.run is not None and not w.gone and isinstance(w.hello.get("pid"), int)
            ]
            if not busy:
                continue
            used = await asyncio.to_thread(memory_of, [worker.hello["pid"] for worker in busy])
            for worker, memory_bytes in zip(busy, used):
                worker.memory_bytes = memory_bytes if memory_bytes is not None else worker.memory_bytes
                run = worker.run
                if run is None or run.has_ended or run.interrupted or run.verdict is not None:
                    continue
                if (why := self._excess(worker, run)) is not None:
                    node_id, words, kind = why
                    run.verdict = failure_of(run, node_id, words, kind, memory_bytes=worker.memory_bytes)
                    log.warning("%s: %s", worker.name, words)
                    self._end(worker)

    def _excess(self, worker: Worker, run: JobRun) -> tuple[str | None, str, str] | None:
        """The node, the words and the kind of what goes beyond the limits, if anything does."""
        most_bytes, most_s = self._limits.worker_memory_bytes, self._limits.node_timeout_s
        if most_bytes is not None and worker.memory_bytes is not None and worker.memory_bytes > most_bytes:
            words = say(
                "{worker} took {memory:,.0f} MB of memory, more than the {limit:,.0f} MB of --worker-memory-mb, "
                "{place}; it was ended. A smaller picture or batch needs less",
                worker=worker.name,
                memory=worker.memory_bytes / 1e6,
                limit=most_bytes / 1e6,
                place=place_of(run.teller.running_node),
            )
            return run.teller.running_node, words, "WorkerMemoryExceeded"
        for node_id, begun in run.begun.items():
            if most_s is not None and time.monotonic() - begun > most_s:
                words = say(
                    "node {node} ran longer than the {most_s:g} s of --node-timeout-s, so {worker} was ended; "
                    "give it less to do or more time",
                    node=node_id,
                    most_s=most_s,
                    worker=worker.name,
                )
                return node_id, words, "NodeTimeout"
        # What holds the whole process keeps it from saying so, and nodes' own checks are asked before they begin.
        if most_s is not None and not run.begun and time.monotonic() - run.heard > most_s:
            words = say(
                "{worker} said nothing for longer than the {most_s:g} s of --node-timeout-s while no node was known to "
                "run, so it was ended; a node's own check may hang, or one that holds up the whole process",
                worker=worker.name,
                most_s=most_s,
            )
            return None, words, "NodeTimeout"
        return None

    # A job's life

    def _hand_out(self) -> None:
        """Give idle workers the jobs whose turn it is."""
        self._is_woken = False
        while not self._stopping and self._fetching is None and self._store.first() is not None:
            if not any(worker.is_idle for worker in self._workers):
                return
            chosen: list[Worker] = []
            if (job := self._store.claim_fresh(partial(self._choose, chosen))) is None:
                self._fetching = self._tasks.begin(self._fetch())
                return
            self._begin(chosen[0], job)

    async def _fetch(self) -> None:
        """Hand out one job that is not in memory."""
        chosen: list[Worker] = []
        try:
            job = await self._store.claim(partial(self._choose, chosen))
        except HeddleError as trouble:
            log.warning("no job can be started: %s", trouble.message)
            asyncio.get_running_loop().call_later(RETRY_S, self.wake)
            return
        finally:
            self._fetching = None
        if job is not None:
            self._begin(chosen[0], job)
        self.wake()

    def _choose(self, chosen: list[Worker], job: Job) -> str:
        """Put the idle worker that holds most of the job's models into the list, among equals the one that has been
        idle longest. Returns: its name.
        """
        idle = [worker for worker in self._workers if worker.is_idle] or self._workers
        best = idle[0]
        if len(idle) > 1:
            names = texts_of(job.prompt)
            best = min(idle, key=lambda worker: (-len(worker.holding & names), worker.idle_since))
        chosen.append(best)
        return best.name

    def _begin(self, worker: Worker, job: Job) -> None:
        teller = JobTeller(job.id, job.prompt, job.outputs, percent=job.progress, finished=job.finished)
        run = JobRun(job, teller, job.last_event)
        if job.id in self._stopped_early:
            self._stopped_early.discard(job.id)
            self._reports.finish(run, {"kind": "job_finished", "status": "interrupted", "executed": []}, lambda: None)
        elif not worker.is_idle or self._stopping or worker.transport is None:  # it died meanwhile
            self._tasks.begin(self._reports.insist(lambda: self._store.put_back(job.id, worker_died=False)))
        else:
            worker.run, worker.state = run, "busy"
            if job.last_event:
                self._reports.publish(run, [{"kind": "job_resumed", "finished": list(job.finished)}])
            worker.transport.send(
                {
                    "type": "run",
                    "job_id": job.id,
                    "prompt": job.prompt,
                    "extra_data": {**job.extra_data, **job.secrets},
                    "targets": job.targets,
                    "finished": {node_id: {"output": output} for node_id, output in job.finished.items()},
                    "options": job.options,
                }
            )
            self._clients.tell_all(Status(self._store.waiting))

    def _see_off(
        self, worker: Worker, run: JobRun, closing: dict[str, Any] | None, before: list[dict[str, Any]] | None = None
    ) -> None:
        """A job has ended on its worker.

        Args:
            closing: its last event; None if the worker died.
            before: events that came together with it.
        """
        if run.has_ended:
            return
        run.has_ended = True
        if self._stopping and closing is not None and closing.get("status") == "interrupted" and not run.interrupted:
            closing = None  # the worker broke off because it was told to stop; nobody gave the job up
            self._reports.publish(run, before or [])
        if closing is None and (run.interrupted or not self._stopping):
            worker.burying = self._tasks.begin(self._bury(worker, run))
        else:
            self._leave(worker, run, closing, before)

    async def _bury(self, worker: Worker, run: JobRun) -> None:
        closing = await self._after_death(worker, run)
        worker.burying = None
        self._leave(worker, run, closing)

    def _leave(
        self, worker: Worker, run: JobRun, closing: dict[str, Any] | None, before: list[dict[str, Any]] | None = None
    ) -> None:
        """Let the worker go on with another job, and write the end of this one, if it has ended."""
        if run.flushing is not None:
            run.flushing.cancel()
        worker.run, worker.idle_since = None, time.monotonic()
        if not worker.gone:
            worker.state = "ready"
        if closing is None:
            self.wake()
            return
        # The worker goes on while the disk works; what it says of its next job waits until this one's end is told.
        worker.closing = run
        worker.closed.clear()
        try:
            self._reports.finish(run, closing, lambda: self._end_told(worker, run), before)
        except Exception:  # of a worker that says what nobody understands; it is heard on
            log.exception("the end of job %s cannot be told", run.job.id)
            self._take_backlog(worker)
        self._hand_out()

    async def _after_death(self, worker: Worker, run: JobRun) -> dict[str, Any] | None:
        """Put the job back (None), or give the event that closes it."""
        if run.interrupted:
            return {"kind": "job_finished", "status": "interrupted", "executed": []}
        if run.verdict is not None:
            self._reports.publish(run, [run.verdict])
            return {"kind": "job_finished", "status": "error", "executed": []}
        deaths = run.job.worker_deaths + 1
        if deaths < MOST_DEATHS:
            words = "{note} while this job ran; the job is back in the queue and starts again"
            reason = say(words, note=worker.note)
            self._reports.publish(run, [{"kind": "job_requeued", "reason": reason, **said_in(reason)}])
            await self._reports.insist(lambda: self._store.put_back(run.job.id, worker_died=True))
            if run.interrupted:  # somebody gave it up while it was put back
                await self._reports.insist(lambda: self._store.cancel_waiting([run.job.id]))
            self._clients.tell_all(Status(self._store.waiting))
            return None
        node_id = run.teller.running_node
        used = (
            ""
            if worker.memory_bytes is None
            else say(", with {memory:,.0f} MB of memory", memory=worker.memory_bytes / 1e6)
        )
        words = say(
            "{note}, {place}{used}; {deaths} workers died over this job, so it is given up. "
            "A smaller picture or batch needs less memory; the log may say more",
            note=worker.note,
            place=place_of(node_id),
            used=used,
            deaths=deaths,
        )
        failed = failure_of(run, node_id, words, "WorkerDied", memory_bytes=worker.memory_bytes, signal=worker.signal)
        self._reports.publish(run, [failed])
        return {"kind": "job_finished", "status": "error", "executed": []}

    # What workers say

    def _take(self, worker: Worker, message: dict[str, Any], blob: bytes | None) -> None:
        match message.get("type"):
            case "event" | "events" | "say" if worker.closing is not None:
                worker.backlog.append((message, blob))
            case "event" | "events":
                run = worker.run
                if run is None or message.get("job_id") != run.job.id or run.has_ended:
                    return
                events = message["events"] if "events" in message else [message.get("event", {})]
                if events and events[-1].get("kind") == "job_finished":
                    self._see_off(worker, run, events.pop(), events)
                elif events:
                    self._reports.publish(run, events, blob)
            case "loading":
                worker.loading = str(message.get("pack"))
            case "failing":
                worker.failing = str(message.get("why"))
            case "hello":
                worker.hello, worker.loading = message, None
                self._catalogue.take_web(message.get("web_directories"))
            case "web":
                self._catalogue.take_web(message.get("directories"))
            case "catalogue":
                if worker is self._workers[0] or self._catalogue.records is None:
                    self._tasks.begin(self._catalogue.replace(message.get("nodes", {})))
            case "holding":
                worker.holding = frozenset(str(name) for name in message.get("models", ()))
            case "ready":
                worker.ready_at = worker.idle_since = time.monotonic()
                worker.state, worker.note = "ready", ""
                if worker is self._workers[0] and worker.transport is not None:
                    self.packs.arrive(worker.transport.send, worker.hello)
                log.info("%s is ready", worker.name)
                self.wake()
            case "validated":
                self._questions.answer(message.get("id"), message.get("problems"))
            case "memory":
                self._questions.answer(message.get("id"), message.get("told"))
            case "say":
                self._reports.pass_on(message, blob)
            case "routes" | "folders" | "replacements" | "catalogue_changes" | "prompted":
                if worker is self._workers[0]:
                    self.packs.take(message)
            case "printed":
                said = message.get("said")
                self.hear(worker.name, str(message.get("text", "")), said if isinstance(said, dict) else None)
            case other:
                log.debug("%s sent a message of unknown type %r", worker.name, other)

    def _end_told(self, worker: Worker, run: JobRun) -> None:
        self._stopped_early.discard(run.job.id)
        self._take_backlog(worker)

    def _take_backlog(self, worker: Worker) -> None:
        """The end of the job before is told: hear what the worker said meanwhile."""
        worker.closing = None
        backlog, worker.backlog = worker.backlog, []
        for message, blob in backlog:
            self._take(worker, message, blob)
        if worker.closing is None:
            worker.closed.set()

    def _catch_up(self, client_id: str) -> list[TextMessage]:
        runs = [w.run for w in self._workers if w.run is not None and w.run.job.client_id == client_id]
        return [message for run in runs for message in run.teller.catch_up()]
