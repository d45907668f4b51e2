"""How fast our nets are beside diffusers', at the published sizes and with the very same random weights.

Each figure is one process in which the two run in turn (`net_race.py`), or fresh processes in turn where memory or
loading is measured. Results are compared first: a quick wrong net has no figure. On a machine with a CUDA device the
nets run there too, in the dtypes that people use there.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

from benchmarks.checkpoint import settle_cache
from benchmarks.figures import CannotMeasure, Figure, Measurement, Place
from benchmarks.starting import DEMO_CHECKPOINT, ROOT, picture_prompt

UNET_FILE = "diffusion_pytorch_model.safetensors"  # diffusers' name for it
FREE_BYTES = {"unet_sdxl": 13 << 30, "vae_decode_512": 3 << 30, "text_encode": 2 << 30}
FREE_BYTES_ELSE = 6 << 30
GPU_DTYPES = {"vae_decode_512": "bfloat16", "text_encode": "float32"}
GPU_DTYPE_ELSE = "float16"


def measure_race(name: str) -> Callable[[Place, int], Measurement]:
    """A figure's `measure`: the ratio of each round. Beside it the same in bfloat16, and on a GPU."""

    def measure(place: Place, runs: int) -> Measurement:
        raced = _race(name, runs, "cpu", "float32")
        notes = _notes(raced)
        for device, dtype in _others(name):
            try:
                notes[f"{device}_{dtype}"] = _notes(_race(name, runs, device, dtype))
            except CannotMeasure as reason:
                notes[f"{device}_{dtype}"] = {"not_measured": str(reason)}
        return Measurement(_ratios(raced, "s"), notes)

    return measure


def _race(name: str, runs: int, device: str, dtype: str) -> dict[str, Any]:
    _see_room(name)
    return _run("net_race", name, str(runs), device, dtype)


def _ratios(raced: dict[str, Any], unit: str) -> tuple[float, ...]:
    return tuple(mine / other for mine, other in zip(raced[f"ours_{unit}"], raced[f"theirs_{unit}"], strict=True))


def _notes(raced: dict[str, Any]) -> dict[str, Any]:
    told = {name: raced[name] for name in ("processor", "threads", "difference", "matrix_rate", "share")}
    told |= {name: statistics.median(raced[name]) for name in ("ours_s", "theirs_s")}
    told["ratio"] = statistics.median(_ratios(raced, "s"))
    if None not in raced["ours_cpu_s"]:
        # Processor seconds, which other work on the machine changes least.
        told["cpu_ratio"] = statistics.median(_ratios(raced, "cpu_s"))
        told["cpu_ratios"] = _ratios(raced, "cpu_s")
    return told


@cache
def _has_gpu() -> bool:
    import torch  # asked here, by those who measure this alone

    return torch.cuda.is_available()


def _others(name: str) -> list[tuple[str, str]]:
    import torch  # as above

    found = []
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        found.append(("cpu", "bfloat16"))
    if _has_gpu():
        found.append(("cuda", GPU_DTYPES.get(name, GPU_DTYPE_ELSE)))
    return found


def measure_decode_memory(place: Place, runs: int) -> Measurement:
    """Peak memory of one decode over that of diffusers, each in fresh processes."""
    if sys.platform != "linux":
        raise CannotMeasure("peaks of memory are read from Linux's /proc")
    peaks: dict[str, list[int]] = {"ours": [], "theirs": []}
    _see_room("vae_decode_512")
    for _ in range(runs):
        for who, found in peaks.items():
            found.append(_run("net_race", "vae_decode_512", "1", "cpu", "float32", who)["peak_bytes"])
    medians = {f"{who}_mb": statistics.median(found) / 1e6 for who, found in peaks.items()}
    return Measurement(tuple(mine / other for mine, other in zip(*peaks.values(), strict=True)), medians)


def measure_text(place: Place, runs: int) -> Measurement:
    """Encoding a text; fails if a text that did not change is encoded again by the second of two jobs."""
    measured = measure_race("text_encode")(place, runs)
    measured.notes["encoded_again"] = _nodes_run_again(place)
    if measured.notes["encoded_again"]:
        raise CannotMeasure(f"texts that did not change were encoded again: {measured.notes['encoded_again']}")
    return measured


def _nodes_run_again(place: Place) -> list[str]:
    """Which text nodes the second of two jobs runs that differ in their seed alone."""
    if not (ROOT / "models" / "checkpoints" / DEMO_CHECKPOINT).is_file():
        raise CannotMeasure(f"models/checkpoints/{DEMO_CHECKPOINT} is not here; `main.py train-demo` makes one")
    from execution.events import Event, NodeStarted
    from heddle.settings.command_line import parse
    from main import build_worker  # the rooms as main.py builds them

    folders = ["--output-directory", str(place.scratch), "--temp-directory", str(place.scratch)]
    worker = build_worker(parse([*folders, "--user-directory", str(place.scratch / "user"), "--cpu"]))
    again: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, NodeStarted):
            again.append(event.node_id)

    for seed in (1, 2):
        again.clear()
        prompt = picture_prompt(DEMO_CHECKPOINT, px=64, steps=1, seed=seed)
        worker.run(f"benchmark {seed}", prompt, note)
    return [node for node in again if prompt[node]["class_type"] == "CLIPTextEncode"]


def measure_net_load(place: Place, runs: int) -> Measurement:
    """Loading the UNet of one file, over what diffusers takes for the same file."""
    if find_spec("accelerate") is None:
        raise CannotMeasure("without accelerate diffusers loads slower than people see it load; " + HOW_TO_INSTALL)
    _see_room("net_load")
    folder = place.cache / "diffusers-unet-fp16"
    if not (folder / UNET_FILE).is_file():
        print(f"writing {folder} (once)", file=sys.stderr, flush=True)
        _run("net_load", str(folder), "write")
    loads: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    for _ in range(runs):
        for who, found in loads.items():
            settle_cache(folder / UNET_FILE, is_cold=place.is_cold)
            found.append(_run("net_load", str(folder), who))

    def each(unit: str) -> Sequence[tuple[float, float]]:
        return [(mine[unit], other[unit]) for mine, other in zip(*loads.values(), strict=True)]

    return Measurement(
        tuple(mine / other for mine, other in each("load_s")),
        {
            "ours_s": statistics.median(mine for mine, _ in each("load_s")),
            "theirs_s": statistics.median(other for _, other in each("load_s")),
            "cpu_ratio": statistics.median(mine / other for mine, other in each("load_cpu_s")),
            "cache": "cold" if place.is_cold else "warm",
        },
    )


HOW_TO_INSTALL = "install what requirements-dev.txt lists"


def _see_room(name: str) -> None:
    if find_spec("diffusers") is None:
        raise CannotMeasure(f"diffusers is not installed; {HOW_TO_INSTALL}")
    import psutil  # only these figures need it

    wanted = FREE_BYTES.get(name, FREE_BYTES_ELSE)
    if psutil.virtual_memory().available < wanted:
        raise CannotMeasure(f"{name} needs {wanted >> 30} GB of free memory")


def _run(module: str, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *words],
        cwd=ROOT,
        env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},  # as main.py has it, for both alike
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise CannotMeasure(f"benchmarks.{module} {' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}


NET_FIGURES = (
    Figure("unet_sd15_256", "SD 1.5 step, 256 px / diffusers", "x", 0.9, measure_race("unet_sd15_256")),
    Figure("unet_sd15_512", "SD 1.5 step, 512 px / diffusers", "x", 0.9, measure_race("unet_sd15_512")),
    Figure("unet_sdxl", "SDXL step, 512 px / diffusers", "x", 0.9, measure_race("unet_sdxl")),
    Figure("vae_decode_512", "VAE decode, 512 px / diffusers", "x", 0.85, measure_race("vae_decode_512")),
    Figure("vae_decode_512_memory", "its peak memory / diffusers", "x", 0.6, measure_decode_memory),
    Figure("text_encode", "a text encoded / transformers", "x", 1.0, measure_text),
    Figure("net_load", "SD 1.5 UNet loaded / diffusers", "x", 0.5, measure_net_load),
)
