from pathlib import Path

import pytest
import torch

from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from tests.nodes.fake_context import FakeContext
from tests.nodes.hook_runs import write_models


@pytest.fixture(scope="package")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that no test changes."""
    return write_models(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def opened(base: Path) -> OpenedCheckpoint:
    return open_checkpoint(base / "models/checkpoints/tiny.safetensors", FAMILIES)


@pytest.fixture
def ctx(base: Path) -> FakeContext:
    return FakeContext(base, Weights(torch.device("cpu")))


@pytest.fixture(autouse=True)
def no_training():
    with torch.inference_mode():
        yield
