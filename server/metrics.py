"""Figures for a monitoring system, in the text form of Prometheus.

They are counted in plain numbers as things happen; the library that writes them is imported when somebody asks.
"""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from server.store import Job, Store
from server.supervisor import Supervisor
from server.transport import Transport
from server.workplaces import memory_of

NODE_BOUNDS_S = (0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)
JOB_BOUNDS_S = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)
MOST_CLASSES = 200  # that have figures of their own; the rest are counted together as `other`
MOST_JOBS = 1000  # whose start is remembered
HOW = ("ran", "memory", "disk", "finished", "skipped", "blocked", "failed")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(slots=True)
class Histogram:
    """How many values lie in each range, and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def add(self, value: float) -> None:
        if not self.counts:
            self.counts = [0] * (len(self.bounds) + 1)
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Up to each bound, how many values there are."""
        found, before = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts):
            before += count
            found.append((bound, float(before)))
        return found


class Metrics:
    """Counts. The store and the app tell it what happens; nothing of it waits or fails."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()  # method, route, status
        self.nodes: Counter[str] = Counter()  # how they came to their results
        self.node_seconds: dict[str, Histogram] = {}
        self.job_seconds: dict[str, Histogram] = {}
        self.worker_starts: Counter[str] = Counter()
        self._jobs: dict[str, tuple[Job, int]] = {}  # that were begun, and when

    def counted(self, name: str, make: Callable[[], Transport]) -> Callable[[], Transport]:
        """The same, with every start of this worker counted."""

        def start() -> Transport:
            self.worker_starts[name] += 1
            return make()

        return start

    def take_claim(self, job: Job) -> None:
        """A job was handed to a worker."""
        self._jobs.pop(job.id, None)
        while len(self._jobs) >= MOST_JOBS:
            del self._jobs[next(iter(self._jobs))]
        self._jobs[job.id] = (job, job.started_ms or 0)

    def take_events(self, job_id: str, at_ms: int, bodies: list[dict[str, Any]]) -> None:
        """Something happened to a job."""
        for body in bodies:
            kind = body.get("kind")
            if kind == "job_explained" and isinstance(nodes := body.get("nodes"), dict):
                self._take_nodes(job_id, nodes)
            elif kind == "job_finished" and (known := self._jobs.pop(job_id, None)) is not None:
                status = str(body.get("status", "error"))
                status = status if status in ("success", "partial", "interrupted") else "error"
                self.job_seconds.setdefault(status, Histogram(JOB_BOUNDS_S)).add(max(0, at_ms - known[1]) / 1000)

    def _take_nodes(self, job_id: str, nodes: dict[str, Any]) -> None:
        job, _ = self._jobs.get(job_id, (None, 0))
        for node_id, told in nodes.items():
            if not isinstance(told, dict):
                continue
            how, seconds = told.get("how"), told.get("seconds")
            self.nodes[how if how in HOW else "other"] += 1
            if how == "ran" and isinstance(seconds, int | float) and job is not None:
                node = job.prompt.get(node_id)
                # One that another node put into the graph has no class here.
                kind = str(node.get("class_type")) if isinstance(node, dict) else "inner"
                if kind not in self.node_seconds and len(self.node_seconds) >= MOST_CLASSES:
                    kind = "other"
                self.node_seconds.setdefault(kind, Histogram(NODE_BOUNDS_S)).add(float(seconds))

    async def text(self, store: Store, supervisor: Supervisor) -> tuple[bytes, str]:
        """All figures as they are now, and the content type."""
        workers = [(w["name"], w["pid"]) for w in supervisor.workers() if isinstance(w["pid"], int)]
        names = ["front desk", *(name for name, _ in workers)]
        pids = [os.getpid(), *(pid for _, pid in workers)]
        used = await asyncio.to_thread(memory_of, pids)
        memory = {name: number for name, number in zip(names, used) if number is not None}
        return await asyncio.to_thread(self._write, dict(store.counts), memory)

    def _write(self, jobs: dict[Any, int], memory: dict[str, int]) -> tuple[bytes, str]:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # only for this answer

        registry = CollectorRegistry(auto_describe=False)
        figures = self._figures(jobs, memory)

        class Now:
            def collect(self) -> Iterator[Any]:
                return figures

            def describe(self) -> list[Any]:
                return []

        registry.register(Now())  # type: ignore[arg-type]
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def _figures(self, jobs: dict[Any, int], memory: dict[str, int]) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        states = GaugeMetricFamily("heddle_jobs", "Jobs in the database by state", labels=["state"])
        for state, count in jobs.items():
            states.add_metric([state], count)
        yield states
        yield GaugeMetricFamily("heddle_queue_length", "Jobs that wait", value=jobs["queued"])
        for name, words, label, histograms in (
            ("heddle_job_seconds", "From the start of a job to its end", "outcome", self.job_seconds),
            ("heddle_node_seconds", "Time that nodes ran, by class", "class", self.node_seconds),
        ):
            family = HistogramMetricFamily(name, words, labels=[label])
            for value, histogram in list(histograms.items()):
                family.add_metric([value], histogram.buckets(), histogram.total)
            yield family
        nodes = CounterMetricFamily("heddle_nodes", "Nodes by how they came to their results", labels=["how"])
        for how in HOW:
            nodes.add_metric([how], self.nodes[how])
        yield nodes
        hits = CounterMetricFamily("heddle_cache_hits", "Results that were kept from before", labels=["where"])
        for where in ("memory", "disk"):
            hits.add_metric([where], self.nodes[where])
        yield hits
        restarts = CounterMetricFamily("heddle_worker_restarts", "Processes after the first", labels=["worker"])
        for worker, starts in list(self.worker_starts.items()):
            restarts.add_metric([worker], max(0, starts - 1))
        yield restarts
        resident = GaugeMetricFamily("heddle_resident_bytes", "Memory of the processes", labels=["process"])
        for process, size in memory.items():
            resident.add_metric([process], size)
        yield resident
        requests = CounterMetricFamily(
            "heddle_http_requests", "Answers by route and status", labels=["method", "route", "status"]
        )
        for labels, count in list(self.requests.items()):
            requests.add_metric(list(labels), count)
        yield requests


METRICS = web.AppKey("metrics", Metrics)


@web.middleware
async def count_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts every answer by its route, not by its path: those are without number."""
    status = 500
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        resource = request.match_info.route.resource
        route = "none" if resource is None else resource.canonical
        method = request.method if request.method in METHODS else "other"
        request.app[METRICS].requests[method, route, str(status)] += 1
