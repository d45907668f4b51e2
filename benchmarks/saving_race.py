"""Pictures saved by our node, and by Pillow one after the other, in turn in one process.

Run as `python -m benchmarks.saving_race ROUNDS CONTENT FOLDER`; CONTENT is `photo` or `noise`. Prints JSON:
ours_s, theirs_s, ours_cpu_s, theirs_cpu_s of each round; ours_bytes, theirs_bytes of one picture; cores.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from benchmarks.photos import noise, photo
from heddle.media.claims import Claims
from heddle.media.pictures import read_picture
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from nodes.image.files import save_image

PICTURES, PX, LEVEL = 20, 2048, 4
PROMPT = {str(number): {"class_type": "Step", "inputs": {"value": number}} for number in range(20)}


class Alone:
    """What a saving node asks of a context, in a job of its own."""

    node_id = "save"
    writes_metadata = True
    capsule = None

    def __init__(self, base: Path) -> None:
        self.folders = Folders.from_settings(Settings(base_directory=base))
        self._claims = Claims(base / "user", "job")

    def next_save(self) -> Any:
        return self._claims.next_of(self.node_id)

    def progress(self, value: float, total: float) -> None: ...
    def check_cancelled(self) -> None: ...


def save_by_pillow(images: Tensor, folder: Path) -> None:
    """As a plain loop does it."""
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        pixels = np.clip(255.0 * image.numpy(), 0, 255).astype(np.uint8)
        texts = PngInfo()
        texts.add_text("prompt", json.dumps(PROMPT))
        Image.fromarray(pixels).save(folder / f"a_{number:05}_.png", pnginfo=texts, compress_level=LEVEL)


def run_race(rounds: int, content: str, base: Path) -> dict[str, Any]:
    image = {"photo": photo, "noise": noise}[content](PX, PX)
    images = image.expand(PICTURES, -1, -1, -1)  # the same work each time, in a twentieth of the memory
    ctx: Any = Alone(base)

    def ours(folder: Path) -> None:
        save_image(images, f"{folder.name}/a", prompt=PROMPT, ctx=ctx)

    def theirs(folder: Path) -> None:
        save_by_pillow(images, folder)

    calls: dict[str, Callable[[Path], None]] = {"ours": ours, "theirs": theirs}
    found: dict[str, Any] = {f"{who}_{unit}": [] for who in calls for unit in ("s", "cpu_s")}
    for number in range(rounds):
        for who in list(calls) if number % 2 else reversed(calls):
            folder = base / "output" / who
            shutil.rmtree(folder, ignore_errors=True)
            began, cpu_began = time.perf_counter(), time.process_time()
            calls[who](folder)
            found[f"{who}_s"].append(time.perf_counter() - began)
            found[f"{who}_cpu_s"].append(time.process_time() - cpu_began)
            files = sorted(folder.iterdir())
            if len(files) != PICTURES:
                sys.exit(f"{len(files)} files of {PICTURES} are there")
            pixels = read_picture(files[-1]).as_float()[0]
            if not np.abs(pixels - image.numpy()).max() < 1.01 / 255:
                sys.exit("what was written is not what was given")
            found[f"{who}_bytes"] = files[-1].stat().st_size
    return found | {"cores": os.cpu_count()}


if __name__ == "__main__":
    place = Path(sys.argv[3])
    with torch.inference_mode():  # as nodes run
        print(json.dumps(run_race(int(sys.argv[1]), sys.argv[2], place)))
