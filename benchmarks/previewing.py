"""What share of the sampling goes into previews: the demo model at two sizes, each run in a fresh process.

Run as `python -m benchmarks.previewing PX STEPS`; prints what it measured as JSON:
percent: seconds spent on previews over seconds of sampling, in one run with the colours known.
first_percent: the same for the run before it, the first of its process, which also reads the colours off the VAE.
previews, sampling_s: of the second run. colours_s: what reading the colours took, the autoencoder's loading included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.figures import CannotMeasure, Measurement, Place
from benchmarks.starting import DEMO_CHECKPOINT, ROOT

PREVIEW_PX = 512


def measure_share(px: int, steps: int) -> Callable[[Place, int], Measurement]:
    """A figure's `measure` for pictures of this size."""

    def measure(place: Place, runs: int) -> Measurement:
        if not (ROOT / "models" / "checkpoints" / DEMO_CHECKPOINT).is_file():
            raise CannotMeasure(f"models/checkpoints/{DEMO_CHECKPOINT} is not here; `main.py train-demo` makes one")
        command = [sys.executable, "-m", "benchmarks.previewing", str(px), str(steps)]
        surroundings = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}  # as main.py has it
        found: list[dict[str, Any]] = []
        for _ in range(runs):
            done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True)
            if done.returncode:
                raise CannotMeasure(f"the sampling failed:\n{done.stderr[-2000:]}")
            found.append(json.loads(done.stdout))
        middle = {name: sorted(each[name] for each in found)[runs // 2] for name in found[0]}
        return Measurement(tuple(each["percent"] for each in found), middle)

    return measure


class NoHouse:
    """What the sampling node asks of a context; pictures are counted and dropped."""

    node_id = "sampler"
    preview_px = PREVIEW_PX
    preview_method = "auto"
    writes_metadata = True
    capsule = None

    def __init__(self, weights: Any) -> None:
        self.weights = weights
        self.previews = 0

    def progress(self, value: float, total: float) -> None: ...
    def note(self, text: str) -> None: ...
    def check_cancelled(self) -> None: ...

    def preview(self, picture: bytes, format: str) -> None:
        self.previews += 1


def main(px: int, steps: int) -> None:
    import torch  # here, so that the figure's description does not cost it

    from model_management.checkpoint import open_checkpoint
    from model_management.devices import choose_device
    from model_management.families.known import FAMILIES
    from model_management.latent_preview import colours_of
    from model_management.weights import Weights
    from nodes.sampling import ksampler as sampling
    from nodes.sampling import run
    from nodes.sampling.watching import StepWatch

    class Watched(StepWatch):
        """Remembered, so that its books can be read."""

        def __init__(self, *about: Any) -> None:
            super().__init__(*about)
            self.began_s = time.perf_counter()
            self.ended_s = 0.0
            watches.append(self)

        def __call__(self, step: int, x: Any, clean: Any, /) -> None:
            super().__call__(step, x, clean)
            self.ended_s = time.perf_counter()

    watches: list[Watched] = []
    run.StepWatch = Watched
    opened = open_checkpoint(ROOT / "models" / "checkpoints" / DEMO_CHECKPOINT, FAMILIES)
    weights = Weights(choose_device(cpu_only=True))
    chance = torch.Generator().manual_seed(0)
    positive, negative = ([[torch.randn(1, 77, 128, generator=chance), {}]] for _ in range(2))
    empty = {"samples": torch.zeros(1, 4, px // 8, px // 8)}
    shares, house = [], NoHouse(weights)
    with torch.inference_mode():
        for seed in range(2):
            house = NoHouse(weights)
            arguments = (seed, steps, 5.0, "euler", "normal", positive, negative, empty, 1.0, house)
            sampling.ksampler(opened.model, *arguments)  # pyright: ignore[reportArgumentType]  # enough of a context
            shares.append(watches[-1].spent_s / (watches[-1].ended_s - watches[-1].began_s))
        fresh = Weights(weights.device)
        began = time.perf_counter()
        colours_of(opened.model, fresh)
        colours_s = time.perf_counter() - began
    told = {
        "percent": 100 * shares[1],
        "first_percent": 100 * shares[0],
        "previews": house.previews,
        "sampling_s": watches[-1].ended_s - watches[-1].began_s,
        "colours_s": colours_s,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
