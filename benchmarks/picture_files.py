"""How long pictures take into files, and how much memory they take out of them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.figures import CannotMeasure, Figure, Measurement, Place
from benchmarks.loading_photos import HEIGHT, WIDTH, write_photos
from benchmarks.starting import ROOT

_GB = 1e9


def measure_saving(content: str) -> Callable[[Place, int], Measurement]:
    """The ratio of each round of `saving_race.py`, with pictures of one kind."""

    def measure(place: Place, runs: int) -> Measurement:
        raced = _run("benchmarks.saving_race", str(runs), content, str(place.scratch / f"saved-{content}"))
        ratios = _ratios(raced, "s")
        notes: dict[str, Any] = {name: statistics.median(raced[name]) for name in ("ours_s", "theirs_s")}
        # Threads take the same processor time and end sooner; more of it would be work that is not needed.
        notes["cpu_ratio"] = statistics.median(_ratios(raced, "cpu_s"))
        return Measurement(ratios, notes | {name: raced[name] for name in ("ours_bytes", "theirs_bytes", "cores")})

    return measure


def measure_loading(place: Place, runs: int) -> Measurement:
    """Gigabytes at the peak beside the images, each time in a fresh process."""
    folder = place.cache / "input" / "photos"
    write_photos(folder)
    found = [_run("benchmarks.loading_photos", str(folder)) for _ in range(runs)]
    values = tuple((each["peak_bytes"] - each["result_bytes"]) / _GB for each in found)
    return Measurement(values, {"seconds": statistics.median(each["seconds"] for each in found)})


def _ratios(raced: dict[str, Any], unit: str) -> tuple[float, ...]:
    return tuple(ours / theirs for ours, theirs in zip(raced[f"ours_{unit}"], raced[f"theirs_{unit}"], strict=True))


def _run(module: str, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},  # as main.py has it
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise CannotMeasure(f"{module} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


_SAVED = "20 {} of 2048 px to PNG / Pillow in a row"

PICTURE_FIGURES = (
    Figure("save_photos", _SAVED.format("photos"), "x", 0.7, measure_saving("photo")),
    Figure("save_noise", _SAVED.format("of noise"), "x", 0.7, measure_saving("noise")),
    Figure(
        "load_photos",
        "20 photos of 12 MP, peak over the result",
        "GB",
        (2 * HEIGHT * WIDTH * 3 * 4 + 0.5 * _GB) / _GB,  # two pictures and half a gigabyte
        measure_loading,
    ),
)
