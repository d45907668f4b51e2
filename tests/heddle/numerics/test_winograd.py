import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, linear

from heddle.numerics import winograd
from heddle.numerics.winograd import conv3x3, conv3x3_of_doubled


def see_equal(made: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(made, wanted, rtol=1e-5, atol=1e-5)


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("size", [(8, 6), (5, 7), (1, 1), (2, 3)])
@pytest.mark.parametrize("border", [0, 1])
def test_tiles_give_what_the_sum_gives(size: tuple[int, int], border: int) -> None:
    height, width = size[0] + 2 - 2 * border, size[1]
    x, weight, bias = draw(2, 3, height, width), draw(4, 3, 3, 3), draw(4)
    wanted = conv2d(x, weight, bias, padding=(border, 1))
    see_equal(conv3x3(x, weight, bias, linear, border), wanted)


def test_a_bias_may_lack() -> None:
    x, weight = draw(1, 3, 4, 4), draw(2, 3, 3, 3)
    see_equal(conv3x3(x, weight, None, linear), conv2d(x, weight, padding=1))


@pytest.mark.parametrize("size", [(4, 6), (5, 3), (1, 1)])
def test_a_doubled_picture_is_convolved_without_being_made(size: tuple[int, int]) -> None:
    x, weight, bias = draw(2, 3, *size), draw(4, 3, 3, 3), draw(4)
    wanted = conv2d(interpolate(x, scale_factor=2.0, mode="nearest"), weight, bias, padding=1)
    see_equal(conv3x3_of_doubled(x, weight, bias, linear), wanted)


def test_strips_meet_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = draw(2, 3, 13, 9), draw(4, 3, 3, 3), draw(4)
    whole, doubled = conv3x3(x, weight, bias, linear), conv3x3_of_doubled(x, weight, bias, linear)
    monkeypatch.setattr(winograd, "STRIP_BYTES", 1)  # one row of tiles at a time
    see_equal(conv3x3(x, weight, bias, linear), whole)
    see_equal(conv3x3_of_doubled(x, weight, bias, linear), doubled)


def test_products_of_a_tile_are_sixteen_and_nine() -> None:
    rows = []

    def count(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows.append(x[..., 0].numel())
        return linear(x, weight, bias)

    conv3x3(draw(1, 3, 8, 8), draw(4, 3, 3, 3), None, count)
    assert rows == [16] * 16  # of the 16 tiles; a plain sum has 64 rows, nine times as long
    rows.clear()
    conv3x3_of_doubled(draw(1, 3, 4, 4), draw(4, 3, 3, 3), None, count)
    assert rows == [16] * 9
