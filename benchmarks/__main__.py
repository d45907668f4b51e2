"""One command for every figure: `python -m benchmarks [NAMES] [--runs N] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.checking import measure_check, measure_growth
from benchmarks.checkpoint import measure_load, measure_memory
from benchmarks.figures import Calibration, CannotMeasure, Figure, Place, calibrate, median_of
from benchmarks.gallery import measure_outputs_page
from benchmarks.graphs import GRAPH_FIGURES
from benchmarks.memory import MEMORY_FIGURES
from benchmarks.net_speed import NET_FIGURES
from benchmarks.object_info import measure_object_info, measure_object_info_of_packs
from benchmarks.page import PAGE_FIGURES
from benchmarks.page_gestures import GESTURE_FIGURES
from benchmarks.picture_files import PICTURE_FIGURES
from benchmarks.previewing import measure_share
from benchmarks.starting import ROOT, measure_front_desk, measure_launch, measure_picture, measure_worker
from benchmarks.submitting import (
    measure_events,
    measure_executing,
    measure_executing_normal,
    measure_executing_slow,
    measure_long_history,
    measure_many_clients,
    measure_many_waiting,
    measure_small_jobs,
    measure_small_jobs_normal,
    measure_small_jobs_slow,
)
from benchmarks.upscaling import UPSCALING_FIGURES
from benchmarks.watching import WATCHING_FIGURES

FIGURES = (
    Figure("launch", "what launch.py adds to a second start", "s", 0.3, measure_launch),
    Figure("front_desk", "the server's first answer", "s", 0.7, measure_front_desk),
    Figure("object_info", "/object_info of 900 node types, gzipped", "ms", 5.0, measure_object_info),
    Figure("object_info_packs", "the same, 300 nodes of packs read again", "ms", 5.0, measure_object_info_of_packs),
    Figure("worker_ready", "worker ready, all nodes known, warm", "s", 4.0, measure_worker),
    Figure("demo_picture", "first demo picture, 20 steps, cfg", "s", 5.0, measure_picture),
    Figure("previews_128", "previews / sampling, 128 px, 20 steps", "%", 5.0, measure_share(128, 20)),
    Figure("previews_512", "previews / sampling, 512 px, 5 steps", "%", 5.0, measure_share(512, 5)),
    Figure("executing", "job handed in until its first node runs", "ms", 9.0, measure_executing),
    Figure("executing_slow", "the same, a durable write takes 5 ms", "ms", 9.0, measure_executing_slow),
    Figure("executing_normal", "the same, not waiting for the disk", "ms", 4.0, measure_executing_normal),
    Figure("small_jobs", "200 jobs / 2 durable writes each", "x", 1.0, measure_small_jobs),
    Figure("small_jobs_slow", "the same, a durable write takes 5 ms", "x", 1.0, measure_small_jobs_slow),
    Figure("small_jobs_normal", "the same, not waiting for the disk", "s", 0.6, measure_small_jobs_normal),
    Figure("many_clients", "one of 640 jobs of 16 clients at once", "ms", 1.667, measure_many_clients),
    Figure("many_waiting", "slowest of 6 requests, 100,000 waiting", "ms", 10.0, measure_many_waiting),
    Figure("long_history", "slowest page of 100,000 ended jobs", "ms", 20.0, measure_long_history),
    Figure("outputs_page", "first page of 100,000 results", "ms", 20.0, measure_outputs_page),
    Figure("events", "front desk's CPU, chain of 1,000 nodes", "ms", 50.0, measure_events),
    Figure("checkpoint_load", "SD 1.5 to its first step / plain read", "x", 1.3, measure_load),
    Figure("checkpoint_memory", "peak anonymous memory over weights", "GB", 1.0, measure_memory),
    *NET_FIGURES,
    *MEMORY_FIGURES,
    *UPSCALING_FIGURES,
    *PICTURE_FIGURES,
    *GRAPH_FIGURES,
    *WATCHING_FIGURES,
    Figure("check", "1,000 nodes in a chain, checked", "ms", 15.0, measure_check),
    Figure("check_growth", "10,000 nodes checked / 1,000 nodes", "x", 12.0, measure_growth),
    *PAGE_FIGURES,
    *GESTURE_FIGURES,
)
FEWEST_RUNS = 5


def measure(figure: Figure, place: Place, runs: int) -> dict[str, Any]:
    """One figure as it is written down, with the calibration of the moments before and after it."""
    record: dict[str, Any] = {"name": figure.name, "what": figure.what, "unit": figure.unit, "limit": figure.limit}
    print(f"measuring {figure.name}, {runs} runs ...", file=sys.stderr, flush=True)
    before = calibrate(place.scratch)
    try:
        measured = figure.measure(place, runs)
    except CannotMeasure as reason:
        return record | {"not_measured": str(reason)}
    beside: Calibration = median_of([before, calibrate(place.scratch)])
    median = statistics.median(measured.values)
    return record | {
        "median": median,
        "runs": list(measured.values),
        "within": median <= figure.limit,
        "notes": measured.notes,
        "loop_s": beside.loop_s,
        "sqlite_write_s": beside.write_s,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def describe_machine() -> dict[str, Any]:
    """What figures from two machines need to be told apart; nothing that names one."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "cores": os.cpu_count(),
    }


def show_row(record: dict[str, Any]) -> str:
    what = f"{record['name']:<18} {record['what']:<38}"
    if "not_measured" in record:
        return f"{what} not measured: {record['not_measured']}"
    spread = f"{min(record['runs']):.2f}..{max(record['runs']):.2f}"
    return (
        f"{what} {record['median']:>7.3f} {record['unit']:<3} {spread:>13}  {record['limit']:>5} "
        f"{'yes' if record['within'] else 'NO':>6} {record['loop_s']:>8.3f} {1000 * record['sqlite_write_s']:>8.2f}"
    )


HEADING = (
    f"{'figure':<18} {'':<38} {'median':>11} {'runs':>13} {'limit':>6} {'within':>6} {'loop s':>8} {'write ms':>8}"
)


def main(argv: list[str]) -> int:
    names = [figure.name for figure in FIGURES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures how long people wait.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(names)}; all if none is given")
    parser.add_argument("--runs", type=int, default=FEWEST_RUNS, help="runs of each figure, at least %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything that was measured")
    parser.add_argument(
        "--cache",
        type=Path,
        default=ROOT / "benchmarks" / "results",
        metavar="FOLDER",
        help="where synthetic models are kept (12 GB); default: benchmarks/results",
    )
    parser.add_argument("--cold", action="store_true", help="read the checkpoint from the disk, not from its cache")
    asked = parser.parse_args(argv)
    unknown = [name for name in asked.names if name not in names]
    if unknown:
        parser.error(f"no figure is called {', '.join(unknown)}; there are {', '.join(names)}")
    if asked.runs < FEWEST_RUNS:
        parser.error(f"a median of {asked.runs} says little: at least {FEWEST_RUNS} runs")

    asked.cache.mkdir(parents=True, exist_ok=True)
    records = []
    print(HEADING, flush=True)
    with tempfile.TemporaryDirectory(dir=asked.cache, prefix="scratch-") as scratch:
        place = Place(scratch=Path(scratch), cache=asked.cache.resolve(), is_cold=asked.cold)
        for figure in FIGURES:
            if not asked.names or figure.name in asked.names:
                records.append(measure(figure, place, asked.runs))
                print(show_row(records[-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps({"machine": describe_machine(), "figures": records}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
