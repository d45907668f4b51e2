"""What our upscaling adds to a bare call of the net: an ESRGAN x4 of 192 x 192 pixels on the CPU."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

from benchmarks.figures import CannotMeasure, Figure, Measurement, Place
from benchmarks.starting import ROOT

FILE = "esrgan-x4-random.safetensors"


def measure_esrgan(place: Place, runs: int) -> Measurement:
    """The ratio of each round of `upscale_race.py`."""
    place.cache.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.upscale_race", str(runs), str(place.cache / FILE)],
        cwd=ROOT,
        env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},  # as main.py has it, for both alike
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise CannotMeasure(f"benchmarks.upscale_race failed:\n{done.stderr[-2000:]}")
    raced = json.loads(done.stdout.splitlines()[-1])
    ratios = {
        unit: tuple(mine / other for mine, other in zip(raced[f"ours_{unit}"], raced[f"theirs_{unit}"], strict=True))
        for unit in ("s", "cpu_s")
    }
    notes = {name: statistics.median(raced[name]) for name in ("ours_s", "theirs_s")}
    # Processor seconds, which other work on the machine changes least.
    notes |= {"cpu_ratio": statistics.median(ratios["cpu_s"])}
    return Measurement(ratios["s"], notes | {name: raced[name] for name in ("difference", "threads")})


UPSCALING_FIGURES = (Figure("upscale_esrgan", "ESRGAN x4 of 192 px / bare spandrel", "x", 1.1, measure_esrgan),)
