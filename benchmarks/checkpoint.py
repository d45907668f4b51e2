"""A full-size Stable Diffusion 1.5 checkpoint: how long until its first step, and how much memory it takes.

The checkpoint is synthetic (seeded noise in the published layout), made once into the cache. Each run is a fresh
process (`first_step.py`), in turn with one that only reads the bytes and widens them (`plain_read.py`).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.figures import CannotMeasure, Measurement, Place
from benchmarks.starting import ROOT

CHECKPOINT = "sd15-synthetic-fp16.safetensors"
FREE_MEMORY_BYTES = 6 << 30
FREE_DISK_BYTES = 3 << 30


def published_layout() -> dict[str, list[int]]:
    """Names and shapes of the published v1-5 checkpoint, as our own nets have them at the published sizes."""
    # torch and the nets are for those who measure this alone
    import torch

    from heddle.networks.clip_text import ClipText, ClipTextConfig
    from heddle.networks.ops import PLAIN
    from heddle.networks.unet import UNet, UNetConfig
    from heddle.networks.vae import Autoencoder, VaeConfig
    from model_management.families.sd15.family import TEXT, UNET, VAE

    widths, depths = (320, 640, 1280, 1280), (1, 1, 1, 0)
    with torch.device("meta"):
        parts = {
            UNET: UNet(UNetConfig(widths, (2, 2, 2, 2), depths, middle_depth=1, context_width=768), PLAIN),
            VAE: Autoencoder(VaeConfig((128, 256, 512, 512), blocks=2), PLAIN),
            TEXT: ClipText(ClipTextConfig(width=768, layers=12, mlp_width=3072), PLAIN),
        }
    return {
        prefix + name: list(tensor.shape) for prefix, net in parts.items() for name, tensor in net.state_dict().items()
    }


def make_checkpoint(place: Place) -> Path:
    """The checkpoint in the cache, written first if it is not there (about 2 GB, a minute or two)."""
    file = place.cache / "models" / "checkpoints" / CHECKPOINT
    if file.is_file():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(file.parent).free < FREE_DISK_BYTES:
        raise CannotMeasure(f"the synthetic checkpoint needs 3 GB of disk in {file.parent}; choose another --cache")
    layout = place.scratch / "layout.json"
    layout.write_text(json.dumps(published_layout()), encoding="utf-8")
    print(f"writing {file} (once)", file=sys.stderr, flush=True)
    unfinished = file.with_suffix(".part")
    synth = ROOT / "tests" / "golden" / "synth_checkpoint.py"
    subprocess.run(
        [sys.executable, str(synth), str(layout), str(unfinished), "--dtype", "fp16"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    unfinished.replace(file)
    return file


def run_child(module: str, place: Place, file: Path) -> dict[str, Any]:
    """What one fresh process measured, with the file in the cache state that was asked for."""
    settle_cache(file, is_cold=place.is_cold)
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", str(file), str(place.scratch)],
        cwd=ROOT,
        env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},  # as main.py has it, for both alike
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode != 0:
        raise CannotMeasure(f"benchmarks.{module} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def settle_cache(file: Path, *, is_cold: bool) -> None:
    """Read the file into the system's cache, or ask the system to forget it (Linux)."""
    with file.open("rb", buffering=0) as opened:
        if is_cold:
            if sys.platform != "linux":
                raise CannotMeasure("--cold needs Linux")
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return
        buffer = bytearray(1 << 24)
        while opened.readinto(buffer):
            pass


@cache
def measure_pairs(place: Place, runs: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(plain read, first step) for each run; both figures of this file come from the same runs."""
    import psutil  # only this figure needs it

    if psutil.virtual_memory().available < FREE_MEMORY_BYTES:
        raise CannotMeasure("the full-size checkpoint in float32 needs 6 GB of free memory")
    file = make_checkpoint(place)
    return [(run_child("plain_read", place, file), run_child("first_step", place, file)) for _ in range(runs)]


def measure_load(place: Place, runs: int) -> Measurement:
    pairs = measure_pairs(place, runs)
    return Measurement(
        tuple(step["load_s"] / plain["seconds"] for plain, step in pairs),
        {
            "load_s": statistics.median(step["load_s"] for _, step in pairs),
            "plain_s": statistics.median(plain["seconds"] for plain, _ in pairs),
            # Processor seconds, which other work on the machine changes least.
            "load_cpu_s": statistics.median(step["load_cpu_s"] for _, step in pairs),
            "plain_cpu_s": statistics.median(plain["cpu_s"] for plain, _ in pairs),
            "cpu_ratio": statistics.median(step["load_cpu_s"] / plain["cpu_s"] for plain, step in pairs),
            "warm_step_s": statistics.median(step["warm_step_s"] for _, step in pairs),
            "cache": "cold" if place.is_cold else "warm",
        },
    )


def measure_memory(place: Place, runs: int) -> Measurement:
    pairs = measure_pairs(place, runs)
    if any(step["peak_anonymous_bytes"] is None for _, step in pairs):
        raise CannotMeasure("anonymous memory is read from Linux's /proc")
    return Measurement(
        tuple((step["peak_anonymous_bytes"] - step["weights_bytes"]) / 1e9 for _, step in pairs),
        {
            "peak_anonymous_gb": statistics.median(step["peak_anonymous_bytes"] for _, step in pairs) / 1e9,
            "weights_gb": pairs[0][1]["weights_bytes"] / 1e9,
        },
    )
