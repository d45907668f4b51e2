"""A UNet of published size on a pretended card that holds all of it, or a part.

Run as `python -m benchmarks.memory_steps NAME FILE PX`; prints what it measured as JSON:
compute_s: a step where all weights are there, on the card's own clock.
ratios: by the card's memory in percent of the weights: the time of a step once it is known what stays, over the larger
of `compute_s` and the time that its link needs for what is brought; parts: of what that is made.
refused, differs, exceeds: at which percents there is no room at all, results are not those of the whole card bit for
bit, or more is taken than there is.
peak_bytes: the most memory of this process (Linux), with what is mapped of the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.memory_files import UNETS
from heddle.graph.errors import OutOfMemory
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.allocator import keep_freed_memory
from model_management.checkpoint import open_network
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.weights import Weights

#: A card of the middle: 20 TFLOPS, 400 GB/s to its memory, 12 GB/s over its link.
FLOPS, MEMORY_BYTES_S, LINK_BYTES_S = 20e12, 400e9, 12e9
PERCENTS = (100, 75, 50, 25, 10)
LEARNING_STEPS = 3
STEPS = 2  # that count


def run(model: Model, given: tuple[torch.Tensor, ...], total_bytes: int, steps: int) -> tuple[Any, list[Any]]:
    """The card, and of each step the result, the seconds and the bytes that were brought."""
    card = PretendedAccelerator(total_bytes, link_bytes_s=LINK_BYTES_S, flops=FLOPS, memory_bytes_s=MEMORY_BYTES_S)
    weights = Weights(torch.device("cpu"), accelerator=card)
    found = []
    with torch.inference_mode(), weights.hold(model) as net:
        for _ in range(steps):
            seconds, brought = card.computed_s, card.brought_bytes
            made = net(*given).clone()
            found.append((made, card.computed_s - seconds, card.brought_bytes - brought))
            del made
    weights.release_all()
    return card, found


def measure(name: str, file: Path, px: int) -> dict[str, Any]:
    model, config = open_network(file, FAMILIES), UNETS[name][0]
    chance = torch.Generator().manual_seed(1)
    given = (
        torch.randn(1, 4, px // 8, px // 8, generator=chance),
        torch.tensor([500.0]),
        torch.randn(1, 77, config.context_width, generator=chance),
    )
    if config.vector_width:
        given = (*given, torch.randn(1, config.vector_width, generator=chance))
    whole = sum(entry.end - entry.begin for entry in model.stored.header.tensors.values())
    _, alone = run(model, given, 10 * whole + (4 << 30), 2)
    wanted, compute_s, brought = alone[-1]
    assert not brought, "all weights are there"
    ratios: dict[str, float] = {}
    parts: dict[str, dict[str, float]] = {}
    refused: list[int] = []
    differs: list[int] = []
    exceeds: list[int] = []
    for percent in PERCENTS:
        try:
            card, found = run(model, given, whole * percent // 100, LEARNING_STEPS + STEPS)
        except OutOfMemory as problem:
            print(percent, problem, file=sys.stderr, flush=True)
            refused.append(percent)
            continue
        if not all(torch.equal(made, wanted) for made, _, _ in found):
            differs.append(percent)
        if card.most_bytes > card.size_bytes:
            exceeds.append(percent)
        steady = found[LEARNING_STEPS:]
        seconds, link_s = (sum(each[at] for each in steady) / STEPS for at in (1, 2))
        link_s /= LINK_BYTES_S
        ratios[str(percent)] = seconds / max(compute_s, link_s)
        parts[str(percent)] = {"step_s": seconds, "link_s": link_s, "most": card.most_bytes / card.size_bytes}
        print(percent, ratios[str(percent)], parts[str(percent)], file=sys.stderr, flush=True)
    return {
        "weights_gb": whole / 1e9,
        "compute_s": compute_s,
        "ratios": ratios,
        "parts": parts,
        "refused": refused,
        "differs": differs,
        "exceeds": exceeds,
    }


def peak_bytes() -> int | None:
    """The most memory that this process had; None off Linux."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    keep_freed_memory()
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])) | {"peak_bytes": peak_bytes()}))
