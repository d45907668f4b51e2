"""The UNet of SD 1.5 loaded and run on the CPU, in a process of its own.

Run as `python -m benchmarks.memory_rss FILE PX`; prints as JSON, in bytes, on Linux:
peak_bytes: the most resident memory, what is mapped of the file with it. weights_bytes: of the net.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from benchmarks.memory_steps import peak_bytes
from model_management.allocator import keep_freed_memory
from model_management.checkpoint import open_network
from model_management.families.known import FAMILIES
from model_management.weights import Weights


def main(file: Path, px: int) -> None:
    keep_freed_memory()
    model = open_network(file, FAMILIES)
    x, context = torch.zeros(2, 4, px // 8, px // 8), torch.zeros(2, 77, model.config.context_width)
    with torch.inference_mode(), Weights(torch.device("cpu")).hold(model) as net:
        for _ in range(2):
            net(x, torch.tensor([500.0, 500.0]), context)
    print(json.dumps({"peak_bytes": peak_bytes(), "weights_bytes": 4 * model.stored.numel}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
