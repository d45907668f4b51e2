"""One fresh worker takes a full-size checkpoint to its first steps.

Run as `python -m benchmarks.first_step FILE SCRATCH`; prints what it measured as JSON:
load_s, load_cpu_s: from the start of the loader node to the end of the first step, less a warm step.
peak_anonymous_bytes: the most memory without a file behind it up to the end of the first step, None off Linux.
weights_bytes: the weights on the device then, in the dtype computed with.
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.starting import picture_prompt

STEPS = 6
LATENT_PX = 64  # an 8 x 8 latent: the step is short beside the loading


class MemoryWatch(threading.Thread):
    """Looks at this process's anonymous memory every few milliseconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_bytes: int | None = None
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.wait(0.004):
            self.look()

    def look(self) -> None:
        try:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    self.peak_bytes = max(self.peak_bytes or 0, int(line.split()[1]) * 1024)
        except OSError:
            self._stop_asked.set()  # not Linux

    def stop(self) -> None:
        self.look()
        self._stop_asked.set()
        self.join()


def main(file: Path, scratch: Path) -> None:
    from execution.events import Event, JobFinished, NodeFailed, NodeProgress, NodeStarted
    from heddle.settings.command_line import parse
    from main import build_worker  # the rooms as main.py builds them are what is measured

    folders = ["--base-directory", str(file.parents[2]), "--output-directory", str(scratch / "output")]
    folders += ["--temp-directory", str(scratch / "temp"), "--user-directory", str(scratch / "user")]
    worker = build_worker(parse([*folders, "--cpu"]))
    watch = MemoryWatch()
    times: dict[str, tuple[float, float]] = {}  # seconds on the wall, seconds of this process on all cores
    failures: list[str] = []
    weights_bytes = 0

    def note(event: Event) -> None:
        nonlocal weights_bytes
        now = time.perf_counter(), time.process_time()
        match event:
            case NodeStarted(node_id="loader"):
                times["loader"] = now
            case NodeProgress(node_id="sampler", value=value):
                times[f"step {value:.0f}"] = now
                if value == 1:
                    watch.stop()
                    weights_bytes = worker.house.weights.resident_bytes
            case NodeFailed(message=message):
                failures.append(message)
            case JobFinished(status=status) if status != "success":
                failures.append(f"the job ended as {status}")

    prompt = picture_prompt(file.name, px=LATENT_PX, steps=STEPS, seed=1)
    prompt["saver"] = {"class_type": "PreviewImage", "inputs": {"images": ["decoder", 0]}}
    watch.start()
    worker.run("benchmark", prompt, note)
    if failures:
        sys.exit("\n".join(failures))
    begun, first = times["loader"], times["step 1"]
    ends = [times[f"step {number}"] for number in range(1, STEPS + 1)]
    # The median: a step that something else held up says nothing of the loading.
    warm_step_s, warm_step_cpu_s = (
        statistics.median(after[i] - before[i] for before, after in pairwise(ends)) for i in (0, 1)
    )
    print(
        json.dumps(
            {
                "load_s": first[0] - begun[0] - warm_step_s,
                "load_cpu_s": first[1] - begun[1] - warm_step_cpu_s,
                "warm_step_s": warm_step_s,
                "peak_anonymous_bytes": watch.peak_bytes,
                "weights_bytes": weights_bytes,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
