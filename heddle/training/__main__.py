"""`python -m heddle.training FOLDER`: train the demo model there, or go on with a training that was stopped."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from heddle.graph.errors import Cancelled, HeddleError
from heddle.training.demo import DemoPlan, train_demo
from heddle.training.loop import Progress


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m heddle.training", description="Train the demo model.")
    parser.add_argument("folder", type=Path, help="for checkpoints, loss curves, samples and the result")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ...; a GPU where there is one")
    parser.add_argument("--steps", type=int, help="of the last stage, text encoder and UNet")
    options = parser.parse_args()
    plan = DemoPlan()
    if options.steps:
        plan = replace(plan, denoiser_training=replace(plan.denoiser_training, steps=options.steps))

    stops: list[int] = []
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda number, frame: stops.append(number))
    told_at = [0.0]

    def tell(stage: str, progress: Progress) -> None:
        now = time.monotonic()
        if now - told_at[0] > 10 or progress.step == progress.steps:
            told_at[0] = now
            clock, left_min = time.strftime("%H:%M:%S"), progress.seconds_left / 60
            print(
                f"{clock} {stage} {progress.step}/{progress.steps} loss {progress.loss:.4f} {left_min:.1f} min left",
                flush=True,
            )

    try:
        made = train_demo(options.folder, plan=plan, device=options.device, tell=tell, should_stop=lambda: bool(stops))
        print(made)
    except Cancelled as stopped:
        print(stopped.message)
        return 130
    except HeddleError as problem:
        print(problem.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
