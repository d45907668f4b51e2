from pathlib import Path

import pytest
import torch

from tests.model_management import tiny


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Tiny nets: threads would wait for each other longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint that no test changes."""
    return tiny.write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny.safetensors")
