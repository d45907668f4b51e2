"""Nodes that say how a network is run."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes.patches.running import set_compute_dtype
from nodes.sampling.ksampler import ksampler
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint

EMPTY = {"samples": torch.zeros(1, 4, 6, 8)}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(write_tiny_checkpoint(tmp_path_factory.mktemp("m") / "tiny.safetensors"), FAMILIES)


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext(weights=Weights(torch.device("cpu")))


def sample(model: Any, ctx: Any, latent: dict[str, Any] = EMPTY) -> torch.Tensor:
    text = [[torch.randn(1, 77, 64, generator=torch.Generator().manual_seed(1)), {}]]
    with torch.inference_mode():
        return ksampler(model, 7, 2, 1.0, "euler", "normal", text, text, latent, 1.0, ctx)["samples"]


def test_weights_are_kept_and_computed_in_the_format_that_was_asked_for(opened: OpenedCheckpoint, ctx: Any) -> None:
    with ctx.weights.hold(set_compute_dtype(opened.model, "bf16")) as net, ctx.weights.hold(opened.model) as plain:
        assert {weight.dtype for weight in net.parameters()} == {torch.bfloat16}
        assert {weight.dtype for weight in plain.parameters()} == {torch.float32}
    back = set_compute_dtype(set_compute_dtype(opened.model, "fp16"), "default")
    assert back == opened.model
    got, wanted = (sample(each, ctx) for each in (set_compute_dtype(opened.model, "bf16"), opened.model))
    assert got.dtype == torch.float32
    assert not torch.equal(got, wanted)
    torch.testing.assert_close(got, wanted, rtol=0.1, atol=0.3 * float(wanted.std()))
