"""How long a graph is held against the nodes that exist, before a job may be accepted."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from typing import Any

from benchmarks.figures import CannotMeasure, Measurement, Place
from execution.check import check_prompt
from execution.collecting import FRONT_DESK_OBJECTS, collect_seldom
from heddle.graph.registry import Registry
from heddle.graph.spec import InputSpec, NodeSpec, OutputSpec

NODES, MANY_NODES = 1_000, 10_000
WIDE_JOINS = 10

Graph = dict[str, dict[str, Any]]

_VALUES = (
    InputSpec("count", "INT", options={"default": 1, "min": 0, "max": 1_000_000}),
    InputSpec("weight", "FLOAT", options={"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
)
_THING = (OutputSpec("THING", "THING"),)

#: A start, a step with two values and one link, a step that two feed, a join of any number, and an end.
CATALOGUE = Registry(
    (
        NodeSpec("Start", _VALUES, _THING),
        NodeSpec("Step", (*_VALUES, InputSpec("thing", "THING")), _THING),
        NodeSpec("Cross", (*_VALUES, InputSpec("left", "THING"), InputSpec("above", "THING")), _THING),
        NodeSpec("Join", (), _THING, open_input=InputSpec("*", "THING")),
        NodeSpec("End", (InputSpec("thing", "THING"),), is_output=True),
    )
)


def chain(nodes: int) -> Graph:
    """One step after the other."""
    graph = {"0": _node("Start", 0)}
    for number in range(1, nodes - 1):
        graph[str(number)] = _node("Step", number, thing=number - 1)
    graph["end"] = _end(nodes - 2)
    return graph


def wide(nodes: int) -> Graph:
    """Nodes beside each other, into a few joins, into one."""
    starts = nodes - WIDE_JOINS - 2
    graph = {str(number): _node("Start", number) for number in range(starts)}
    for join in range(WIDE_JOINS):
        fed = {f"thing{number}": [str(number), 0] for number in range(join, starts, WIDE_JOINS)}
        graph[str(starts + join)] = {"class_type": "Join", "inputs": fed}
    last = {f"thing{join}": [str(starts + join), 0] for join in range(WIDE_JOINS)}
    graph[str(starts + WIDE_JOINS)] = {"class_type": "Join", "inputs": last}
    graph["end"] = _end(starts + WIDE_JOINS)
    return graph


def grid(nodes: int) -> Graph:
    """Rows and columns, as square as the number allows; each node is fed by the one before it and the one above."""
    cells = nodes - 1
    columns = max(each for each in range(1, math.isqrt(cells) + 1) if cells % each == 0)
    graph: Graph = {}
    for number in range(cells):
        left = {"left": number - 1} if number % columns else {}
        above = {"above": number - columns} if number >= columns else {}
        if left and above:
            graph[str(number)] = _node("Cross", number, **left, **above)
        elif left or above:
            (fed,) = (left | above).values()
            graph[str(number)] = _node("Step", number, thing=fed)
        else:
            graph[str(number)] = _node("Start", number)
    graph["end"] = _end(cells - 1)
    return graph


SHAPES: dict[str, Callable[[int], Graph]] = {"chain": chain, "wide": wide, "grid": grid}


def measure_check(place: Place, runs: int) -> Measurement:
    """Milliseconds for a chain of 1,000 nodes; beside it the other shapes and 10,000 nodes."""
    collect_seldom(FRONT_DESK_OBJECTS)
    values, notes = _time_check(chain(NODES), runs), {}
    for name, shape in SHAPES.items():
        for nodes in (NODES, MANY_NODES):
            notes[f"{name}_{nodes}_ms"] = sorted(_time_check(shape(nodes), runs))[runs // 2]
    return Measurement(tuple(values), notes)


def measure_growth(place: Place, runs: int) -> Measurement:
    """How often longer ten times the nodes take, in the shape where it is most; the two are timed in turn."""
    collect_seldom(FRONT_DESK_OBJECTS)
    ratios: dict[str, list[float]] = {name: [] for name in SHAPES}
    for name, shape in SHAPES.items():
        few, many = shape(NODES), shape(MANY_NODES)
        for _ in range(runs):
            ratios[name].append(_time_check(many, 1)[0] / sorted(_time_check(few, 5))[2])
    medians = {name: sorted(each)[runs // 2] for name, each in ratios.items()}
    slowest = max(medians, key=medians.__getitem__)
    return Measurement(tuple(ratios[slowest]), medians)


def _time_check(graph: Graph, runs: int) -> list[float]:
    """Milliseconds of each run, after one that does not count."""
    times = []
    for _ in range(runs + 1):
        gc.collect()  # what earlier graphs left is not this one's
        start = time.perf_counter()
        report = check_prompt(graph, CATALOGUE, list_files=lambda kind: (), has_file=lambda kind, name: False)
        times.append(1000 * (time.perf_counter() - start))
        if report.plan is None or len(report.plan.nodes) != len(graph):
            raise CannotMeasure(f"the graph was refused: {report.messages[:1]}")
    return times[1:]


def _node(class_type: str, number: int, **links: int) -> dict[str, Any]:
    fed = {name: [str(source), 0] for name, source in links.items()}
    return {"class_type": class_type, "inputs": {"count": number, "weight": 0.5, **fed}}


def _end(source: int) -> dict[str, Any]:
    return {"class_type": "End", "inputs": {"thing": [str(source), 0]}}
