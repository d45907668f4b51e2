"""A full-size UNet from a file of diffusers to the end of its first call, ours or theirs.

Run as `python -m benchmarks.net_load FOLDER WHO`; WHO is `write`, which makes the folder (config.json and weights in
float16), or `ours` or `theirs`, which computes with them in float32 and prints as JSON:
load_s, load_cpu_s: from asking for the net to the end of its first call, less a warm call.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from benchmarks.both_nets import SD15, import_diffusers, unet_pair
from benchmarks.net_speed import UNET_FILE
from model_management.allocator import keep_freed_memory


def write(folder: Path) -> None:
    pair = unet_pair(SD15, torch.device("cpu"), torch.float16)
    pair.theirs.save_pretrained(folder, max_shard_size="10GB")


def main(folder: Path, who: str) -> None:
    keep_freed_memory()
    if who == "write":
        write(folder)
        return
    x, times, context = torch.zeros(1, 4, 8, 8), torch.tensor([500.0]), torch.zeros(1, 77, SD15.context_width)
    marks: list[tuple[float, float]] = []

    def mark() -> None:
        marks.append((time.perf_counter(), time.process_time()))

    with torch.inference_mode():
        if who == "ours":
            # What a worker has imported before anybody asks for a model.
            from model_management.checkpoint import open_network
            from model_management.devices import choose_device
            from model_management.families.known import FAMILIES
            from model_management.weights import Weights

            weights = Weights(choose_device(cpu_only=True))
            mark()
            with weights.hold(open_network(folder / UNET_FILE, FAMILIES)) as net:
                for _ in range(3):
                    net(x, times, context)
                    mark()
        else:
            kind = import_diffusers().UNet2DConditionModel
            mark()
            net = kind.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True).eval()
            for _ in range(3):
                net(x, times, context, return_dict=False)
                mark()
    load_s, load_cpu_s = ((marks[1][i] - marks[0][i]) - (marks[3][i] - marks[2][i]) for i in (0, 1))
    print(json.dumps({"load_s": load_s, "load_cpu_s": load_cpu_s}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
