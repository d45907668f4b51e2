"""main.py with a device that is only counted, and with other options about memory, as a person uses it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heddle.settings.options import HOUSE
from tests.test_commands import WORKFLOW, command

MODEL = HOUSE / "models" / "checkpoints" / "heddle-demo.safetensors"
SMALL = [f"--set=Empty Latent Image.{side}=64" for side in ("width", "height")]
SMALL += ["--set=KSampler.steps=2", "--set=KSampler.seed=5", "--disk-cache-size=0", "--cpu"]


def picture(folder: Path, *words: str) -> np.ndarray:
    made = command("run", WORKFLOW, *SMALL, f"--output-directory={folder}", f"--user-directory={folder}", *words)
    assert made.returncode == 0, made.stderr
    with Image.open(made.stdout.strip()) as opened:
        return np.asarray(opened).astype(int)


def part(share: float) -> str:
    return f"--pretend-device={int(share * MODEL.stat().st_size)}"


def test_a_picture_is_the_same_on_a_device_that_holds_less_than_half_of_the_model(tmp_path: Path) -> None:
    whole = picture(tmp_path, part(1.0))
    assert np.array_equal(picture(tmp_path, part(0.4)), whole)
    assert np.array_equal(picture(tmp_path, part(1.0), "--novram"), whole)
    assert np.array_equal(picture(tmp_path, "--pretend-device=1GB", f"--vram-limit={MODEL.stat().st_size // 2}"), whole)
    # Convolutions whose weights lie elsewhere differ in their last bits.
    assert np.abs(picture(tmp_path) - whole).max() <= 1


def test_a_device_smaller_than_a_weight_is_refused_with_numbers(tmp_path: Path) -> None:
    folders = [f"--output-directory={tmp_path}", f"--user-directory={tmp_path}"]
    refused = command("run", WORKFLOW, *SMALL, *folders, "--pretend-device=1MB")
    assert refused.returncode == 1
    assert "one use of a weight takes 3 MB, but 1 MB are free" in refused.stderr


@pytest.mark.parametrize("words", [["--fp8_e4m3fn-unet", "--fp8_e5m2-text-enc"], ["--bf16-unet", "--bf16-vae"]])
def test_other_number_formats_give_nearly_the_same_picture(tmp_path: Path, words: list[str]) -> None:
    exact, other = picture(tmp_path), picture(tmp_path, *words)
    assert 0 < np.abs(exact - other).mean() < 20
