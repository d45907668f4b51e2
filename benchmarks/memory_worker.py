"""One worker that is given jobs over three checkpoints in turn, then lets go of all of it.

Run as `python -m benchmarks.memory_worker BASE SCRATCH ROUNDS SWITCHES NAME...`; prints what it measured as JSON:
third_bytes, last_bytes: resident memory after the third round and after the last.
switch_s: of each switch, how much longer the first job with another checkpoint takes than the second.
start_bytes, given_back_bytes: resident memory before the first job, and after everything was let go of.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psutil

from benchmarks.starting import picture_prompt

COUNTED_FROM = 3  # rounds after which memory should grow no more


def main(base: Path, scratch: Path, rounds: int, switches: int, names: list[str]) -> None:
    from execution.events import Event, JobFinished, NodeFailed
    from heddle.settings.command_line import parse
    from main import build_worker  # the rooms as main.py builds them are what is measured

    folders = ["--base-directory", str(base), "--output-directory", str(scratch / "output")]
    folders += ["--temp-directory", str(scratch / "temp"), "--user-directory", str(scratch / "user")]
    worker = build_worker(parse([*folders, "--cpu"]))
    resident = psutil.Process().memory_info
    failures: list[str] = []
    seed = 0

    def note(event: Event) -> None:
        match event:
            case NodeFailed(message=message):
                failures.append(message)
            case JobFinished(status=status) if status != "success":
                failures.append(f"the job ended as {status}")

    def job(name: str) -> float:
        """Seconds for a picture that was not made before."""
        nonlocal seed
        seed += 1
        prompt = picture_prompt(name, px=64, steps=1, seed=seed)
        prompt["saver"] = {"class_type": "PreviewImage", "inputs": {"images": ["decoder", 0]}}
        start = time.perf_counter()
        worker.run(f"benchmark {seed}", prompt, note)
        if failures:
            sys.exit("\n".join(failures))
        return time.perf_counter() - start

    found: dict[str, object] = {"start_bytes": resident().rss}
    for number in range(rounds * len(names)):
        job(names[number % len(names)])
        if number + 1 == COUNTED_FROM * len(names):
            found["third_bytes"] = resident().rss
    found["last_bytes"] = resident().rss
    taken = []
    for number in range(switches):
        job(names[number % 2])  # the one before the switch
        first, again = (job(names[1 - number % 2]) for _ in range(2))
        taken.append(max(0.0, first - again))
    found["switch_s"] = taken
    worker.free(models=True, results=True)
    found["given_back_bytes"] = resident().rss
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
