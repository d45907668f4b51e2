"""An ESRGAN x4 through our upscaling and through a bare call of spandrel, in turn in one process.

Run as `python -m benchmarks.upscale_race ROUNDS FILE`; FILE is written if it is not there: random weights of the
published size (64 filters, 23 blocks). Prints JSON: ours_s, theirs_s, ours_cpu_s, theirs_cpu_s of each round;
difference: the largest one between the two results, 0..1; threads.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from heddle.numerics.torchvision_door import import_torchvision
from model_management.allocator import keep_freed_memory
from model_management.upscale_models import open_upscale_model
from model_management.upscaling import upscale
from model_management.weights import Weights

PX = 192
CLOSE = 1e-5


def write_weights(path: Path) -> None:
    """Random weights of the size that published files have."""
    import_torchvision()
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    unfinished = path.with_suffix(".part")
    save_file(ESRGAN().state_dict(), unfinished)
    unfinished.replace(path)


def run_race(path: Path, rounds: int) -> dict[str, Any]:
    import_torchvision()
    import spandrel

    model, weights = open_upscale_model(path), Weights(torch.device("cpu"))
    bare: Any = spandrel.MAIN_REGISTRY.load(load_file(path)).eval()
    image = torch.rand(1, PX, PX, 3)

    def ours() -> Tensor:
        return upscale(model, image, weights, lambda done, total: None, lambda text: None, lambda: None)

    def theirs() -> Tensor:
        return bare(image.movedim(-1, 1).contiguous()).movedim(1, -1)

    calls: dict[str, Callable[[], Tensor]] = {"ours": ours, "theirs": theirs}
    found: dict[str, Any] = {f"{who}_{unit}": [] for who in calls for unit in ("s", "cpu_s")}
    with torch.inference_mode():
        found["difference"] = float(
            (ours() - theirs()).abs().max()
        )  # the first call of a process does more than a call
        if not found["difference"] <= CLOSE:
            sys.exit(f"the two results differ by {found['difference']:.1e}, {CLOSE} is allowed")
        for number in range(rounds):
            for who in list(calls) if number % 2 else reversed(calls):
                began, cpu_began = time.perf_counter(), time.process_time()
                calls[who]()
                found[f"{who}_s"].append(time.perf_counter() - began)
                found[f"{who}_cpu_s"].append(time.process_time() - cpu_began)
    return found | {"threads": torch.get_num_threads()}


if __name__ == "__main__":
    keep_freed_memory()  # as a worker does
    if not (file := Path(sys.argv[2])).is_file():
        write_weights(file)
    print(json.dumps(run_race(file, int(sys.argv[1]))))
