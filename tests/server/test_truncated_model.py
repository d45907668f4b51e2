"""A model file cut short while the worker computes with it: the system ends the worker, and the queue goes on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from benchmarks.starting import picture_prompt
from server import supervisor
from tests.server.front_desk import front_desk
from tests.server.test_real_previews import real_worker
from tests.tiny_checkpoint import write_tiny_checkpoint

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="a file that is mapped cannot be cut there"),
    pytest.mark.timeout(600),
]

# Cuts the file between two runs of a net that it holds, as a copy over it begins.
CUTS = """
import os
from pathlib import Path
from model_management.current import current_weights

PLAN = Path(__file__).parents[1] / "cut"

class Cut:
    INPUT_TYPES = classmethod(lambda cls: {"required": {"latent": ("LATENT",), "vae": ("VAE",)}})
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "cut"

    def cut(self, latent, vae):
        with current_weights().hold(vae) as net:
            net.decode(latent["samples"])
            if PLAN.exists():
                os.truncate(PLAN.read_text(), 100_000)
                PLAN.unlink()
            net.decode(latent["samples"])
        return (latent,)

NODE_CLASS_MAPPINGS = {"Cut": Cut}
"""


async def test_a_file_cut_short_in_a_run_costs_that_job_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.05)
    models = tmp_path / "models" / "checkpoints"
    for name in ("cut", "other"):
        path = write_tiny_checkpoint(models / f"{name}.safetensors")
        # What is stored as it is computed with is used where the file is mapped.
        wide = {key: each.float() if each.is_floating_point() else each for key, each in load_file(path).items()}
        save_file(wide, path.with_suffix(".wide"))
        path.with_suffix(".wide").replace(path)
    (tmp_path / "custom_nodes").mkdir()
    (tmp_path / "custom_nodes" / "cuts.py").write_text(CUTS)

    def prompt(name: str, seed: int) -> dict[str, Any]:
        made = picture_prompt(f"{name}.safetensors", px=64, steps=4, seed=seed)
        made["cut"] = {"class_type": "Cut", "inputs": {"latent": ["empty", 0], "vae": ["loader", 2]}}
        made["sampler"]["inputs"]["latent_image"] = ["cut", 0]
        return made

    async with front_desk(tmp_path, real_worker(tmp_path)) as desk:

        async def is_ready() -> bool:
            return all(worker["state"] == "ready" for worker in await desk.workers())

        await desk.until(is_ready, timeout_s=120)
        pid = (await desk.workers())[0]["pid"]
        (tmp_path / "cut").write_text(str(models / "cut.safetensors"))
        failing = await desk.submit(prompt("cut", 1))
        behind = await desk.submit(prompt("other", 2))
        failed = (await desk.ended(failing, timeout_s=120))["status"]
        assert not (tmp_path / "cut").exists() and failed["completed"] is False
        assert "cut.safetensors is cut short" in str(failed["messages"]), failed
        assert (await desk.ended(behind, timeout_s=120))["status"]["completed"] is True
        assert (await desk.workers())[0]["pid"] != pid
        write_tiny_checkpoint(models / "cut.safetensors")
        again = await desk.submit(prompt("cut", 3))
        assert (await desk.ended(again, timeout_s=120))["status"]["completed"] is True
