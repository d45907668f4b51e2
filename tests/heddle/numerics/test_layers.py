from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from heddle.numerics import layers
from heddle.numerics.layers import conv2d, conv2d_of_doubled, conv_along_time, gated_gelu, linear

needs_one_dnn = pytest.mark.skipif(layers.one_dnn() is None, reason="this build of torch has no oneDNN")


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))) / 8


def plain_gate(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    value, gate = functional.linear(x, weight, bias).chunk(2, dim=-1)
    return value * functional.gelu(gate)


def doubled(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.conv2d(functional.interpolate(x, scale_factor=2.0, mode="nearest"), weight, bias, padding=1)


def compare(ours: Callable[..., Tensor], plain: Callable[..., Tensor], *tensors: Tensor) -> None:
    """Without gradients, and with them."""
    wanted = plain(*(tensor.double() for tensor in tensors)).float()
    with torch.no_grad():
        torch.testing.assert_close(ours(*tensors), wanted, rtol=1e-5, atol=1e-5)
    for tensor in tensors:
        tensor.requires_grad_()
    made = ours(*tensors)
    torch.testing.assert_close(made, wanted, rtol=1e-5, atol=1e-5)
    made.sum().backward()
    assert all(tensor.grad is not None for tensor in tensors)


@pytest.mark.parametrize("rows", [1, 40])
def test_a_linear_layer_is_what_it_is_called(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "FEWEST_NUMBERS", 1)
    compare(linear, functional.linear, draw(2, rows, 24), draw(16, 24), draw(16))


@pytest.mark.parametrize("rows", [1, 40])
def test_a_gate_lets_through_its_share(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "FEWEST_NUMBERS", 1)
    compare(gated_gelu, plain_gate, draw(2, rows, 24), draw(32, 24), draw(32))


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "padding"),
    [
        (3, 3, 1, 1), (7, 3, 1, 1), (10, 3, 1, 1), (17, 3, 1, 1), (17, 3, 2, 1), (33, 3, 2, 1),
        (16, 3, 1, 0), (12, 1, 1, 0), (12, 1, 2, 0), (9, 5, 1, 2),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channels", [3, 64])
def test_a_convolution_is_the_same_whichever_way_it_goes(
    side: int, kernel: int, stride: int, padding: int, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "WIDE", 64)
    monkeypatch.setattr(layers, "MANY_CHANNELS", 64)
    compare(
        lambda x, weight, bias: conv2d(x, weight, bias, (stride, stride), (padding, padding)),
        lambda x, weight, bias: functional.conv2d(x, weight, bias, stride, padding),
        draw(2, channels, side, side + 1), draw(channels, channels, kernel, kernel), draw(channels),
    )  # fmt: skip


@pytest.mark.parametrize("side", [2, 9])
@pytest.mark.parametrize("channels", [3, 64])
def test_a_doubled_picture_is_convolved(side: int, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "DOUBLED_NUMBERS", 64)
    compare(
        conv2d_of_doubled, doubled, draw(2, channels, side, side + 1), draw(channels, channels, 3, 3), draw(channels)
    )


@needs_one_dnn
def test_the_way_follows_from_the_picture_and_not_from_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    went = []
    monkeypatch.setattr(layers, "conv3x3", lambda x, weight, bias, border: went.append(x.shape) or x)
    monkeypatch.setattr(layers, "WIDE", 64)
    weight = draw(64, 64, 3, 3)
    with torch.no_grad():
        conv2d(draw(1, 64, 16, 16), weight, None, padding=(1, 1))
        conv2d(draw(5, 64, 16, 16), weight, None, padding=(1, 1))
        conv2d(draw(50, 64, 8, 8), weight, None, padding=(1, 1))
    assert went == [(1, 64, 16, 16), (5, 64, 16, 16)]


def test_half_precision_is_left_to_torch() -> None:
    x, weight = draw(1, 64, 16, 16).bfloat16(), draw(64, 64, 3, 3).bfloat16()
    with torch.no_grad():
        assert torch.equal(conv2d(x, weight, None, padding=(1, 1)), functional.conv2d(x, weight, None, padding=1))
        assert torch.equal(linear(x, weight[:, :16, 0, 0]), functional.linear(x, weight[:, :16, 0, 0]))


@needs_one_dnn
def test_as_on_a_card_torch_goes_its_own_way() -> None:
    x, weight = draw(1, 256, 16, 16), draw(256, 256, 3, 3)
    with torch.inference_mode():
        assert layers.is_plain(x, weight)
        with layers.as_on_a_card():
            assert not layers.is_plain(x, weight)
            assert torch.equal(conv2d(x, weight, None, padding=(1, 1)), functional.conv2d(x, weight, padding=1))
        assert layers.is_plain(x, weight)


@pytest.mark.parametrize(("frames", "padding"), [(5, 1), (1, 1), (5, 0)])
def test_a_convolution_along_time_is_that_of_three_axes(frames: int, padding: int) -> None:
    def plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return functional.conv3d(x, weight, bias, padding=(padding, 0, 0))

    def ours(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return conv_along_time(x, weight, bias, padding)

    compare(ours, plain, draw(2, 6, frames, 3, 4), draw(5, 6, 3, 1, 1), draw(5))
