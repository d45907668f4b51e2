"""Nets run by compiled code: how often it is made, and what it gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from heddle.graph.errors import GraphError
from heddle.networks.flux import Flux, FluxConfig
from heddle.networks.ops import TRAINABLE
from heddle.networks.residuals import Residuals
from heddle.networks.unet import UNet, UNetConfig
from model_management.compiled import CompiledCalls, compiled_calls
from model_management.weight_patches import share_weights

#: As small as a UNet with an attention can be: tracing takes long.
TINY = UNetConfig(
    widths=(32,), blocks=(1,), depths=(1,), up_depths=((0, 0),), middle_depth=None, context_width=16, time_width=32
)


class Counting:
    """A compiler that compiles nothing, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, graph: Any, inputs: list[Any]) -> Any:
        self.asked += 1
        return graph.forward


def drawn_net(seed: int) -> UNet:
    torch.manual_seed(seed)
    return UNet(TINY, TRAINABLE).eval().requires_grad_(False)


def inputs(batch: int, height: int, width: int, length: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(batch, 4, height, width), torch.full((batch,), 10.0), torch.randn(batch, length, 16)


@torch.inference_mode()
def test_code_is_made_once_for_the_first_size_once_for_all_others_and_never_for_other_weights() -> None:
    backend = Counting()
    calls = CompiledCalls(backend)
    one, other = drawn_net(0), drawn_net(1)
    with_adapter = share_weights(one)
    layer = with_adapter.get_submodule("input_blocks.1.1.transformer_blocks.0.attn1.to_q")
    layer._parameters["weight"] = nn.Parameter(torch.randn(32, 32), requires_grad=False)

    def check(net: nn.Module, *given: Tensor) -> None:
        torch.testing.assert_close(calls(net, *given), net(*given), rtol=1e-4, atol=1e-5)

    for net in (one, other, with_adapter):
        check(net, *inputs(2, 8, 8))
    assert backend.asked == 1
    sizes = ((2, 8, 12), (2, 10, 6), (4, 7, 9), (2, 9, 16, 14))
    for net, size in zip((one, other, with_adapter, one), sizes, strict=True):
        check(net, *inputs(*size))
    assert backend.asked == 2
    check(one, *inputs(2, 8, 8))
    assert backend.asked == 2


@torch.inference_mode()
def test_residuals_of_a_control_net_go_into_the_code() -> None:
    net, calls = drawn_net(0), CompiledCalls(Counting())
    given = inputs(2, 4, 4)
    skips = (torch.randn(2, 32, 4, 4), torch.randn(2, 32, 4, 4))
    control = Residuals(skips, torch.randn(2, 32, 4, 4))
    got = calls(net, *given, control=control)
    torch.testing.assert_close(got, net(*given, control=control), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(got, net(*given), atol=1e-3)


@torch.inference_mode()
def test_a_transformer_that_keeps_what_follows_from_shapes_is_compiled_once() -> None:
    backend = Counting()
    calls = CompiledCalls(backend)
    torch.manual_seed(0)
    net = Flux(FluxConfig(64, 32, 48, double_blocks=1, single_blocks=0, context_width=16, vector_width=24), TRAINABLE)
    for _ in range(3):
        given = (torch.randn(2, 16, 4, 6), torch.rand(2), torch.randn(2, 5, 16), torch.randn(2, 24), torch.ones(2))
        torch.testing.assert_close(calls(net, *given), net(*given), rtol=1e-4, atol=1e-5)
    assert backend.asked == 1


def test_nets_of_one_structure_have_one_set_of_code() -> None:
    first = compiled_calls(UNet, TINY, "eager")
    assert compiled_calls(UNet, UNetConfig(**vars(TINY)), "eager") is first
    assert compiled_calls(UNet, TINY, "aot_eager") is not first


@torch.inference_mode()
def test_a_compiler_that_fails_is_told_with_what_it_needs() -> None:
    def failing(graph: Any, inputs: list[Any]) -> Any:
        raise RuntimeError("no compiler found")

    with pytest.raises(GraphError, match=r"cannot be compiled.*no compiler found.*leave TorchCompileModel out"):
        CompiledCalls(failing)(nn.Linear(2, 2), torch.ones(1, 2))
