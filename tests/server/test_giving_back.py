"""A real worker that has nothing to do gives the memory of weights back to the system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks.starting import picture_prompt
from tests.server.front_desk import Desk, front_desk
from tests.server.test_real_previews import is_ready, real_worker
from tests.tiny_checkpoint import UNET, write_tiny_checkpoint

#: What may stay: code that is loaded when it is first used, and what that keeps.
MOST_BYTES = 150_000_000
FILE_BYTES = 280_000_000


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("large")
    wide = replace(UNET, widths=(384, 768))
    path = write_tiny_checkpoint(base / "models" / "checkpoints" / "large.safetensors", unet=wide)
    assert path.stat().st_size > FILE_BYTES
    return base


async def resident_bytes(desk: Desk, wanted: Callable[[int], bool]) -> int:
    (worker,) = await desk.workers()
    process = psutil.Process(worker["pid"])

    async def looked() -> int:
        size = process.memory_info().rss
        return size if wanted(size) else 0

    return await desk.until(looked)


async def held_nets(desk: Desk) -> list[str]:
    (worker,) = (await desk.json("/api/v1/memory"))["workers"]
    return sorted(net["role"] for device in worker["devices"] for net in device["nets"])


@pytest.mark.parametrize("how", ["idle", "free", "idle, on a card"])
async def test_what_weights_took_is_given_back(base: Path, how: str) -> None:
    options = ["--disk-cache-size=0"]
    options += ["--unload-after-min=0.1"] if "idle" in how else ["--unload-after-min=0"]
    options += ["--pretend-device=2GB"] if "card" in how else []
    async with front_desk(base, real_worker(base, *options)) as desk:
        await desk.until(lambda: is_ready(desk), timeout_s=120)  # torch is imported meanwhile
        start = await resident_bytes(desk, lambda size: True)
        job_id = await desk.submit(picture_prompt("large.safetensors", px=64, steps=2, seed=how.count("e")))
        await desk.until(lambda: held_nets(desk))
        await resident_bytes(desk, lambda size: size > start + FILE_BYTES)
        await desk.ended(job_id)
        if how == "free":
            assert await held_nets(desk) == ["network", "text", "vae"]
            await desk.post("/free", json={"unload_models": True, "free_memory": True})
        await resident_bytes(desk, lambda size: size < start + MOST_BYTES)
        assert await held_nets(desk) == []

        async def holding() -> bool:
            return not (await desk.workers())[0]["holding"]

        await desk.until(holding)
