"""What models cost in memory: on a card that is too small for them, in a worker, and after they were let go of.

Cards are pretended ones, whose clock is their own (`model_management/accelerators/pretended.py`), so one run is enough
and no other work on the machine changes it. Each figure is measured in processes of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import CannotMeasure, Figure, Measurement, Place
from benchmarks.starting import ROOT

ROUNDS = 67  # of three jobs: 201
FREE_BYTES = {"sd15": 8 << 30, "sdxl": 13 << 30}
FILE_BYTES = {"sd15": 4 << 30, "sdxl": 6 << 30, "tiny": 1 << 20}
MOST_PROCESS_BYTES = 20e9


def measure_steps(name: str, px: int) -> Callable[[Place, int], Measurement]:
    """A figure's `measure`: the worst of the ratios that `memory_steps.py` finds."""

    def measure(place: Place, runs: int) -> Measurement:
        found = _run("memory_steps", name, str(_unet(place, name)), str(px))
        problems = [f"{word} at {found[word]} %" for word in ("refused", "differs", "exceeds") if found[word]]
        if found["peak_bytes"] is not None and found["peak_bytes"] > MOST_PROCESS_BYTES:
            problems.append(f"the process took {found['peak_bytes'] / 1e9:.1f} GB")
        if problems:
            raise CannotMeasure("; ".join(problems))
        return Measurement((max(found["ratios"].values()),), found)

    return measure


def measure_rss(place: Place, runs: int) -> Measurement:
    file = _unet(place, "sd15")
    found = [_run("memory_rss", str(file), "512") for _ in range(2)]
    if found[0]["peak_bytes"] is None:
        raise CannotMeasure("peaks of memory are read from Linux's /proc")
    return Measurement(
        tuple((each["peak_bytes"] - each["weights_bytes"]) / 1e9 for each in found),
        {"weights_gb": found[0]["weights_bytes"] / 1e9},
    )


@cache
def _worker(place: Place, runs: int) -> dict[str, Any]:
    """One worker for three figures."""
    from benchmarks.memory_files import WIDTHS, checkpoints, in_cache  # torch, for these figures alone

    files = checkpoints(in_cache(place, 1 << 30), WIDTHS)
    with tempfile.TemporaryDirectory(dir=place.scratch) as scratch:
        names = [file.name for file in files]
        return _run("memory_worker", str(files[0].parents[2]), scratch, str(ROUNDS), str(runs), *names)


def measure_alternating(place: Place, runs: int) -> Measurement:
    found = _worker(place, runs)
    grown = 100 * (found["last_bytes"] / found["third_bytes"] - 1)
    return Measurement((grown,), {"third_mb": found["third_bytes"] / 1e6, "last_mb": found["last_bytes"] / 1e6})


def measure_switch(place: Place, runs: int) -> Measurement:
    found = _worker(place, runs)
    return Measurement(tuple(found["switch_s"]), {"most_s": max(found["switch_s"])})


def measure_given_back(place: Place, runs: int) -> Measurement:
    found = _worker(place, runs)
    kept = (found["given_back_bytes"] - found["start_bytes"]) / 1e6
    return Measurement((kept,), {"start_mb": found["start_bytes"] / 1e6, "before_mb": found["last_bytes"] / 1e6})


def _unet(place: Place, name: str) -> Path:
    from benchmarks.memory_files import in_cache, unet_file  # torch, for these figures alone

    wanted = FREE_BYTES.get(name, 0)
    if psutil.virtual_memory().available < wanted:
        raise CannotMeasure(f"this needs {wanted >> 30} GB of free memory")
    return unet_file(in_cache(place, FILE_BYTES[name]), name)


def _run(module: str, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *words], cwd=ROOT, capture_output=True, text=True, timeout=1800
    )
    if done.returncode != 0:
        raise CannotMeasure(f"benchmarks.{module} {' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


MEMORY_FIGURES = (
    Figure("memory_sd15", "SD 1.5 step, 512 px, small cards / bound", "x", 1.15, measure_steps("sd15", 512)),
    Figure("memory_sdxl", "SDXL step, 256 px, small cards / bound", "x", 1.15, measure_steps("sdxl", 256)),
    Figure("memory_rss_sd15", "peak of SD 1.5 on the CPU over weights", "GB", 1.5, measure_rss),
    Figure("memory_alternating", "201 jobs, 3 models: growth of memory", "%", 2.0, measure_alternating),
    Figure("memory_switch", "a job with another model than before", "s", 0.3, measure_switch),
    Figure("memory_given_back", "memory kept after all was let go of", "MB", 150.0, measure_given_back),
)
