"""`main.py train-demo [FOLDER]`, `python -m heddle.training`: train the demo model, or go on where one stopped."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from heddle.graph.errors import Cancelled, HeddleError
from heddle.training.demo import train_demo as train
from heddle.training.demo_plan import DemoPlan
from heddle.training.loop import Progress

TELL_EVERY_S = 10.0
EXIT_FAILED, EXIT_STOPPED = 1, 130


class Reporter:
    """Prints a line now and then, and each stage's last step."""

    def __init__(self) -> None:
        self.told_at = 0.0

    def __call__(self, stage: str, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.told_at < TELL_EVERY_S and progress.step != progress.steps:
            return
        self.told_at = now
        print(
            f"{time.strftime('%H:%M:%S')} {stage} {progress.step}/{progress.steps} loss {progress.loss:.4f}, "
            f"{progress.seconds_left / 60:.1f} min left",
            flush=True,
        )


def train_demo(arguments: Sequence[str] | None = None) -> int:
    """Train with the command line's options; the exit code. Ctrl-C stops after the current step, with all kept."""
    parser = argparse.ArgumentParser(prog="train-demo", description="Train the small model that ships.")
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path("train/demo"), help="for its files (default: %(default)s)"
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ...; a GPU where there is one")
    parser.add_argument("--steps", type=int, help="of the last stage, the UNet")
    parser.add_argument("--start", type=Path, metavar="FILE", help="an earlier demo model to begin with")
    options = parser.parse_args(arguments)
    plan = DemoPlan().going_on() if options.start else DemoPlan()
    if options.steps:
        plan = replace(plan, denoiser_training=replace(plan.denoiser_training, steps=options.steps))

    stops: list[int] = []
    before = {
        kind: signal.signal(kind, lambda number, _: stops.append(number)) for kind in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        print(
            train(
                options.folder,
                plan=plan,
                start=options.start,
                device=options.device,
                tell=Reporter(),
                should_stop=lambda: bool(stops),
            )
        )
    except Cancelled as stopped:
        print(stopped.message)
        return EXIT_STOPPED
    except HeddleError as problem:
        print(problem.message, file=sys.stderr)
        return EXIT_FAILED
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
    return 0
