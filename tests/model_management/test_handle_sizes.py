"""What the cache of results counts handles of models as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from heddle.numerics.sizes import bytes_of
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.weight_patches import WeightPatch
from tests.tiny_checkpoint import write_tiny_checkpoint

LITTLE = 20_000


@dataclass
class Changes:
    """Changes of weights that lie in memory."""

    tensors: torch.Tensor


@dataclass
class MaskOfAPatch:
    mask: torch.Tensor


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(write_tiny_checkpoint(tmp_path_factory.mktemp("files") / "tiny.safetensors"), FAMILIES)


def test_handles_count_as_small_also_with_changes_of_their_weights(opened: OpenedCheckpoint) -> None:
    assert opened.clip is not None and opened.vae is not None
    assert bytes_of([opened.model, opened.clip, opened.vae]) < LITTLE
    source: Any = Changes(torch.zeros(1_000_000))
    assert bytes_of(opened.model.with_patch("lora", WeightPatch(source))) < LITTLE


def test_pictures_that_were_put_into_a_handle_count(opened: OpenedCheckpoint) -> None:
    masked = opened.model.with_patch("mask", MaskOfAPatch(torch.zeros(1_000_000)))
    assert 0 <= bytes_of([opened.model, masked]) - 4_000_000 < LITTLE
