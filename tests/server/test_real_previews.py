"""Previews from end to end: the demo model samples in a real worker, a client gets pictures of it."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import AsyncIterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest_asyncio
from PIL import Image

from benchmarks.starting import DEMO_CHECKPOINT, picture_prompt
from execution.protocol import open_wire
from heddle.settings.command_line import parse
from main import work
from server.transport import StartWorker
from tests.server.front_desk import Desk, front_desk, heard_until, is_over

STEPS = 60  # some seconds: long enough for several


def real_worker(base: Path, *options: str, device: str = "cpu") -> StartWorker:
    """The worker that main.py starts, with folders below `base`."""

    def start() -> Any:
        settings = parse(["--base-directory", str(base), "--preview-size", "96", *options])
        spawn = get_context("spawn")
        ours, theirs = open_wire()
        process = spawn.Process(target=work, args=(settings, theirs, device), daemon=True)
        process.start()
        theirs.close()
        return ours, process

    return start


@pytest_asyncio.fixture
async def real_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with front_desk(tmp_path, real_worker(tmp_path)) as desk:
        yield desk


async def is_ready(desk: Desk) -> bool:
    return all(worker["state"] == "ready" for worker in await desk.workers())


async def test_a_client_sees_what_the_demo_model_is_painting(real_desk: Desk) -> None:
    reads = await real_desk.socket("reads", supports_preview_metadata=True)
    await real_desk.until(lambda: is_ready(real_desk), timeout_s=120)  # torch is imported meanwhile
    prompt = picture_prompt(DEMO_CHECKPOINT, px=128, steps=STEPS, seed=3)
    job_id = await real_desk.submit(prompt, client_id="reads")
    frames = [m for m in await heard_until(reads, is_over) if isinstance(m, bytes)]
    assert frames, "no preview came"
    for frame in frames:
        kind, length = struct.unpack_from(">II", frame)
        told = json.loads(frame[8 : 8 + length])
        assert kind == 4
        assert (told["prompt_id"], told["node_id"], told["display_node_id"]) == (job_id, "sampler", "sampler")
        assert told["image_type"] == "image/jpeg"
        with Image.open(io.BytesIO(frame[8 + length :])) as picture:
            assert (picture.format, picture.size) == ("JPEG", (96, 96))
    assert (await real_desk.json(f"/history/{job_id}"))[job_id]["status"]["completed"] is True

    async def holding() -> list[str]:
        return (await real_desk.workers())[0]["holding"]

    assert await real_desk.until(holding) == [DEMO_CHECKPOINT], "the next job with this model comes here"

    plain = await real_desk.socket("plain")
    prompt["sampler"]["inputs"]["seed"] = 4
    await real_desk.submit(prompt, client_id="plain")
    assert [m for m in await heard_until(plain, is_over) if isinstance(m, bytes)] == []

    prompt["sampler"]["inputs"]["seed"] = 6
    await real_desk.submit(prompt, client_id="plain", extra_data={"preview_method": "auto"})
    frames = [m for m in await heard_until(plain, is_over) if isinstance(m, bytes)]
    assert frames and all(struct.unpack_from(">II", frame) == (1, 1) for frame in frames)

    prompt["sampler"]["inputs"]["seed"] = 5
    await real_desk.submit(prompt, client_id="plain", extra_data={"preview_method": "none"})
    assert [m for m in await heard_until(plain, is_over) if isinstance(m, bytes)] == []

    async def is_empty() -> bool:
        return not await holding()

    await real_desk.post("/free", json={"unload_models": True})
    assert await real_desk.until(is_empty)
