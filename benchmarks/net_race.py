"""One net of ours against the same net of diffusers, with the same weights and inputs, in turn in one process.

Run as `python -m benchmarks.net_race NET ROUNDS DEVICE DTYPE`; prints what it measured as JSON:
ours_s, theirs_s: of each round. ours_cpu_s, theirs_cpu_s: the same in processor seconds, None on a GPU.
difference: the largest one between the two results, over the largest number in theirs.
processor, threads: what it ran on.
tera_operations: of one call, as the net's formulas count them; matrix_rate: tera operations a second in one large
matrix product; share: of that rate, what our net reaches.

With the word `ours` or `theirs` behind it, one of the two runs once: {"peak_bytes"}, over what was there before.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.both_nets import SD15, SDXL, Pair, text_pair, unet_pair, vae_pair
from heddle.networks.unet import UNetConfig, embed_timesteps
from model_management.allocator import keep_freed_memory

MATRIX = {"cpu": 2048, "cuda": 8192}  # side of the square ones that the rate is measured with
CLOSE = 1e-4  # in float32


@dataclass(frozen=True)
class Race:
    """The two calls, each with all that it needs."""

    ours: Callable[[], Tensor]
    theirs: Callable[[], Tensor]
    in_one: Callable[[], Tensor]  # our call on the meta device, for counting
    calls: int = 1  # that are timed as one, where a single one is over too soon


def unet_race(config: UNetConfig, px: int) -> Callable[[torch.device, torch.dtype], Race]:
    """A step with guidance: two latents, two texts, one time."""

    def prepare(device: torch.device, dtype: torch.dtype) -> Race:
        pair = unet_pair(config, device, dtype)
        chance = torch.Generator().manual_seed(1)

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=chance).to(device, dtype)

        x, context = draw(2, 4, px // 8, px // 8), draw(2, 77, config.context_width)
        time_of = torch.tensor([500.0, 500.0], device=device)
        mine: tuple[Tensor, ...] = (x, time_of, context)
        added: dict[str, Any] = {}
        if config.vector_width:
            pooled = draw(2, 1280)
            sizes = torch.tensor([[px, px, 0, 0, px, px]] * 2, device=device)
            vector = embed_timesteps(sizes.flatten(), 256).view(2, -1).to(dtype)
            mine = (*mine, torch.cat([pooled, vector], dim=1))
            added = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": sizes}}
        return Race(
            lambda: pair.ours(*mine),
            lambda: pair.theirs(x, time_of, context, return_dict=False, **added)[0],
            lambda: pair.ours.to("meta")(*(tensor.to("meta") for tensor in mine)),
        )

    return prepare


def vae_race(px: int) -> Callable[[torch.device, torch.dtype], Race]:
    def prepare(device: torch.device, dtype: torch.dtype) -> Race:
        pair = vae_pair(device, dtype)
        z = torch.randn(1, 4, px // 8, px // 8, generator=torch.Generator().manual_seed(1)).to(device, dtype)
        return Race(
            lambda: pair.ours.decode(z),
            lambda: pair.theirs.decode(z, return_dict=False)[0],
            lambda: pair.ours.to("meta").decode(z.to("meta")),
        )

    return prepare


def text_race(device: torch.device, dtype: torch.dtype) -> Race:
    """A text of 30 words in a row of 77 tokens."""
    pair: Pair = text_pair(device, dtype)
    tokens = torch.full((1, 77), 49407, device=device)
    tokens[0, 0] = 49406
    tokens[0, 1:31] = torch.randint(49000, (30,), generator=torch.Generator().manual_seed(1))
    return Race(
        lambda: pair.ours(tokens).states,
        lambda: pair.theirs(tokens, return_dict=False)[0],
        lambda: pair.ours.to("meta")(tokens.to("meta")).states,
        calls=10,
    )


NETS: dict[str, Callable[[torch.device, torch.dtype], Race]] = {
    "unet_sd15_256": unet_race(SD15, 256),
    "unet_sd15_512": unet_race(SD15, 512),
    "unet_sdxl": unet_race(SDXL, 512),
    "vae_decode_512": vae_race(512),
    "text_encode": text_race,
}


def run_race(name: str, rounds: int, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    race = NETS[name](device, dtype)
    calls = {"ours": race.ours, "theirs": race.theirs}
    found: dict[str, Any] = {f"{who}_{unit}": [] for who in calls for unit in ("s", "cpu_s")}
    with torch.inference_mode():
        mine, other = race.ours().float(), race.theirs().float()  # the first call of a process does more than a call
        found["difference"] = float((mine - other).abs().max() / other.abs().max())
        if dtype is torch.float32 and not found["difference"] <= CLOSE:
            sys.exit(f"the two nets disagree: {found['difference']:.1e} of the largest number, {CLOSE} is allowed")
        for number in range(rounds):
            for who in list(calls) if number % 2 else reversed(calls):
                wall_s, cpu_s = _time(calls[who], device, race.calls)
                found[f"{who}_s"].append(wall_s / race.calls)
                found[f"{who}_cpu_s"].append(None if cpu_s is None else cpu_s / race.calls)
        found["matrix_rate"] = matrix_rate(device, dtype) / 1e12
    found["tera_operations"] = count_operations(race.in_one) / 1e12
    found["share"] = found["tera_operations"] / statistics.median(found["ours_s"]) / found["matrix_rate"]
    found["processor"] = processor_name(device)
    found["threads"] = torch.get_num_threads()
    return found


def _time(call: Callable[[], Tensor], device: torch.device, calls: int = 1) -> tuple[float, float | None]:
    if device.type == "cuda":
        torch.cuda.synchronize()
    began, cpu_began = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began, None if device.type == "cuda" else time.process_time() - cpu_began


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second in the best of five products of square matrices."""
    side = MATRIX[device.type]
    a, b = (torch.randn(side, side, dtype=dtype, device=device) for _ in range(2))
    return 2 * side**3 / min(_time(lambda: a @ b, device)[0] for _ in range(5))


def count_operations(call: Callable[[], Tensor]) -> float:
    from torch.utils.flop_counter import FlopCounterMode  # takes a moment to import

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    return counter.get_total_flops()


def measure_peak(name: str, who: str, device: torch.device, dtype: torch.dtype) -> int:
    """The most memory that one call takes beside what was there before it. On a CPU: Linux only."""
    race = NETS[name](device, dtype)
    call = race.ours if who == "ours" else race.theirs
    with torch.inference_mode():
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            call()
            return torch.cuda.max_memory_allocated() - before
        before = _status_bytes("VmRSS:")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew; source: proc(5)
        call()
        return _status_bytes("VmHWM:") - before


def _status_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def processor_name(device: torch.device) -> str:
    """What the maker calls it, with the generation, which a cloud's name for it may leave out."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    told: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            told.setdefault(key.strip(), value.strip())
    except OSError:
        import platform  # elsewhere than on Linux

        return platform.processor()
    name = f"{told.get('model name', '')}, family {told.get('cpu family', '')}, model {told.get('model', '')}"
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def main(name: str, rounds: str, device_name: str, dtype_name: str, who: str = "") -> None:
    if os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    keep_freed_memory()  # as a worker has it, for both alike
    device, dtype = torch.device(device_name), getattr(torch, dtype_name)
    if who:
        print(json.dumps({"peak_bytes": measure_peak(name, who, device, dtype)}))
    else:
        print(json.dumps(run_race(name, int(rounds), device, dtype)))


if __name__ == "__main__":
    main(*sys.argv[1:])
