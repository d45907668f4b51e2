"""What the engine itself takes for a graph: chains, wide graphs and grids of nodes that do nothing.

Measured in one process, from the job's first event to its last; `watching.py` measures the same through a server.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.figures import Figure, Measurement, Place
from benchmarks.trivial_nodes import NODE_CLASS_MAPPINGS
from execution.cache import ResultCache
from execution.collecting import WORKER_OBJECTS, collect_seldom
from execution.events import Event
from execution.fingerprints import Fingerprints
from execution.job import House
from execution.worker import Worker
from heddle.graph.classic import spec_of_class
from heddle.graph.registry import Registry

Prompt = dict[str, dict[str, Any]]

SIZE = 1_000
LARGE = 10_000
JOIN_WIDTH = 100
GRID_ROW = 25

#: Milliseconds for SIZE nodes, by what the run finds.
LIMITS_MS = {"first": 100.0, "cached": 20.0, "head": 100.0, "tail": 25.0}
GROWTH_LIMIT = 12.0


def chain(size: int, head: int = 0, tail: int = 1) -> Prompt:
    """One node after the other; `head` and `tail` are values of the first and of the last but one."""
    graph: Prompt = {"0": _start(head)}
    for number in range(1, size - 1):
        graph[f"{number}"] = _plus([f"{number - 1}", 0], tail if number == size - 2 else 1)
    graph[f"{size - 1}"] = _show(f"{size - 2}")
    return graph


def wide(size: int, head: int = 0, tail: int = 1) -> Prompt:
    """Many nodes on one start, joined by hundreds, and the joins by one."""
    graph: Prompt = {"0": _start(head)}
    joins = max(1, size // JOIN_WIDTH)
    leaves = size - joins - 3
    for number in range(leaves):
        graph[f"l{number}"] = _plus(["0", 0], number % 7)
    for join in range(joins):
        graph[f"j{join}"] = _plus([f"l{join}", 0], 0, "BenchmarkJoin")
        own = [number for number in range(joins, leaves) if number % joins == join][: JOIN_WIDTH - 1]
        graph[f"j{join}"]["inputs"] |= {f"more{place}": [f"l{number}", 0] for place, number in enumerate(own)}
    graph["sum"] = _plus(["j0", 0], tail, "BenchmarkJoin")
    graph["sum"]["inputs"] |= {f"more{join - 1}": [f"j{join}", 0] for join in range(1, min(joins, 101))}
    graph["show"] = _show("sum")
    return graph


def grid(size: int, head: int = 0, tail: int = 1) -> Prompt:
    """Rows of nodes, each fed by its left and its upper neighbour; every row is shown."""
    rows = size // (GRID_ROW + 1)
    graph: Prompt = {"start": _start(head)}
    for row in range(rows):
        for column in range(GRID_ROW):
            left = f"{row}.{column - 1}" if column else "start"
            graph[f"{row}.{column}"] = _plus([left, 0], 1)
            if row:
                graph[f"{row}.{column}"]["inputs"]["more0"] = [f"{row - 1}.{column}", 0]
        graph[f"{row}.show"] = _show(f"{row}.{GRID_ROW - 1}")
    graph[f"{rows - 1}.{GRID_ROW - 1}"]["inputs"]["plus"] = tail
    return graph


def _start(value: int) -> dict[str, Any]:
    return {"class_type": "BenchmarkStart", "inputs": {"value": value}}


def _plus(source: list[Any], plus: int, kind: str = "BenchmarkPlus") -> dict[str, Any]:
    return {"class_type": kind, "inputs": {"a": source, "plus": plus}}


def _show(source: str) -> dict[str, Any]:
    return {"class_type": "BenchmarkShow", "inputs": {"a": [source, 0]}}


SHAPES: dict[str, Callable[..., Prompt]] = {"chain": chain, "wide": wide, "grid": grid}


class _NoFolders:
    def list_files(self, kind: str) -> list[str]:
        return []


@contextlib.contextmanager
def _no_guard() -> Iterator[None]:
    yield


def make_worker() -> Worker:
    """A worker with nothing but the trivial nodes."""
    collect_seldom(WORKER_OBJECTS)
    specs = (spec_of_class(id, cls) for id, cls in NODE_CLASS_MAPPINGS.items())
    folders: Any = _NoFolders()
    fingerprints = Fingerprints(folders)
    cache = ResultCache(1 << 30, lambda outputs: 256)
    return Worker(Registry(specs), House(folders, None, fingerprints.of, _no_guard, cache), fingerprints)


def time_job(worker: Worker, prompt: Prompt) -> float:
    """Seconds from the first event of a job to its last."""
    times: list[float] = []

    def hear(event: Event) -> None:
        times.append(time.perf_counter())

    gc.collect()
    finished = worker.run("job", prompt, hear)
    assert finished.status == "success", finished
    return times[-1] - times[0]


def time_states(shape: str, size: int) -> dict[str, float]:
    """Seconds of a first run, a repeated one, and one with a change at the head or at the tail."""
    worker, make = make_worker(), SHAPES[shape]
    return {
        "first": time_job(worker, make(size)),
        "cached": time_job(worker, make(size)),
        "tail": time_job(worker, make(size, tail=3)),
        "head": time_job(worker, make(size, head=5)),
    }


def _measure(shape: str, state: str) -> Callable[[Place, int], Measurement]:
    def measure(place: Place, runs: int) -> Measurement:
        time_states(shape, 100)  # whatever is imported or compiled on first use
        return Measurement(tuple(1000 * time_states(shape, SIZE)[state] for _ in range(runs)), {"nodes": SIZE})

    return measure


def _measure_growth(shape: str) -> Callable[[Place, int], Measurement]:
    def measure(place: Place, runs: int) -> Measurement:
        values, notes = [], []
        for _ in range(runs):
            small, large = time_states(shape, SIZE), time_states(shape, LARGE)
            ratios = {state: large[state] / small[state] for state in small}
            values.append(max(ratios["first"], ratios["cached"], ratios["head"]))
            notes.append({state: round(ratio, 2) for state, ratio in ratios.items()})
        return Measurement(tuple(values), {"ratios": notes})

    return measure


GRAPH_FIGURES = (
    *(
        Figure(f"{shape}_{state}", f"{shape} of {SIZE:,}, {state} run", "ms", limit, _measure(shape, state))
        for shape in SHAPES
        for state, limit in LIMITS_MS.items()
    ),
    *(
        Figure(f"{shape}_growth", f"{shape} of {LARGE:,} / of {SIZE:,}", "x", GROWTH_LIMIT, _measure_growth(shape))
        for shape in SHAPES
    ),
)
