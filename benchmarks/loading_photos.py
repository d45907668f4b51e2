"""Photos of 12 megapixels read into memory, in a process of its own.

Run as `python -m benchmarks.loading_photos FOLDER`, a folder of pictures in an input folder; prints as JSON, in bytes,
on Linux: peak_bytes: the most resident memory, less what the process had before. result_bytes: of the images. seconds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.memory_steps import peak_bytes
from heddle.media.pictures import encode_jpeg, read_picture, to_bytes
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from model_management.allocator import keep_freed_memory
from nodes.image.datasets import load_folder

HEIGHT, WIDTH, PICTURES = 3000, 4000, 20


class Alone:
    """What a loading node asks of a context."""

    def __init__(self, base: Path) -> None:
        self.folders = Folders.from_settings(Settings(base_directory=base))

    def progress(self, value: float, total: float) -> None: ...


def write_photos(folder: Path) -> None:
    """The photos, if they are not there."""
    from benchmarks.photos import photo  # the process that is measured draws none

    folder.mkdir(parents=True, exist_ok=True)
    data = None
    for number in range(PICTURES):
        path = folder / f"photo_{number:02}.jpg"
        if not path.is_file():
            data = data or encode_jpeg(to_bytes(photo(HEIGHT, WIDTH).numpy()), 90)
            path.with_suffix(".part").write_bytes(data)
            path.with_suffix(".part").replace(path)


def main(folder: Path) -> None:
    keep_freed_memory()  # as a worker does
    ctx: Any = Alone(folder.parent.parent)
    read_picture(encode_jpeg(np.zeros((8, 8, 3), np.uint8)))  # decoders are found
    before, began = psutil.Process().memory_info().rss, time.perf_counter()
    images: Any = load_folder(folder.name, ctx)
    seconds, peak = time.perf_counter() - began, peak_bytes()
    if len(images) != PICTURES or peak is None:
        sys.exit(f"{len(images)} of {PICTURES} pictures were read, the peak of memory was {peak}")
    result = sum(each.nbytes for each in images)
    print(json.dumps({"peak_bytes": peak - before, "result_bytes": result, "seconds": seconds}))


if __name__ == "__main__":
    with torch.inference_mode():
        main(Path(sys.argv[1]))
