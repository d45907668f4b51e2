"""Nodes that say how a network is run."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.numerics import attention_kernels
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.compiled import CompilePatch
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes.patches.attention import multiply_self_attention
from nodes.patches.running import choose_attention, compile_model, set_compute_dtype
from nodes.patches.unet import free_u
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


def test_a_models_attention_is_computed_by_the_kernel_that_was_chosen(
    opened: OpenedCheckpoint, ctx: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention_kernels, "PART_BYTES", 1000)
    asked: list[int] = []
    over_keys = attention_kernels._over_keys

    def counted(q: Tensor, *more: Any) -> Tensor:
        asked.append(q.shape[2])
        return over_keys(q, *more)

    monkeypatch.setattr(attention_kernels, "_over_keys", counted)
    wanted = sample(opened.model, ctx)
    assert not asked
    got = sample(choose_attention(opened.model, "sub-quadratic attention"), ctx)
    assert len(asked) > 2 * 14  # in parts, in each attention of each step
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-3)
    asked.clear()
    both = choose_attention(choose_attention(opened.model, "sub-quadratic attention"), "pytorch attention")
    assert torch.equal(sample(both, ctx), wanted)
    assert not asked


def test_a_kernel_of_a_package_that_is_not_there_is_refused_at_once(
    opened: OpenedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sageattention", None)
    with pytest.raises(GraphError, match="needs the package sageattention"):
        choose_attention(opened.model, "sage attention")


def test_a_compiled_model_gives_the_same_and_is_compiled_once_for_its_run(opened: OpenedCheckpoint, ctx: Any) -> None:
    asked: list[Any] = []

    def backend(graph: Any, inputs: list[Any]) -> Any:
        asked.append(graph)
        return graph.forward

    assert compile_model(opened.model, "inductor").patches == (("compile", CompilePatch("inductor")),)
    model = opened.model.with_patch("compile", CompilePatch(backend))
    torch.testing.assert_close(sample(model, ctx), sample(opened.model, ctx), rtol=1e-4, atol=1e-3)
    assert len(asked) == 1  # for two steps
    multiplied = multiply_self_attention(opened.model, 1.0, 1.0, 3.0, 1.0)
    got = sample(multiplied.with_patch("compile", CompilePatch(backend)), ctx)
    torch.testing.assert_close(got, sample(multiplied, ctx), rtol=1e-4, atol=1e-3)
    assert len(asked) == 1
    stepped_into = free_u(model, 1.1, 1.5, 0.9, 0.2)
    assert torch.equal(sample(stepped_into, ctx), sample(free_u(opened.model, 1.1, 1.5, 0.9, 0.2), ctx))
    assert len(asked) == 1


def test_a_compiled_model_attends_by_torchs_kernels_alone(opened: OpenedCheckpoint) -> None:
    with pytest.raises(GraphError, match="compiled model attends by torch's own kernels, but split attention"):
        compile_model(choose_attention(opened.model, "split attention"), "inductor")
    with pytest.raises(GraphError, match="leave TorchCompileModel out"):
        choose_attention(compile_model(opened.model, "inductor"), "split attention")
    compile_model(choose_attention(opened.model, "pytorch attention"), "inductor")
